"""What happens to mistakes, on full disks and offline, for several test files."""

import contextlib
import errno
import io
import os

import pytest

from vectormix_tf.errors import VectormixError
from vectormix_tf.io import output, target


def refusal(call, *arguments, **options):
    """The text of the `VectormixError` that a call ends with."""
    with pytest.raises(VectormixError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert text and len(text.splitlines()) == 1
    return text


def unreachable(**_):
    """Stands for a network of Keras whose weights cannot be downloaded."""
    raise Exception("URL fetch failure on https://somewhere:\nNone -- unreachable")


@contextlib.contextmanager
def full_disk():
    """Every file that `output` opens takes ten bytes and no more."""

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    output.open = Full
    try:
        yield
    finally:
        del output.open


def lock(folder, monkeypatch):
    """Nothing can be made in a folder; not by permissions, which root does not need."""

    def refuse(path, mode):
        if os.path.realpath(os.path.dirname(path)) == os.path.realpath(folder):
            raise PermissionError(errno.EACCES, "Permission denied")
        return open(path, mode)

    monkeypatch.setattr(target, "open", refuse, raising=False)


def die_at_write(moment, monkeypatch):
    """The process dies before the write of that number, from 1, of `output`."""
    seen, write = [], output.write_bytes

    def die(path, data, overwrite):
        seen.append(path)
        if len(seen) == moment:
            raise SystemExit
        write(path, data, overwrite)

    monkeypatch.setattr(output, "write_bytes", die)
