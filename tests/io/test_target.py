"""Where files are written: links, mounts, permissions, names; and what is refused."""

import errno
import io
import os
import stat
import unicodedata

import pytest
from mistakes import lock, refusal

from vectormix_tf.io import output, target

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(path, **options):
    """The line with which a path is refused, before anything is written."""
    before = sorted(os.listdir())
    text = refusal(output.check_path, path, overwrite=True, **options)
    assert sorted(os.listdir()) == before
    assert text.startswith(f"output `{path}`")
    return text


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# --- Links ----------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["old.png", "else/old.png"])
def test_a_link_stays_and_its_target_is_replaced(where, folder):
    (folder / "else").mkdir()
    (folder / where).write_bytes(b"old")
    os.symlink(where, "out.png")
    before = os.stat(where).st_ino
    output.check_path("out.png", overwrite=True)
    output.write_bytes("out.png", b"new", overwrite=True)
    assert os.readlink("out.png") == where
    assert (folder / where).read_bytes() == b"new"
    assert os.stat(where).st_ino != before  # replaced as a whole, not written into
    assert os.listdir("else") == [where[5:]] * (where != "old.png")


def test_a_chain_of_links_stays(folder):
    (folder / "file").write_bytes(b"old")
    os.symlink("file", "b")
    os.symlink("b", "a.png")
    output.write_bytes("a.png", b"new", overwrite=True)
    assert (os.readlink("a.png"), os.readlink("b")) == ("b", "file")
    assert (folder / "file").read_bytes() == b"new"


def test_a_link_to_a_file_that_is_not_there_yet_makes_it(folder):
    os.symlink("new.png", "out.png")
    assert "`overwrite`" in refusal(output.check_path, "out.png")
    output.check_path("out.png", overwrite=True)
    output.write_bytes("out.png", b"new", overwrite=True)
    assert os.path.islink("out.png") and (folder / "new.png").read_bytes() == b"new"


def test_a_link_into_a_folder_that_is_not_there_is_refused():
    os.symlink(os.path.join("no", "x.png"), "out.png")
    assert "does not exist; make it" in refused("out.png")


def test_a_loop_of_links_is_one_line_before_and_after():
    os.symlink("a.png", "b.png")
    os.symlink("b.png", "a.png")
    assert "links; name another file" in refused("a.png")
    assert "links" in refusal(output.write_bytes, "a.png", b"", overwrite=True)
    assert os.path.islink("a.png") and os.path.islink("b.png")


def test_a_link_to_an_input_that_is_another_output_is_seen():
    os.symlink("plot.png", "out.png")  # neither exists
    assert "also an input" in refused("out.png", inputs=["plot.png"])


# --- What cannot be replaced ----------------------------------------------------------


@pytest.mark.parametrize("name", ["out.png", "with space.png", "né.png", "a\\b\tc.png"])
def test_a_file_that_is_a_mount_is_refused(name, folder, monkeypatch):
    """The lines are those of Linux (proc_pid_mountinfo(5)) after `mount --bind`."""
    (folder / name).write_bytes(b"")
    (folder / "other.png").write_bytes(b"")
    place = os.path.realpath(name)
    for letter in "\\ \t":
        place = place.replace(letter, f"\\{ord(letter):03o}")
    mounts = folder / "mounts"
    mounts.write_bytes(
        b"22 1 8:1 / / rw - ext4 /dev/sda rw\n"
        + f"36 22 8:1 /x {place} rw - ext4 /dev/sda rw\n".encode()
    )
    monkeypatch.setattr(target, "_MOUNTS", mounts)
    assert "mount of its own" in refused(name) and "mount its folder" in refused(name)
    output.check_path("other.png", overwrite=True)
    os.symlink(name, "link.png")
    assert "mount of its own" in refused("link.png")


