"""Storage: folders and buckets do the same, and mistakes are one line."""

import hashlib
import os

import pytest
from mistakes import full_disk, refusal

from vectormix_tf.batches import storage
from vectormix_tf.batches.storage import Storage
from vectormix_tf.errors import InputError, OutputError, ServerError
from vectormix_tf.io import buckets


@pytest.fixture(params=["folder", "bucket"])
def address(request, tmp_path):
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    return str(tmp_path / "store")


def test_what_was_put_is_there(address):
    store = Storage(address)
    assert store.names() == set()
    store.put("a.png", b"one")
    store.put("unfinished/k/b", b"two")
    assert store.names() == {"a.png", "unfinished/k/b"}
    assert store.names("unfinished/") == {"unfinished/k/b"}
    assert store.get("unfinished/k/b") == b"two"
    assert storage.read(store.where("a.png")) == b"one"
    store.put("a.png", b"other")
    assert store.get("a.png") == b"other"


def test_what_was_deleted_is_gone_and_may_be_deleted_again(address):
    store = Storage(f"{address}/")
    store.put("unfinished/k/b", b"two")
    store.put("unfinished/m/b", b"three")
    for _ in range(2):
        store.delete("unfinished/k/b")
    assert store.names() == {"unfinished/m/b"}
    store.delete("unfinished/m/b")
    assert store.names() == set()
    assert "unfinished" not in refusal(store.get, "a").split("`")[0]


def test_a_folder_has_no_empty_folders_left(tmp_path):
    store = Storage(str(tmp_path / "store"))
    store.put("unfinished/k/b", b"two")
    store.put("a", b"one")
    store.delete("unfinished/k/b")
    assert os.listdir(tmp_path / "store") == ["a"]
    store.delete("a")
    assert os.path.isdir(tmp_path / "store")


def test_patterns_mean_files_in_order(address, tmp_path):
    store = Storage(address)
    for name in ("x/b.jpg", "x/a.jpg", "x/c.png", "y/d.jpg", "x/.hidden.jpg"):
        store.put(name, b"1")
    found = storage.find(store.where("x/[!.]*.jpg"))
    assert found == [store.where("x/a.jpg"), store.where("x/b.jpg")]
    assert len(storage.find(store.where("?/[!.]*.jpg"))) == 3
    assert "names no file" in refusal(storage.find, store.where("x/*.gif"))


def test_folders_and_hidden_files_are_no_pictures(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    for name in ("b.jpg", "._b.jpg"):
        (tmp_path / name).write_bytes(b"1")
    assert storage.find(str(tmp_path / "*.jpg")) == [str(tmp_path / "b.jpg")]


def test_a_digest_is_that_of_the_content(address):
    store = Storage(address)
    store.put("a", b"one")
    assert storage.digest(store.where("a")) == hashlib.sha256(b"one").hexdigest()
    assert "`" in refusal(storage.digest, store.where("no"))


def test_the_digest_of_a_folder_goes_by_its_files_in_order(tmp_path):
    digests = []
    for names in (("1", "2"), ("1", "3"), ("2", "1")):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        (folder / ".hidden").write_bytes(os.urandom(3))
        for name, content in zip(names, (b"one", b"two"), strict=True):
            (folder / name).write_bytes(content)
        digests.append(storage.digest(str(folder)))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("address", ["ftp://a/b", "s3://", "s3:///x"])
def test_what_is_no_place_is_told(address):
    assert "neither a path nor s3://" in refusal(Storage, address)
    assert "is no s3://BUCKET/KEY" in refusal(storage.read, address)


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "a").touch()
    assert "is a file; name a folder" in refusal(Storage, str(tmp_path / "a"))
    inside = Storage(str(tmp_path / "a/b"))
    with pytest.raises(OutputError, match="could not make the folder"):
        inside.put("c", b"1")


def test_a_full_disk_is_an_output_error(tmp_path):
    store = Storage(str(tmp_path))
    with full_disk(), pytest.raises(OutputError):
        store.put("a", b"1" * 100)
    assert store.names() == set()


def test_a_bucket_that_is_not_there_is_told(bucket):
    gone = Storage("s3://no-such-bucket-here/x")
    for call in (gone.names, lambda: gone.put("a", b"1"), lambda: gone.get("a")):
        with pytest.raises(InputError, match="`s3://no-such-bucket-here/x"):
            call()


def test_a_store_that_does_not_answer_is_told_and_is_no_mistake_of_the_user(
    bucket, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(buckets.connect, "__defaults__", ("", 0))
    storage._bucket.cache_clear()
    away = Storage(f"{bucket}/away")
    for call in (away.names, lambda: away.put("a", b"1"), lambda: away.get("a")):
        with pytest.raises(ServerError) as caught:
            call()
        assert "\n" not in str(caught.value)
    away.delete("a")
    storage._bucket.cache_clear()


def test_without_obstore_it_is_told_what_to_install(monkeypatch):
    storage._bucket.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    assert "vectormix_tf[cluster]" in refusal(Storage, "s3://some-bucket")
