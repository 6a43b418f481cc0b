import os
import pathlib
import threading

import pytest

from vectormix_tf.errors import InputError
from vectormix_tf.studio import store as stores
from vectormix_tf.studio.errors import MissingObject, Unavailable
from vectormix_tf.studio.store import Store, new_key


def test_what_was_put_is_there(any_store):
    key, other = new_key("ann"), new_key("ben")
    any_store.put(key, b"one")
    any_store.put(other, b"")
    assert any_store.get(key) == b"one"
    assert any_store.size(key) == 3 and any_store.size(other) == 0
    assert dict(any_store.list()) == {key: 3, other: 0}
    assert dict(any_store.list("ann")) == {key: 3}


def test_a_user_is_not_the_beginning_of_another(any_store):
    any_store.put(new_key("ann"), b"one")
    assert list(any_store.list("an")) == []


def test_what_was_deleted_is_gone_and_may_be_deleted_again(any_store):
    key = new_key("ann")
    any_store.put(key, b"one")
    any_store.delete(key)
    any_store.delete(key)
    assert any_store.size(key) is None
    with pytest.raises(MissingObject):
        any_store.get(key)
    assert list(any_store.list()) == []


@pytest.mark.parametrize("any_store", ["folder", "moto"], indirect=True)
def test_an_object_is_never_replaced(any_store):
    """Where the server knows conditional writes; no two objects have one key anyway."""
    key = new_key("ann")
    any_store.put(key, b"one")
    any_store.put(key, b"other")
    assert any_store.get(key) == b"one"


def test_49_megabytes_come_back_as_they_were(any_store):
    key, data = new_key("ann"), os.urandom(1 << 20) * 49
    any_store.put(key, data)
    assert any_store.get(key) == data


@pytest.mark.parametrize(
    "key", ["", "a", "u/ann/../../../etc/passwd", "u/ann/short", "/etc/passwd", "u//x"]
)
def test_what_is_no_key_reaches_no_file(any_store, key):
    for call in (any_store.get, any_store.delete, any_store.size):
        with pytest.raises(ValueError, match="no key"):
            call(key)


def test_keys_are_never_equal_and_tell_nothing():
    keys = {new_key("ann") for _ in range(1000)}
    assert len(keys) == 1000
    assert all(stores.KEY.fullmatch(key) for key in keys)


def test_a_store_that_can_be_written_stays_empty(any_store):
    any_store.check_writable()
    assert list(any_store.list()) == []


def test_a_server_that_is_away_is_told_in_one_line(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(stores, "RETRIES", 0)
    away = Store(bucket)
    for call in (away.check_writable, lambda: away.get(new_key("ann"))):
        with pytest.raises(Unavailable, match="the store s3://.* does not answer") as e:
            call()
        assert "\n" not in str(e.value)


def test_a_bucket_that_is_not_there_is_told(bucket):
    with pytest.raises(Unavailable):
        Store("s3://no-such-bucket-here").check_writable()


def test_a_full_disk_is_told_before_anything_is_written(tmp_path):
    full = Store(str(tmp_path / "store"), free_bytes=1 << 60)
    with pytest.raises(Unavailable, match="the store is full"):
        full.check_writable()
    assert list(full.list()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="does not answer"):
        Store(str(tmp_path / "file/store"))


@pytest.mark.parametrize("address", ["ftp://a/b", "s3://", "gs://bucket"])
def test_an_address_of_neither_kind_is_refused(address):
    with pytest.raises(InputError, match="`store` must be the path of a folder or s3"):
        Store(address)


def test_a_reader_never_sees_half_an_object(tmp_path):
    store = Store(str(tmp_path / "store"))
    keys = [new_key("ann") for _ in range(20)]
    data, seen, done = b"x" * 3_000_000, [], threading.Event()

    def watch():
        while not done.is_set():
            seen.extend(size for _, size in store.list())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for key in keys:
        store.put(key, data)
    done.set()
    watcher.join()
    assert set(seen) <= {len(data)}


def test_a_folder_holds_plain_files_by_key(tmp_path):
    store, key = Store(str(tmp_path / "store")), new_key("ann")
    store.put(key, b"one")
    files = [
        path
        for path in (pathlib.Path(store.address) / "u").rglob("*")
        if path.is_file()
    ]
    assert files == [tmp_path / "store" / key]


def test_a_disk_that_is_not_mounted_is_no_store(tmp_path):
    store = Store(str(tmp_path / "store"), free_bytes=0)
    key = new_key("ann")
    store.put(key, b"1")
    (tmp_path / "store").rename(tmp_path / "away")
    (tmp_path / "store").mkdir()  # the place where it would be mounted
    for call in (
        lambda: store.get(key),
        lambda: store.size(key),
        lambda: store.delete(key),
        lambda: store.put(new_key("ann"), b"2"),
        lambda: Store(str(tmp_path / "store"), make=False),
    ):
        with pytest.raises(Unavailable):
            call()
    assert list((tmp_path / "store").iterdir()) == []
    (tmp_path / "store").rmdir()
    (tmp_path / "away").rename(tmp_path / "store")
    assert store.get(key) == b"1"
