import pytest

from vectormix_tf.studio import queue, uploads
from vectormix_tf.studio.errors import Refusal


def ids(town, user):
    return {each.id for each in uploads.mine(town.database, user)}


def test_an_upload_is_its_persons_only(town):
    ann, ben = town.person("ann"), town.person("ben")
    upload = town.upload(ann)
    assert uploads.find(town.database, ann, upload).id == upload
    with pytest.raises(Refusal) as caught:
        uploads.find(town.database, ben, upload)
    assert caught.value.code == "not_found"
    assert ids(town, ann) == {upload} and ids(town, ben) == set()


def test_an_unused_upload_is_forgotten_after_a_day(town, wall):
    ann = town.person("ann")
    used, unused = town.upload(ann), town.upload(ann)
    town.submit(ann, inputs={"content": queue.Picked(upload=used)})
    wall.time += uploads.UNUSED_SECONDS - 1
    uploads.expire(town.database)
    assert ids(town, ann) == {used, unused}
    wall.time += 2
    uploads.expire(town.database)
    assert ids(town, ann) == {used}


def test_an_upload_that_a_job_uses_is_not_dropped(town):
    ann = town.person("ann")
    upload = town.upload(ann)
    town.submit(ann, inputs={"content": queue.Picked(upload=upload)})
    uploads.drop_unused(town.database, [upload])
    assert ids(town, ann) == {upload}
