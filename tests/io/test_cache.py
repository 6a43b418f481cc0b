"""The cache folder: what is kept in it, and that nothing about it fails."""

import os

import pytest

from vectormix_tf.io import cache

MOST = 2**20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "kept"


def write(key, data=b"data" * 100, most=MOST):
    cache.write("kept", key, data, most)


def only(folder):
    (file,) = folder.iterdir()
    return file


def test_what_was_kept_is_found_by_its_key_alone(folder):
    assert cache.read("kept", "a") is None
    write("a")
    assert cache.read("kept", "a") == b"data" * 100
    assert cache.read("kept", "b") is None and cache.read("other", "a") is None


def test_the_last_one_counts(folder):
    write("a", b"old")
    write("a", b"new")
    assert cache.read("kept", "a") == b"new" and len(os.listdir(folder)) == 1


@pytest.mark.parametrize("place", [0, 31, 32, 40, -1])
def test_a_file_that_is_damaged_is_none_and_is_replaced(folder, place):
    write("a")
    damaged = bytearray(only(folder).read_bytes())
    damaged[place] ^= 1
    only(folder).write_bytes(damaged)
    assert cache.read("kept", "a") is None
    write("a")
    assert cache.read("kept", "a") == b"data" * 100


@pytest.mark.parametrize("length", [0, 10, 32, 45])
def test_a_file_that_is_cut_off_is_none(folder, length):
    write("a")
    only(folder).write_bytes(only(folder).read_bytes()[:length])
    assert cache.read("kept", "a") is None


def test_a_file_of_another_key_is_none(folder):
    write("b")
    file = only(folder)
    write("a")
    (mine,) = set(folder.iterdir()) - {file}
    os.replace(file, mine)
    assert cache.read("kept", "a") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such bits")
def test_a_file_that_others_may_write_is_none(folder):
    write("a")
    assert only(folder).stat().st_mode & 0o777 == 0o600
    only(folder).chmod(0o620)
    assert cache.read("kept", "a") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such numbers")
def test_a_file_of_another_user_is_none(folder, monkeypatch):
    write("a")
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    assert cache.read("kept", "a") is None


def test_what_was_not_used_for_longest_goes_first(folder):
    for number, key in enumerate("abc"):
        write(key, os.urandom(1000))
        for file in folder.iterdir():
            if file.stat().st_mtime > 1000:
                os.utime(file, (number, number))
    assert cache.read("kept", "a") is not None  # which uses it
    write("d", os.urandom(1000), most=3500)
    found = {key for key in "abcd" if cache.read("kept", key)}
    assert found == {"a", "c", "d"}


def test_what_is_too_large_is_not_kept(folder):
    write("a", os.urandom(1000), most=500)
    assert not list(folder.iterdir())


def test_without_a_place_nothing_is_kept_and_nothing_fails(folder):
    folder.parent.write_text("a file, where a folder should be")
    write("a")
    assert cache.read("kept", "a") is None


def test_where_nothing_can_be_written_what_is_there_is_read(folder, monkeypatch):
    write("a")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    for name in ("utime", "makedirs"):
        monkeypatch.setattr(os, name, refuse)
    write("b")
    assert cache.read("kept", "a") == b"data" * 100 and cache.read("kept", "b") is None


def test_each_system_keeps_caches_where_it_is_used_to(monkeypatch):
    monkeypatch.delenv(cache.CACHE, raising=False)
    for system, name, value in (
        ("linux", "XDG_CACHE_HOME", "/x"),
        ("win32", "LOCALAPPDATA", "/x"),
        ("darwin", "HOME", "/x"),
    ):
        monkeypatch.setattr(cache.sys, "platform", system)
        monkeypatch.setenv(name, value)
        assert cache.cache_folder().startswith("/x")
        assert cache.cache_folder().endswith("vectormix_tf")


@pytest.mark.parametrize("name", [cache.CACHE, "XDG_CACHE_HOME"])
def test_a_tilde_in_the_environment_is_the_home_folder(name, monkeypatch, tmp_path):
    monkeypatch.delenv(cache.CACHE, raising=False)
    monkeypatch.setattr(cache.sys, "platform", "linux")
    for home in ("HOME", "USERPROFILE"):  # the latter on Windows
        monkeypatch.setenv(home, str(tmp_path))
    monkeypatch.setenv(name, "~/kept")
    assert cache.cache_folder().startswith(str(tmp_path / "kept"))
