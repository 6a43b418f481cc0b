"""Places: folders and buckets do the same, and mistakes are one line."""

import hashlib
import os

import pytest
from mistakes import full_disk, refusal

from vectormix_tf.batches import places
from vectormix_tf.batches.places import Place
from vectormix_tf.errors import InputError, OutputError, ServerError
from vectormix_tf.io import buckets


@pytest.fixture(params=["folder", "bucket"])
def address(request, tmp_path):
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    return str(tmp_path / "place")


def test_what_was_put_is_there(address):
    place = Place(address)
    assert place.names() == set()
    place.put("a.png", b"one")
    place.put("unfinished/k/b", b"two")
    assert place.names() == {"a.png", "unfinished/k/b"}
    assert place.names("unfinished/") == {"unfinished/k/b"}
    assert place.get("unfinished/k/b") == b"two"
    assert places.read(place.where("a.png")) == b"one"
    place.put("a.png", b"other")
    assert place.get("a.png") == b"other"


def test_what_was_deleted_is_gone_and_may_be_deleted_again(address):
    place = Place(f"{address}/")
    place.put("unfinished/k/b", b"two")
    place.put("unfinished/m/b", b"three")
    for _ in range(2):
        place.delete("unfinished/k/b")
    assert place.names() == {"unfinished/m/b"}
    place.delete("unfinished/m/b")
    assert place.names() == set()
    assert "unfinished" not in refusal(place.get, "a").split("`")[0]


def test_a_folder_has_no_empty_folders_left(tmp_path):
    place = Place(str(tmp_path / "place"))
    place.put("unfinished/k/b", b"two")
    place.put("a", b"one")
    place.delete("unfinished/k/b")
    assert os.listdir(tmp_path / "place") == ["a"]
    place.delete("a")
    assert os.path.isdir(tmp_path / "place")


def test_patterns_mean_files_in_order(address, tmp_path):
    place = Place(address)
    for name in ("x/b.jpg", "x/a.jpg", "x/c.png", "y/d.jpg", "x/.hidden.jpg"):
        place.put(name, b"1")
    found = places.find(place.where("x/[!.]*.jpg"))
    assert found == [place.where("x/a.jpg"), place.where("x/b.jpg")]
    assert len(places.find(place.where("?/[!.]*.jpg"))) == 3
    assert "names no file" in refusal(places.find, place.where("x/*.gif"))


def test_folders_and_hidden_files_are_no_pictures(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    for name in ("b.jpg", "._b.jpg"):
        (tmp_path / name).write_bytes(b"1")
    assert places.find(str(tmp_path / "*.jpg")) == [str(tmp_path / "b.jpg")]


def test_a_digest_is_that_of_the_content(address):
    place = Place(address)
    place.put("a", b"one")
    assert places.digest(place.where("a")) == hashlib.sha256(b"one").hexdigest()
    assert "`" in refusal(places.digest, place.where("no"))


def test_the_digest_of_a_folder_goes_by_its_files_in_order(tmp_path):
    digests = []
    for names in (("1", "2"), ("1", "3"), ("2", "1")):
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        (folder / ".hidden").write_bytes(os.urandom(3))
        for name, content in zip(names, (b"one", b"two"), strict=True):
            (folder / name).write_bytes(content)
        digests.append(places.digest(str(folder)))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("address", ["ftp://a/b", "s3://", "s3:///x"])
def test_what_is_no_place_is_told(address):
    assert "neither a path nor s3://" in refusal(Place, address)
    assert "is no s3://BUCKET/KEY" in refusal(places.read, address)


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "a").touch()
    assert "is a file; name a folder" in refusal(Place, str(tmp_path / "a"))
    inside = Place(str(tmp_path / "a/b"))
    with pytest.raises(OutputError, match="could not make the folder"):
        inside.put("c", b"1")


def test_a_full_disk_is_an_output_error(tmp_path):
    place = Place(str(tmp_path))
    with full_disk(), pytest.raises(OutputError):
        place.put("a", b"1" * 100)
    assert place.names() == set()


def test_a_bucket_that_is_not_there_is_told(bucket):
    gone = Place("s3://no-such-bucket-here/x")
    for call in (gone.names, lambda: gone.put("a", b"1"), lambda: gone.get("a")):
        with pytest.raises(InputError, match="`s3://no-such-bucket-here/x"):
            call()


def test_a_store_that_does_not_answer_is_told_and_is_no_mistake_of_the_user(
    bucket, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(buckets.connect, "__defaults__", ("", 0))
    places._bucket.cache_clear()
    away = Place(f"{bucket}/away")
    for call in (away.names, lambda: away.put("a", b"1"), lambda: away.get("a")):
        with pytest.raises(ServerError) as caught:
            call()
        assert "\n" not in str(caught.value)
    away.delete("a")
    places._bucket.cache_clear()


def test_without_obstore_it_is_told_what_to_install(monkeypatch):
    places._bucket.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    assert "vectormix_tf[cluster]" in refusal(Place, "s3://some-bucket")
