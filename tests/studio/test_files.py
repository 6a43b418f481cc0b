import pytest

from vectormix_tf.studio import files, uploads, works
from vectormix_tf.studio.errors import Refusal


def served(town, viewer, key, token=None):
    try:
        return files.find(town.database, viewer, key, token)
    except Refusal as refusal:
        assert refusal.code == "not_found"
        return None


@pytest.mark.parametrize("visibility", ["private", "unlisted", "public"])
def test_bytes_are_seen_as_their_work_is(town, visibility):
    ann, ben, boss = town.person("ann"), town.person("ben"), town.administrator()
    work = town.work(ann)
    publish = (works.publish, town.database, town.settings, ann, work)
    token = publish[0](*publish[1:], visibility).share_token
    found = works.find(town.database, ann, work)
    for key in (found.picture, found.large, found.small):
        for viewer in (None, ben):
            seen = served(town, viewer, key)
            assert (seen is not None) == (visibility == "public")
            assert seen is None or seen.public
            if token is not None:
                assert served(town, viewer, key, token).public is False
                assert served(town, viewer, key, "wrong") is None
        for viewer in (ann, boss):
            assert served(town, viewer, key).media_type == "image/png"


def test_a_checkpoint_is_no_ones_to_read(town):
    ann = town.person("ann")
    town.submit(ann)
    key = town.save(town.claim(), 0.5)
    assert served(town, ann, key) is None


def test_an_upload_is_its_persons_only(town):
    ann, ben = town.person("ann"), town.person("ben")
    key = uploads.find(town.database, ann, town.upload(ann)).picture
    assert served(town, ann, key).bytes == len(b"photograph")
    assert served(town, ben, key) is None and served(town, None, key) is None
    assert served(town, ann, "u/none/none") is None