def test_a_system_without_a_table_of_mounts_has_no_such_files(folder, monkeypatch):
    monkeypatch.setattr(target, "_MOUNTS", folder / "none")
    (folder / "out.png").write_bytes(b"")
    output.check_path("out.png", overwrite=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_refused():
    os.mkfifo("out.png")
    assert "is a pipe or a device; name a file" in refused("out.png")


@POSIX
def test_a_device_is_refused_and_never_replaced():
    assert "is a pipe or a device" in refused("/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_read_only_file_is_refused(folder, monkeypatch):
    (folder / "out.png").write_bytes(b"")
    access = os.access  # asked for, because root may write anything
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not (
        mode & os.W_OK and os.path.basename(path) == "out.png"))  # fmt: skip
    assert "is read-only; change its permissions" in refused("out.png")


@POSIX
def test_in_a_shared_folder_the_file_of_another_user_is_refused(folder, monkeypatch):
    (folder / "out.png").write_bytes(b"")
    owner = os.stat("out.png").st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    output.check_path("out.png", overwrite=True)
    folder.chmod(0o1777)  # as /tmp is
    assert "belongs to another user" in refused("out.png")
    for user in (0, owner):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        output.check_path("out.png", overwrite=True)


def test_a_folder_that_takes_no_file_is_refused_with_the_reason(folder, monkeypatch):
    (folder / "locked").mkdir()
    lock(folder / "locked", monkeypatch)
    path = os.path.join("locked", "x.png")
    assert "`locked` cannot be written to: Permission denied" in refused(path)
    os.symlink(path, "out.png")  # its target counts
    assert "cannot be written to: Permission denied" in refused("out.png")


def test_a_folder_to_be_made_needs_a_folder_above_it(folder, monkeypatch):
    (folder / "file").write_bytes(b"")
    (folder / "locked").mkdir()

    def check(path):
        target.check_new_folder(path, f"output `{path}`")
        assert sorted(os.listdir()) == ["file", "locked"]

    for path in ("new", "new/deeper/", "locked", "locked/new"):
        check(path)
    assert "file` is not a folder; name another" in refusal(check, "file/new/deeper")
    lock(folder / "locked", monkeypatch)
    for path in ("locked", "locked/new/deeper"):
        assert "cannot be written to: Permission denied" in refusal(check, path)


# --- Names ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "new/", "file/", "sub", "sub/"])
def test_what_names_no_file_is_refused(path, folder):
    (folder / "sub").mkdir()
    (folder / "file").write_bytes(b"")
    assert "is no file name; name a file" in refused(path)


def test_a_name_that_is_too_long_is_refused():
    assert "too long" in refused("a" * 300 + ".png")
    assert "null" in refused("a\0.png")


def test_the_longest_name_there_is_can_be_written(folder):
    for name in ("a" * 251 + ".png", "a." + "b" * 253):
        output.check_path(name)
        output.write_bytes(name, b"new")
        assert (folder / name).read_bytes() == b"new"


@pytest.mark.parametrize("path", ["file/x.png", "file/deeper/x.png"])
def test_a_file_is_never_proposed_as_a_folder(path, folder):
    (folder / "file").write_bytes(b"")
    text = refused(path)
    assert "`file` is not a folder" in text and "make" not in text


@pytest.mark.parametrize("path", ["~/x.png", "~/sub/x.png", "~nobody/x.png"])
def test_nobody_is_told_to_make_a_folder_called_tilde(path):
    text = refused(path)
    assert "make" not in text and "os.path.expanduser" in text


def test_a_folder_that_is_called_tilde_can_be_used(folder):
    (folder / "~").mkdir()
    output.check_path("~/x.png")
    output.write_bytes("~/x.png", b"new")
    assert (folder / "~" / "x.png").read_bytes() == b"new"


PAIRS = {
    "case": ("A.png", "a.PNG"),
    "accent": ("\u00e9.png", "e\u0301.png"),
    "both": ("\u00c9.png", "e\u0301.png"),
    "sharp s": ("stra\u00dfe.png", "STRASSE.png"),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_names_that_a_system_takes_for_one_are_one(pair, monkeypatch):
    def folded(name):
        return unicodedata.normalize("NFC", name).casefold()

    assert not target.is_same_file(*pair)  # this system does not
    assert os.listdir() == []
    monkeypatch.setattr(
        os.path,
        "lexists",
        lambda path: (
            folded(os.path.basename(path))
            in [folded(each) for each in os.listdir(os.path.dirname(path) or ".")]
        ),
    )
    assert target.is_same_file(*pair)
    assert "is also an input" in refused(pair[0], inputs=[pair[1]])
    assert not target.is_same_file("other.png", pair[1])
    assert os.listdir() == []


# --- Permissions ----------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
@pytest.mark.parametrize("link", [False, True])
def test_a_file_that_is_replaced_keeps_its_permissions(mode, link, folder):
    (folder / "file").write_bytes(b"old")
    (folder / "file").chmod(mode)
    if link:
        os.symlink("file", "out.png")
    output.write_bytes("out.png" if link else "file", b"new", overwrite=True)
    assert mode_of("file") == mode and (folder / "file").read_bytes() == b"new"


@POSIX
def test_a_file_is_private_before_it_has_content(folder, monkeypatch):
    (folder / "file").write_bytes(b"old")
    (folder / "file").chmod(0o600)
    seen = []

    class Seen(io.FileIO):
        def write(self, data):
            seen.append(mode_of(self.name))
            return super().write(data)

    monkeypatch.setattr(output, "open", Seen, raising=False)
    output.write_bytes("file", b"new", overwrite=True)
    assert seen == [0o600] and (folder / "file").read_bytes() == b"new"


@POSIX
@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_user_prescribes(umask):
    before = os.umask(umask)
    try:
        output.write_bytes("new.png", b"new")
    finally:
        os.umask(before)
    assert mode_of("new.png") == 0o666 & ~umask


@POSIX
def test_a_file_that_is_replaced_keeps_its_owner_where_that_is_allowed(
    folder, monkeypatch
):
    (folder / "file").write_bytes(b"old")
    own, given = os.stat("file"), []
    monkeypatch.setattr(os, "chown", lambda path, *owner: given.append(owner))
    output.write_bytes("file", b"new", overwrite=True)
    assert given == [(-1, own.st_gid), (own.st_uid, own.st_gid)]

    def deny(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chown", "chmod"):  # another's file, a memory card
        monkeypatch.setattr(os, name, deny)
    output.write_bytes("file", b"newer", overwrite=True)
    assert (folder / "file").read_bytes() == b"newer" and os.listdir() == ["file"]


@POSIX
def test_nothing_but_permissions_is_kept(folder):
    (folder / "file").write_bytes(b"old")
    (folder / "file").chmod(0o4755)
    output.write_bytes("file", b"new", overwrite=True)
    assert mode_of("file") == 0o755  # not setuid
