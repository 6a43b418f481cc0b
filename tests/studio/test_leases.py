import dataclasses

import pytest
import sqlalchemy as sa
from studio_town import WORKER

from vectormix_tf.studio import blobs, clock, leases, queue, schema, styles
from vectormix_tf.studio.errors import LostLease

OTHER = dataclasses.replace(WORKER, id="w2")


def row(town, table, id_):
    query = sa.select(table).where(table.c.id == id_)
    return town.database.read(lambda c: c.execute(query).one())


def job(town, lease):
    return row(town, schema.jobs, lease.job)


def person(town, user):
    return row(town, schema.users, user)


def outlast(town, wall, seconds=leases.LEASE_SECONDS + 1):
    """Time goes by, and someone looks at the clock."""
    step = clock.LONGEST_STEP
    while seconds > 0:
        wall.time += min(step, seconds)
        seconds -= step
        clock.tick(town.database)


# --- Exactly once ---------------------------------------------------------------------


def test_a_finished_job_is_one_work_however_often_it_is_told(town):
    ann = town.person("ann")
    town.submit(ann)
    lease = town.claim()
    result = town.result(ann)
    work = leases.finish(town.database, lease, result)
    assert leases.finish(town.database, lease, result) == work
    assert queue.find(town.database, ann, lease.job).work == work
    with pytest.raises(LostLease):
        leases.finish(town.database, lease, town.result(ann))


@pytest.mark.parametrize("late", ["beat", "save", "finish", "release", "fail", "stop"])
def test_a_worker_that_lost_its_lease_writes_nothing(town, wall, late):
    ann = town.person("ann")
    town.submit(ann)
    zombie = town.claim()
    outlast(town, wall)
    lease = town.claim(OTHER)
    assert (lease.job, lease.fence) == (zombie.job, zombie.fence + 1)
    before = job(town, lease)
    calls = {
        "beat": lambda: town.beat(zombie, 0.9, b"jpeg"),
        "save": lambda: town.save(zombie, 0.9),
        "finish": lambda: town.finish(zombie),
        "release": lambda: leases.release(town.database, zombie),
        "fail": lambda: leases.fail(town.database, zombie, "no."),
        "stop": lambda: leases.stop(town.database, zombie, 0.9, town.result(ann)),
    }
    with pytest.raises(LostLease, match=f"job {zombie.job} is no longer"):
        calls[late]()
    assert job(town, lease) == before
    town.finish(lease)


def test_a_job_goes_on_from_its_checkpoint_when_its_worker_dies(town, wall):
    ann = town.person("ann")
    town.submit(ann, steps=100)
    lease = town.claim()
    assert lease.checkpoint is None
    town.save(lease, 0.2)
    key = town.save(lease, 0.4)
    town.beat(lease, 0.6)
    outlast(town, wall)
    again = town.claim(OTHER)
    assert (again.checkpoint, again.step, again.fraction) == (key, 40, 0.4)
    assert town.store.get(key)
    town.finish(again)
    blobs.purge(town.database, town.store)
    assert town.store.size(key) is None


def test_a_heartbeat_extends_the_lease(town, wall):
    town.submit(town.person("ann"))
    lease = town.claim()
    for _ in range(4):
        outlast(town, wall, leases.LEASE_SECONDS - 11)
        town.beat(lease, 0.1)
    assert town.claim(OTHER) is None


@pytest.mark.parametrize("jump", [-1e7, 1e7])
def test_a_clock_that_is_set_ends_no_lease_and_keeps_none_for_ever(town, wall, jump):
    town.submit(town.person("ann"))
    lease = town.claim()
    wall.time += jump
    assert town.claim(OTHER) is None
    town.beat(lease, 0.1)
    outlast(town, wall, leases.LEASE_SECONDS + 2 * clock.LONGEST_STEP)
    assert town.claim(OTHER).job == lease.job


def test_a_night_in_which_all_slept_ends_no_lease(town, wall):
    town.submit(town.person("ann"))
    lease = town.claim()
    wall.time += 8 * 3600
    assert town.claim(OTHER) is None
    town.beat(lease, 0.1)


# --- Attempts -------------------------------------------------------------------------


def test_a_job_that_fails_three_times_is_failed_with_its_error(town):
    ann = town.person("ann")
    town.submit(ann)
    for attempt in range(leases.ATTEMPTS):
        assert queue.mine(town.database, ann)[0].state == "queued"
        leases.fail(town.database, town.claim(), f"number {attempt}.")
    found = queue.mine(town.database, ann)[0]
    assert (found.state, found.error) == ("failed", "number 2.")
    assert town.claim() is None
    assert person(town, ann).charged_ms == 0


