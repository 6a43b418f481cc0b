import dataclasses
import json

import pytest
import sqlalchemy as sa
from studio_town import WORKER

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import leases, queue, schema, styles, works
from vectormix_tf.studio.errors import LostLease, Refusal, Unavailable


def code(call, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    return caught.value.code


def submit(town, user, order):
    return queue.submit(town.database, town.store, town.settings, user, order)


def find(town, user, job):
    return queue.find(town.database, user, job)


def rows(town, table):
    query = sa.select(sa.func.count()).select_from(table)
    return town.database.read(lambda c: c.scalar(query))


def test_the_same_key_is_the_same_job(town):
    ann, ben = town.person("ann"), town.person("ben")
    order = town.order(ann)
    first = submit(town, ann, order)
    again = dataclasses.replace(order, cost=order.cost + 1)
    assert submit(town, ann, again) == first
    assert rows(town, schema.jobs) == 1
    other = dataclasses.replace(order, steps=7)
    assert code(submit, town, ann, other) == "key_reused"
    same_key = dataclasses.replace(town.order(ben), key=order.key)
    assert submit(town, ben, same_key).id != first.id


def test_the_same_key_is_the_same_job_when_it_is_done_and_the_queue_full(town):
    ann = town.person("ann")
    order = town.order(ann)
    job = submit(town, ann, order)
    town.finish(town.claim())
    town.settings = StudioSettings(daily=1)
    assert submit(town, ann, order).id == job.id
    assert code(town.submit, ann) == "too_many_today"


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_has_a_length(town, key):
    ann = town.person("ann")
    assert code(submit, town, ann, town.order(ann, key=key)) == "bad_input"


@pytest.mark.parametrize("what", ["kind", "engine"])
def test_an_unknown_kind_or_engine_is_refused(town, what):
    ann = town.person("ann")
    assert code(submit, town, ann, town.order(ann, **{what: "odd"})) == "bad_input"


@pytest.mark.parametrize("both", [True, False])
def test_a_place_has_one_picture(both):
    given = {"upload": "a", "style": "b"} if both else {}
    assert code(queue.Picked, **given) == "bad_input"


def test_another_persons_pictures_cannot_be_used(town):
    ann, ben = town.person("ann"), town.person("ben")
    for upload in (town.upload(ben), "none"):
        order = town.order(ann, inputs={"content": queue.Picked(upload=upload)})
        assert code(submit, town, ann, order) == "not_found"
    private = styles.share(town.database, ben, town.upload(ben), "t", "", "private")
    order = town.order(ann, inputs={"style": queue.Picked(style=private.id)})
    assert code(submit, town, ann, order) == "not_found"
    assert rows(town, schema.jobs) == rows(town, schema.inputs) == 0


def test_limits_of_a_person_are_told_by_their_codes(town):
    ann, ben = town.person("ann"), town.person("ben")
    town.settings = StudioSettings(waiting=2, daily=3, size=600, queue=3, running=9)
    assert code(town.submit, ann, size=601) == "too_large"
    town.submit(ann), town.submit(ann)
    assert code(town.submit, ann) == "too_many_waiting"
    town.submit(ben)
    town.finish(town.claim())
    town.submit(ann)
    assert code(town.submit, ben) == "queue_full"
    town.claim(), town.claim()
    assert code(town.submit, ann) == "too_many_today"


def test_a_persons_own_limits_go_before_those_of_all(town):
    ann = town.person("ann")
    town.settings = StudioSettings(waiting=1)
    own = sa.update(schema.users).values(waiting_limit=2, bytes_limit=10**6)
    town.database.transaction(lambda c: c.execute(own))
    town.submit(ann), town.submit(ann)
    assert code(town.submit, ann) == "too_many_waiting"


def test_who_has_used_up_their_bytes_orders_nothing(town):
    ann = town.person("ann")
    order = town.order(ann)
    full = sa.update(schema.users).values(bytes_limit=5)
    town.database.transaction(lambda c: c.execute(full))
    assert code(submit, town, ann, order) == "out_of_space"


def test_the_limit_of_a_day_ends_with_it(town, wall):
    ann = town.person("ann")
    town.settings = StudioSettings(daily=1)
    town.submit(ann)
    assert code(town.submit, ann) == "too_many_today"
    wall.time += 24 * 3600 + 1
    town.submit(ann)


def test_nothing_is_written_when_the_store_cannot_be(town, monkeypatch):
    ann = town.person("ann")
    order = town.order(ann)

    def full():
        raise Unavailable("the store is full.")

    monkeypatch.setattr(town.store, "check_writable", full)
    with pytest.raises(Unavailable):
        submit(town, ann, order)
    assert rows(town, schema.jobs) == rows(town, schema.inputs) == 0


def test_cancel_ends_a_waiting_job_at_once_and_for_ever(town):
    ann, ben = town.person("ann"), town.person("ben")
    job = town.submit(ann)
    assert code(queue.cancel, town.database, ben, job) == "not_found"
    assert queue.cancel(town.database, ann, job).state == "stopped"
    assert queue.cancel(town.database, ann, job).state == "stopped"
    assert town.claim() is None


def test_a_running_job_keeps_its_picture_so_far_when_it_is_cancelled(town):
    ann = town.person("ann")
    job = town.submit(ann)
    lease = town.claim()
    found = queue.cancel(town.database, ann, job)
    assert (found.state, found.cancel) == ("running", True)
    assert town.beat(lease, 0.25) == leases.Orders(cancel=True, give_way=False)
    work = leases.stop(town.database, lease, 0.25, town.result(ann))
    found = find(town, ann, job)
    assert (found.state, found.work, found.fraction) == ("stopped", work, 0.25)


def test_cancel_works_with_no_worker_alive(town, wall):
    ann = town.person("ann")
    job = town.submit(ann)
    lease = town.claim()
    for _ in range(8):  # the web looks at the clock, and no one extends the lease
        wall.time += 9
        town.database.transaction(lambda c: leases.clock.tick(c))
    assert queue.cancel(town.database, ann, job).state == "stopped"
    with pytest.raises(LostLease):
        town.beat(lease)


def test_news_tell_each_change_once_in_order_and_who_waits_in_any_case(town):
    ann, ben = town.person("ann"), town.person("ben")
    seen, found = queue.changes(town.database, ann)
    assert found == []
    one, two = town.submit(ann), town.submit(ann)
    seen, found = queue.changes(town.database, ann, seen)
    assert [each.id for each in found] == [one, two]
    assert queue.changes(town.database, ann, seen) == (seen, found)
    lease = town.claim()
    town.beat(lease, 0.5)
    town.submit(ben)
    later, found = queue.changes(town.database, ann, seen)
    assert [(each.id, each.state, each.fraction) for each in found] == [
        (two, "queued", 0.0),
        (one, "running", 0.5),
    ]
    queue.cancel(town.database, ann, two)
    town.finish(lease)
    seen, found = queue.changes(town.database, ann, later)
    assert {each.state for each in found} == {"stopped", "done"}
    assert queue.changes(town.database, ann, seen) == (seen, [])
    assert queue.counters(town.database, [ann, ben])[ann] == seen > later
    assert queue.changes(town.database, ben)[1][0].state == "queued"


def test_a_preview_is_its_owners_while_the_job_runs(town):
    ann, ben = town.person("ann"), town.person("ben")
    job = town.submit(ann)
    lease = town.claim()
    assert code(queue.preview, town.database, ann, job) == "not_found"
    town.beat(lease, 0.1, b"jpeg")
    town.beat(lease, 0.2)
    assert queue.preview(town.database, ann, job) == b"jpeg"
    assert code(queue.preview, town.database, ben, job) == "not_found"
    town.finish(lease)
    assert code(queue.preview, town.database, ann, job) == "not_found"


def test_ahead_is_the_order_in_which_jobs_are_claimed(town):
    people = [town.person(name) for name in ("ann", "ben", "cat")]
    town.settings = StudioSettings(running=100)
    jobs = {}
    for cost, person in zip([90, 20, 30, 10, 40, 50], people * 2, strict=True):
        jobs[town.submit(person, cost=cost)] = person
    predicted = {}
    for person in people:
        predicted |= queue.ahead(town.database, person)
    claimed = []
    while (lease := town.claim()) is not None:
        claimed.append(lease.job)
        town.finish(lease)
    assert [predicted[job] for job in claimed] == list(range(len(jobs)))


def test_a_job_can_be_ordered_again(town):
    ann, ben = town.person("ann"), town.person("ben")
    order = town.order(ann)
    job = submit(town, ann, order)
    again = queue.order_of(town.database, ann, job.id, "new")
    assert dataclasses.replace(again, key=order.key) == order
    assert submit(town, ann, again).id != job.id
    assert code(queue.order_of, town.database, ben, job.id, "new") == "not_found"


def test_jobs_are_listed_from_the_latest_on_and_their_owners_only(town, wall):
    ann, ben = town.person("ann"), town.person("ben")
    jobs = []
    for _ in range(3):
        wall.time += 1
        jobs.append(town.submit(ann))
    found = queue.mine(town.database, ann, limit=2)
    assert [each.id for each in found] == [jobs[2], jobs[1]]
    rest = queue.mine(town.database, ann, before=found[-1].created_at)
    assert [each.id for each in rest] == [jobs[0]]
    assert queue.mine(town.database, ben) == []
    assert code(find, town, ben, jobs[0]) == "not_found"


def test_a_job_whose_work_was_deleted_is_listed_no_more(town):
    ann = town.person("ann")
    work = town.work(ann)
    job = works.find(town.database, ann, work).job
    works.delete(town.database, ann, work)
    assert queue.mine(town.database, ann) == []
    assert code(find, town, ann, job) == "not_found"


def test_settings_come_to_the_worker_as_they_were_ordered(town):
    ann = town.person("ann")
    settings = {"alpha": 0.25, "seed": 7, "color": "keep", "title": "é ☃"}
    town.submit(ann, settings=settings)
    assert town.claim(WORKER).settings == settings
    assert json.dumps(queue.mine(town.database, ann)[0].settings)
