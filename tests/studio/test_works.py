import json

import pytest
import sqlalchemy as sa

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import (
    blobs,
    files,
    leases,
    moderation,
    queue,
    schema,
    styles,
    uploads,
    works,
)
from vectormix_tf.studio.errors import Refusal


def code(call, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    return caught.value.code


def publish(town, user, work, visibility="public", **others):
    return works.publish(town.database, town.settings, user, work, visibility, **others)


def seen(town, viewer, work, token=None):
    try:
        return works.find(town.database, viewer, work, token)
    except Refusal as refusal:
        assert refusal.code == "not_found"
        return None


def feed(town, **options):
    found, after = works.feed(town.database, **options)
    return [each.id for each in found], after


def mix(town, user, **pictures):
    """A work of a photograph and a style."""
    inputs = {"content": queue.Picked(upload=town.upload(user, b"photograph"))}
    return town.work(user, inputs=inputs | pictures)


def test_a_work_is_private_until_it_is_published(town):
    ann, ben = town.person("ann"), town.person("ben")
    work = town.work(ann)
    assert seen(town, ann, work).mine
    assert seen(town, ben, work) is None and seen(town, None, work) is None
    assert feed(town) == ([], None)
    publish(town, ann, work)
    found = seen(town, None, work)
    assert (found.person, found.mine, found.job, found.share_token) == (
        *("ann", False),
        *(None, None),
    )
    publish(town, ann, work, "private")
    assert seen(town, ben, work) is None and feed(town) == ([], None)


def test_only_its_person_publishes_or_deletes_a_work(town):
    ann, ben, boss = town.person("ann"), town.person("ben"), town.administrator()
    work = town.work(ann)
    for other in (ben, boss):
        assert code(publish, town, other, work) == "not_found"
        assert code(works.delete, town.database, other, work) == "not_found"
        call = (works.disclosure, town.database, town.settings, other, work)
        assert code(*call) == "not_found"
    assert code(publish, town, ann, work, "everyone") == "bad_input"
    assert code(publish, town, ann, work, title="x" * 101) == "bad_input"


def test_an_unlisted_work_is_seen_by_its_link_only(town):
    ann, ben = town.person("ann"), town.person("ben")
    work = town.work(ann)
    token = publish(town, ann, work, "unlisted").share_token
    assert seen(town, None, work) is None and seen(town, ben, work, "wrong") is None
    assert seen(town, ben, work, token).share_token is None
    assert works.find_shared(town.database, None, token).id == work
    assert publish(town, ann, work, "unlisted").share_token == token
    assert feed(town) == ([], None)
    publish(town, ann, work, "private")
    assert seen(town, None, work, token) is None
    assert publish(town, ann, work, "unlisted").share_token != token  # the link is dead
    assert code(works.find_shared, town.database, None, token) == "not_found"


def test_publishing_tells_what_becomes_visible(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = styles.share(
        town.database, ben, town.upload(ben), "Waves", "Hokusai", "public"
    )
    work = mix(town, ann, style=queue.Picked(style=style.id))
    told = works.disclosure(town.database, town.settings, ann, work)
    assert told.person == "ann" and told.settings == {"alpha": 0.5}
    assert [(each.title, each.credit, each.person) for each in told.styles] == [
        ("Waves", "Hokusai", "ben")
    ]
    assert told.content is not None and not told.needs_approval


@pytest.mark.parametrize("chosen", [True, False])
def test_the_photograph_is_shown_only_if_chosen(town, chosen):
    ann = town.person("ann")
    work = mix(town, ann)
    (source,) = seen(town, ann, work).sources
    assert source.picture is not None
    publish(town, ann, work, shows_content=chosen)
    (public,) = seen(town, None, work).sources
    assert (public.picture == source.picture) == chosen

    def served(viewer):
        try:
            return files.find(town.database, viewer, source.picture).public
        except Refusal:
            return None

    assert served(None) == (True if chosen else None)
    assert served(ann) == chosen
    publish(town, ann, work, "private", shows_content=True)
    assert served(None) is None


def test_another_upload_than_the_photograph_is_never_shown(town):
    ann = town.person("ann")
    work = mix(town, ann, style=queue.Picked(upload=town.upload(ann, b"painting")))
    publish(town, ann, work, shows_content=True)
    shown = {each.slot: each.picture for each in seen(town, None, work).sources}
    assert shown["content"] is not None and shown["style"] is None


def test_a_feed_keeps_its_place_when_works_come_and_go(town):
    ann = town.person("ann")
    town.settings = StudioSettings(daily=100)
    made = [town.work(ann) for _ in range(5)]
    for work in made:
        publish(town, ann, work)
    first, after = feed(town, limit=2)
    assert first == [made[4], made[3]]
    newest = town.work(ann)
    publish(town, ann, newest)
    publish(town, ann, made[3], "private")
    second, after = feed(town, limit=2, before=after)
    assert second == [made[2], made[1]]
    assert feed(town, limit=2, before=after) == ([made[0]], None)
    publish(town, ann, made[0])  # again: it does not come to the front
    assert feed(town, limit=1)[0] == [newest]


def test_a_persons_page_has_their_works_only(town):
    ann, ben = town.person("Ann"), town.person("ben")
    anns, bens = town.work(ann), town.work(ben)
    for user, work in ((ann, anns), (ben, bens)):
        publish(town, user, work)
    assert feed(town, person="aNN") == ([anns], None)
    assert [each.id for each in works.mine(town.database, ben)[0]] == [bens]


def test_the_best_are_the_most_liked_of_the_last_days(town, wall):
    ann, ben = town.person("ann"), town.person("ben")
    old = town.work(ann)
    publish(town, ann, old)
    works.like(town.database, ben, old)
    wall.time += 8 * 24 * 3600
    plain, liked = town.work(ann), town.work(ann)
    for work in (plain, liked):
        publish(town, ann, work)
    works.like(town.database, ben, liked)

    def best(days):
        return [each.id for each in works.best(town.database, None, days)]

    assert best(7) == [liked, plain]
    assert best(30) == [liked, old, plain]


def test_likes_are_counted_once_for_each_person(town):
    ann, ben = town.person("ann"), town.person("ben")
    work = town.work(ann)
    assert code(works.like, town.database, ben, work) == "not_found"
    publish(town, ann, work)
    assert works.like(town.database, ben, work) == 1
    assert works.like(town.database, ben, work) == 1
    assert works.like(town.database, ann, work) == 2
    assert seen(town, ben, work).liked and not seen(town, None, work).liked
    assert works.unlike(town.database, ben, work) == 1
    assert works.unlike(town.database, ben, work) == 1
    assert code(works.unlike, town.database, ben, "none") == "not_found"


def test_deleting_a_work_brings_its_bytes_back(town):
    ann, ben = town.person("ann"), town.person("ben")
    before = dict(town.store.list())
    work = mix(town, ann, style=queue.Picked(upload=town.upload(ann)))
    publish(town, ann, work)
    works.like(town.database, ben, work)
    works.delete(town.database, ann, work)
    blobs.purge(town.database, town.store)
    assert dict(town.store.list()) == before == {}
    assert code(works.delete, town.database, ann, work) == "not_found"
    query = sa.select(schema.users.c.used_bytes).where(schema.users.c.id == ann)
    assert town.database.read(lambda c: c.scalar(query)) == 0


def test_deleting_a_work_keeps_uploads_of_other_jobs(town):
    ann = town.person("ann")
    upload = town.upload(ann)
    inputs = {"content": queue.Picked(upload=upload)}
    one, other = town.work(ann, inputs=inputs), town.work(ann, inputs=inputs)
    works.delete(town.database, ann, one)
    blobs.purge(town.database, town.store)
    picture = uploads.find(town.database, ann, upload).picture
    assert town.store.get(picture)
    works.delete(town.database, ann, other)
    blobs.purge(town.database, town.store)
    assert town.store.size(picture) is None


def test_a_new_persons_first_works_wait_for_approval(town):
    ann, boss = town.person("ann"), town.administrator()
    town.settings = StudioSettings(approvals=1)
    first, second = town.work(ann), town.work(ann)
    assert works.disclosure(town.database, town.settings, ann, first).needs_approval
    assert publish(town, ann, first).moderation == "held"
    assert seen(town, None, first) is None and seen(town, boss, first) is not None
    assert moderation.held(town.database, boss) == [first]
    moderation.restore(town.database, boss, first, "fine")
    assert seen(town, None, first).shown_at is not None
    assert publish(town, ann, second).moderation == "clear"


def test_what_waits_for_approval_may_be_taken_back(town):
    ann, boss = town.person("ann"), town.administrator()
    town.settings = StudioSettings(approvals=1)
    work = town.work(ann)
    publish(town, ann, work)
    assert publish(town, ann, work, "private").moderation == "clear"
    assert moderation.held(town.database, boss) == []
    assert publish(town, ann, work).moderation == "held"


def test_a_filter_holds_or_refuses(town):
    ann = town.person("ann")
    work = town.work(ann)
    refuse = moderation.Verdict("refuse", "not here.")
    assert code(publish, town, ann, work, verdict=refuse) == "refused_by_filter"
    hold = moderation.Verdict("hold")
    assert publish(town, ann, work, verdict=hold).moderation == "held"
    assert publish(town, ann, work).moderation == "held"  # asking again is no way round


def test_a_stopped_jobs_picture_is_a_work(town):
    ann = town.person("ann")
    job = town.submit(ann)
    lease = town.claim()
    queue.cancel(town.database, ann, job)
    work = leases.stop(town.database, lease, 0.5, town.result(ann))
    assert seen(town, ann, work).job == job


def test_settings_of_a_work_are_plain_values(town):
    ann = town.person("ann")
    assert json.dumps(seen(town, ann, town.work(ann)).settings) == '{"alpha": 0.5}'
