import pytest
import sqlalchemy as sa

from vectormix_tf.studio import accounts, blobs, schema, uploads
from vectormix_tf.studio.errors import Refusal, Unavailable


def used(town, user):
    query = sa.select(schema.users.c.used_bytes).where(schema.users.c.id == user)
    return town.database.read(lambda c: c.scalar(query))


def objects(town):
    return dict(town.store.list())


def drop(town, upload):
    """As a page that deletes an upload does."""
    uploads.drop_unused(town.database, [upload])


def test_a_blob_counts_until_it_is_condemned(town):
    ann = town.person("ann")
    upload = town.upload(ann, b"12345")
    assert used(town, ann) == 5 + len(b"pixels")
    drop(town, upload)
    assert used(town, ann) == 0


def test_condemned_bytes_leave_the_store_with_the_purge(town):
    ann = town.person("ann")
    drop(town, town.upload(ann))
    assert len(objects(town)) == 2
    assert blobs.purge(town.database, town.store) == 2
    assert objects(town) == {}
    assert blobs.purge(town.database, town.store) == 0


def test_purging_spares_all_else(town):
    ann = town.person("ann")
    kept = town.upload(ann)
    drop(town, town.upload(ann))
    blobs.purge(town.database, town.store)
    assert set(objects(town)) == {
        uploads.find(town.database, ann, kept).picture,
        uploads.find(town.database, ann, kept).small,
    }


def test_an_object_without_a_row_is_purged_after_an_hour(town):
    ann = town.person("ann")
    town.keep(ann, "upload")
    assert blobs.purge(town.database, town.store) == 0
    town.pass_time(blobs.ATTACH_SECONDS + 1)
    assert blobs.purge(town.database, town.store) == 1
    assert objects(town) == {}


def test_what_is_being_purged_cannot_be_attached(town, monkeypatch):
    ann = town.person("ann")
    kept = town.keep(ann, "upload")
    town.pass_time(blobs.ATTACH_SECONDS + 1)

    def late(key):
        with pytest.raises(Unavailable, match="took too long"):
            uploads.add(town.database, ann, kept, None, 4, 3, 10**9)

    with monkeypatch.context() as patch:
        patch.setattr(town.store, "delete", late)
        blobs.purge(town.database, town.store)
    town.store.delete(kept.key)


def test_a_purge_that_was_interrupted_is_finished_by_the_next(town, monkeypatch):
    ann = town.person("ann")
    drop(town, town.upload(ann))

    def away(key):
        raise Unavailable("the store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(town.store, "delete", away)
        with pytest.raises(Unavailable):
            blobs.purge(town.database, town.store)
    assert len(objects(town)) == 2
    assert blobs.purge(town.database, town.store) == 2
    assert objects(town) == {}


def test_one_call_purges_as_many_as_it_may(town):
    ann = town.person("ann")
    for _ in range(3):
        drop(town, town.upload(ann))
    found = [blobs.purge(town.database, town.store, limit=4) for _ in range(3)]
    assert found == [4, 2, 0]


def test_a_quota_is_told_in_megabytes(town):
    ann = town.person("ann")
    kept = town.keep(ann, "upload", b"x" * 2_000_001)
    with pytest.raises(Refusal, match="0 of 2 MB; delete some") as caught:
        uploads.add(town.database, ann, kept, None, 4, 3, 2_000_000)
    assert caught.value.code == "out_of_space"
    assert used(town, ann) == 0


def test_a_checkpoint_is_not_counted(town):
    ann = town.person("ann")
    town.submit(ann)
    before = used(town, ann)
    town.save(town.claim(), 0.5)
    assert used(town, ann) == before


def test_nothing_is_attached_to_an_account_that_is_gone(town):
    ann = town.person("ann")
    kept = town.keep(ann, "upload")
    accounts.delete(town.database, ann, "correct horse")
    with pytest.raises(Refusal, match="no such account"):
        uploads.add(town.database, ann, kept, None, 4, 3, 10**9)


def test_a_clock_that_is_set_back_keeps_no_bytes(town, wall):
    ann = town.person("ann")
    drop(town, town.upload(ann))
    wall.time -= 1e7
    assert blobs.purge(town.database, town.store) == 2
    town.keep(ann, "upload")
    wall.time -= 1e7
    town.pass_time(blobs.ATTACH_SECONDS + 1)
    assert blobs.purge(town.database, town.store) == 1