def test_a_job_that_kills_three_workers_is_failed(town, wall):
    ann = town.person("ann")
    town.submit(ann)
    for _ in range(leases.ATTEMPTS):
        assert town.claim() is not None
        outlast(town, wall)
    assert town.claim() is None
    assert queue.mine(town.database, ann)[0].error == leases.LOST


def test_attempts_count_anew_after_a_checkpoint_that_is_further(town):
    ann = town.person("ann")
    town.submit(ann)
    for fraction in (0.1, 0.2, 0.3, 0.4):
        lease = town.claim()
        town.save(lease, fraction)
        leases.fail(town.database, lease, "a hiccup.")
    for _ in range(leases.ATTEMPTS - 1):
        lease = town.claim()
        town.save(lease, 0.4)  # no further
        leases.fail(town.database, lease, "always here.")
    assert queue.mine(town.database, ann)[0].state == "failed"


def test_what_is_pointless_is_not_tried_again(town):
    ann, ben = town.person("ann"), town.person("ben")
    style = styles.share(town.database, ben, town.upload(ben), "t", "", "public").id
    inputs = {
        "content": queue.Picked(upload=town.upload(ann)),
        "style": queue.Picked(style=style),
    }
    town.submit(ann, inputs=inputs)
    styles.delete(town.database, ben, style)
    lease = town.claim()
    assert lease.inputs["style"] == leases.Input(None, None)
    leases.fail(town.database, lease, "the style was deleted.", final=True)
    assert queue.mine(town.database, ann)[0].error == "the style was deleted."


def test_a_cancelled_job_whose_worker_dies_is_stopped(town, wall):
    ann = town.person("ann")
    job_ = town.submit(ann)
    town.claim()
    queue.cancel(town.database, ann, job_)
    outlast(town, wall)
    leases.reap(town.database)
    assert queue.find(town.database, ann, job_).state == "stopped"


# --- Capabilities and models ----------------------------------------------------------


def test_a_worker_gets_what_it_can_do(town):
    ann = town.person("ann")
    town.submit(ann, size=1024, engine="library", kind="mix")
    for worker in (
        WORKER,
        dataclasses.replace(WORKER, engines=("library",), size=1023),
        dataclasses.replace(WORKER, engines=("library",), versions={"dream": "a"}),
        dataclasses.replace(WORKER, engines=("library",), versions={}),
        dataclasses.replace(WORKER, engines=()),
    ):
        assert town.claim(worker) is None
    both = dataclasses.replace(WORKER, engines=("served", "library"))
    assert town.claim(both).size == 1024


def test_a_job_keeps_its_model_while_a_worker_has_it(town, wall):
    ann = town.person("ann")
    town.submit(ann)
    lease = town.claim()
    town.save(lease, 0.5)
    leases.release(town.database, lease)
    newer = dataclasses.replace(WORKER, id="w2", versions={"mix": "b"})
    assert town.claim(newer) is None
    again = town.claim()
    assert (again.model_version, again.fraction) == ("a", 0.5)


def test_a_job_whose_model_is_gone_begins_anew_uncharged(town, wall):
    ann = town.person("ann")
    town.submit(ann, cost=100)
    lease = town.claim()
    key = town.save(lease, 0.5)
    leases.release(town.database, lease)
    assert person(town, ann).charged_ms == 50_000
    newer = dataclasses.replace(WORKER, id="w2", versions={"mix": "b"})
    outlast(town, wall, leases.GONE_SECONDS + 1)
    again = town.claim(newer)
    assert (again.job, again.model_version, again.checkpoint) == (lease.job, "b", None)
    assert (again.step, again.fraction) == (0, 0.0)
    assert person(town, ann).charged_ms == leases.SLICE_MS
    blobs.purge(town.database, town.store)
    assert town.store.size(key) is None


# --- Charges --------------------------------------------------------------------------


def test_a_job_is_charged_a_slice_ahead_and_its_cost_in_the_end(town):
    ann = town.person("ann")
    town.submit(ann, cost=100)
    lease = town.claim()
    assert job(town, lease).charged_ms == leases.SLICE_MS
    town.finish(lease)
    assert job(town, lease).charged_ms == person(town, ann).charged_ms == 100_000
    assert person(town, ann).vtime == pytest.approx(100)


