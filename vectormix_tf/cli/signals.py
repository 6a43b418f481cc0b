"""Signals that end a run as Ctrl-C does: what has been made is kept."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

# What service managers, containers and batch systems send; when a terminal is closed;
# Ctrl-Break on Windows. Those that the system does not have are left out.
_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class _State:
    """What has happened in this command.

    Attributes:
        received: The first of the signals; None before it.
        writing: Whether a finished run is being written, which is not interrupted.
    """

    received: int | None = None
    writing = False


def exit_code() -> int:
    """Returns the exit code of a command that was interrupted, as shells number it."""
    number = signal.SIGINT if _State.received is None else _State.received
    return 128 + number


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Makes these signals raise `KeyboardInterrupt`, unless they are ignored.

    Only the first one does: a closed terminal sends several, and the rest would end the
    writing of what has been made.
    """
    _State.received, before = None, {}
    for number in _NUMBERS:
        # Ignored after `nohup`; another handler is that of a program around this one.
        if signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def finishing() -> Iterator[None]:
    """Lets these signals wait until what has been made is written."""
    _State.writing = True
    try:
        yield
    finally:
        _State.writing = False


def _interrupt(number: int, frame: FrameType | None) -> None:
    first = _State.received is None
    _State.received = number if first else _State.received
    if first and not _State.writing:
        raise KeyboardInterrupt