@pytest.mark.parametrize("how", ["beat", "save"])
def test_a_job_that_is_faster_than_predicted_is_charged_at_once(town, how):
    ann = town.person("ann")
    town.submit(ann, cost=100)
    lease = town.claim()
    {"beat": town.beat, "save": town.save}[how](lease, 0.75)
    assert person(town, ann).charged_ms == 75_000


def test_a_weight_divides_the_charge(town):
    ann = town.person("ann")
    heavy = sa.update(schema.users).values(weight=4)
    town.database.transaction(lambda c: c.execute(heavy))
    town.work(ann, cost=100)
    assert person(town, ann).vtime == pytest.approx(25)


@pytest.mark.parametrize("end", ["lost", "failed", "released"])
def test_work_that_is_repeated_is_not_charged(town, wall, end):
    ann = town.person("ann")
    town.submit(ann, cost=100)
    lease = town.claim()
    town.save(lease, 0.25)
    town.beat(lease, 0.9)
    if end == "lost":
        outlast(town, wall)
        leases.reap(town.database)
    elif end == "failed":
        leases.fail(town.database, lease, "a hiccup.")
    else:
        leases.release(town.database, lease)
    assert person(town, ann).charged_ms == 25_000
    assert person(town, ann).vtime == pytest.approx(25)
    town.finish(town.claim())
    assert person(town, ann).charged_ms == 100_000


def test_what_was_not_done_is_given_back(town):
    ann = town.person("ann")
    job_ = town.submit(ann, cost=1000)
    lease = town.claim()
    queue.cancel(town.database, ann, job_)
    leases.stop(town.database, lease, 0.01, town.result(ann))
    assert person(town, ann).charged_ms == 10_000


def test_progress_is_never_more_than_the_whole(town):
    ann = town.person("ann")
    town.submit(ann, steps=10)
    lease = town.claim()
    beyond = leases.Progress(11, 1.1)
    leases.heartbeat(town.database, lease, beyond, town.settings)
    found = queue.mine(town.database, ann)[0]
    assert (found.step, found.steps, found.fraction) == (10, 10, 1.0)


# --- Turns ----------------------------------------------------------------------------


def test_the_next_job_is_of_who_had_least(town):
    ann, ben = town.person("ann"), town.person("ben")
    for _ in range(3):
        town.submit(ann, cost=30)
    town.submit(ben, cost=30)
    owners = []
    while (lease := town.claim()) is not None:
        owners.append(lease.user)
        town.finish(lease)
    assert owners == [ann, ben, ann, ann]


def test_staying_away_saves_up_no_time(town):
    ann, ben = town.person("ann"), town.person("ben")
    for _ in range(5):
        town.work(ann, cost=100)
    assert town.work(ben, cost=30)
    virtual = town.database.read(
        lambda c: c.scalar(sa.select(schema.clock.c.virtual_time))
    )
    assert person(town, ben).vtime == pytest.approx(virtual + 30) and virtual >= 400


def test_a_slice_ends_when_someone_waits_who_had_less(town, wall):
    ann, ben = town.person("ann"), town.person("ben")
    town.submit(ann, cost=240)
    lease = town.claim()
    outlast(town, wall, leases.SLICE_SECONDS + 1)
    assert not town.beat(lease, 0.13).give_way  # no one waits
    town.submit(ben, cost=20)
    assert not town.beat(lease, 0.14).give_way  # the slice is new
    outlast(town, wall, leases.SLICE_SECONDS + 1)
    assert town.beat(lease, 0.26).give_way
    progress = leases.Progress(26, 0.26)
    leases.release(
        town.database, lease, progress, town.keep(ann, "checkpoint", b"state")
    )
    assert person(town, ann).charged_ms == round(0.26 * 240_000)
    assert town.claim().user == ben
    again = town.claim(OTHER)
    assert (again.job, again.step, again.fraction) == (lease.job, 26, 0.26)


def test_one_gives_no_way_to_oneself_or_to_what_this_worker_cannot_do(town, wall):
    ann, ben = town.person("ann"), town.person("ben")
    town.submit(ann, cost=240)
    lease = town.claim()
    town.submit(ann, cost=10)
    town.submit(ben, cost=10, engine="library")
    outlast(town, wall, leases.SLICE_SECONDS + 1)
    assert not town.beat(lease, 0.2).give_way


def test_as_many_jobs_of_a_person_run_as_may(town):
    ann = town.person("ann")
    for _ in range(4):
        town.submit(ann)
    running = [town.claim() for _ in range(4)]
    assert [lease is not None for lease in running] == [True, True, False, False]
    town.finish(running[0])
    assert town.claim() is not None
