"""Workers: each way in which a job leaves them, with an engine of quick steps."""

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import studio_child
import studio_engine
from PIL import Image
from studio_engine import Quick

from vectormix_tf.errors import InputError
from vectormix_tf.studio import blobs, costs, leases, queue, shift, works
from vectormix_tf.studio import worker as workers
from vectormix_tf.studio.errors import LostLease, Unavailable
from vectormix_tf.studio.worker import EngineAway, Refused, Worker


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    for module, name, seconds in (
        (shift, "HEARTBEAT_SECONDS", 0.05),
        (shift, "PREVIEW_SECONDS", 0.0),
        (shift, "CHECKPOINT_SECONDS", 1000.0),
        (shift, "RETRY_SECONDS", 0.0),
        (shift, "FIRST_PAUSE", 0.02),
        (shift, "LONGEST_PAUSE", 0.05),
        (workers, "FIRST_PAUSE", 0.02),
        (workers, "ASK_SECONDS", 0.02),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def ann(town):
    return town.person("ann")


@pytest.fixture
def engine():
    return Quick()


@pytest.fixture
def worker(town, engine):
    return Worker(town.database, town.store, town.settings, engine)


def at(step, do):
    """Something that happens once, before a step."""
    left = [do]

    def before_step(shift, now):
        if now == step and left:
            left.pop()(shift)

    return before_step


def wait_until(holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def job_of(town, user, job):
    return queue.find(town.database, user, job)


def picture_of(town, user, work):
    key = works.find(town.database, user, work).picture
    return Image.open(io.BytesIO(town.store.get(key)))


# --- The ends of a job ----------------------------------------------------------------


def test_a_finished_job_is_a_work_with_its_picture_and_two_thumbnails(
    town, ann, worker
):
    job = town.submit(ann, steps=9)
    assert worker.work_once() and not worker.work_once()
    found = job_of(town, ann, job)
    assert (found.state, found.step, found.fraction) == ("done", 9, 1.0)
    work = works.find(town.database, ann, found.work)
    assert picture_of(town, ann, found.work).getpixel((0, 0))[0] == 9
    sizes = [
        Image.open(io.BytesIO(town.store.get(key))).size
        for key in (work.picture, work.large, work.small)
    ]
    assert sizes == [(40, 30)] * 3  # no thumbnail is larger than the picture


def test_people_see_progress_and_a_preview_meanwhile(town, ann, worker, engine):
    job, seen = town.submit(ann, steps=9), []

    def look(shift):
        wait_until(lambda: job_of(town, ann, job).step == 4)
        seen.append(queue.preview(town.database, ann, job))

    engine.before_step = at(4, look)
    worker.work_once()
    assert seen == [b"preview"]


def test_a_cancelled_job_keeps_the_picture_so_far(town, ann, worker, engine):
    job = town.submit(ann, steps=9)

    def cancel(shift):
        queue.cancel(town.database, ann, job)
        wait_until(lambda: shift.verdict() == shift_verdict("CANCEL"))

    engine.before_step = at(3, cancel)
    worker.work_once()
    found = job_of(town, ann, job)
    assert found.state == "stopped" and found.fraction == pytest.approx(4 / 9)
    assert picture_of(town, ann, found.work).getpixel((0, 0))[0] == 4


def shift_verdict(name):
    return shift.Verdict[name]


def test_a_worker_that_ends_leaves_a_checkpoint_from_which_another_goes_on(
    town, ann, worker, engine
):
    job = town.submit(ann, steps=9)
    engine.before_step = at(5, lambda shift: worker.stop())
    worker.work_once()
    assert (job_of(town, ann, job).state, job_of(town, ann, job).step) == ("queued", 6)
    steps, other = [], Quick()
    other.before_step = lambda shift, step: steps.append(step)
    Worker(town.database, town.store, town.settings, other).work_once()
    assert steps == [6, 7, 8] and job_of(town, ann, job).state == "done"


def test_a_job_gives_way_to_another_person_and_goes_on_afterwards(
    town, ann, worker, engine, monkeypatch
):
    monkeypatch.setattr(leases, "SLICE_SECONDS", -1.0)
    monkeypatch.setattr(leases, "SLICE_MS", 10)
    job = town.submit(ann, cost=100, steps=9)

    def another(shift):
        town.submit(town.person("bob"), cost=1, steps=2)
        wait_until(lambda: shift.verdict() == shift_verdict("GIVE_WAY"))

    engine.before_step = at(6, another)
    worker.work_once()
    assert job_of(town, ann, job).state == "queued"
    while worker.work_once():
        pass
    assert job_of(town, ann, job).state == "done"


def test_a_worker_that_lost_its_lease_writes_nothing(
    town, ann, worker, engine, monkeypatch
):
    monkeypatch.setattr(shift, "HEARTBEAT_SECONDS", 2.0)
    job = town.submit(ann, steps=9)

    def lose(shift):
        town.pass_time(leases.LEASE_SECONDS + 1)
        assert town.claim(engine.describe("another")).job == job
        wait_until(lambda: is_lost(shift))

    engine.before_step = at(3, lose)
    worker.work_once()
    assert job_of(town, ann, job).state == "running"
    assert works.mine(town.database, ann)[0] == []


def is_lost(shift):
    try:
        shift.verdict()
    except LostLease:
        return True
    return False


def test_what_an_engine_refuses_fails_at_once_with_its_sentence(town, ann, worker):
    job = town.submit(ann)
    worker._engine.work = raising(Refused("`alpha` must be in [0, 1]."))
    worker.work_once()
    found = job_of(town, ann, job)
    assert (found.state, found.error) == ("failed", "alpha must be in [0, 1].")


@pytest.mark.parametrize("error", [MemoryError(), InputError("no memory")])
def test_too_little_memory_fails_at_once_and_says_so(town, ann, worker, error):
    if isinstance(error, InputError):
        error.__cause__ = MemoryError()
    job = town.submit(ann)
    worker._engine.work = raising(error)
    worker.work_once()
    assert job_of(town, ann, job).error == workers.NO_MEMORY


def test_a_mistake_of_the_engine_is_tried_three_times_and_shows_nothing_of_it(
    town, ann, worker
):
    job = town.submit(ann)
    worker._engine.work = raising(ZeroDivisionError("secret"))
    for _ in range(leases.ATTEMPTS):
        assert job_of(town, ann, job).state == "queued"
        worker.work_once()
    found = job_of(town, ann, job)
    assert (found.state, found.error) == ("failed", workers.WRONG)


def test_an_engine_that_is_away_harms_no_job(town, ann, worker):
    job = town.submit(ann)
    worker._engine.work = raising(EngineAway("gone"))
    for _ in range(leases.ATTEMPTS + 2):
        worker.work_once()
    assert job_of(town, ann, job).state == "queued"


def test_a_picture_that_is_gone_is_told(town, ann, worker):
    job = town.submit(ann)
    for key, _ in list(town.store.list()):
        town.store.delete(key)
    worker.work_once()
    assert job_of(town, ann, job).error == workers.NO_INPUT
    queue_and_store_agree_again(town, ann)


def queue_and_store_agree_again(town, user):
    from vectormix_tf.studio import accounts

    accounts.erase(town.database, user)
    blobs.purge(town.database, town.store)


def raising(error):
    def work(shift):
        raise error

    return work


# --- What is away ---------------------------------------------------------------------


def test_a_store_that_is_away_for_a_while_costs_nothing(
    town, ann, worker, engine, monkeypatch
):
    monkeypatch.setattr(shift, "CHECKPOINT_SECONDS", 0.0)
    job, put, tries = town.submit(ann, steps=5), town.store.put, []

    def away(key, data):
        tries.append(key)
        if len(tries) < 12:
            raise Unavailable("no store")
        put(key, data)

    monkeypatch.setattr(town.store, "put", away)
    worker.work_once()
    assert len(tries) > 12 and job_of(town, ann, job).state == "done"


def test_without_a_store_a_worker_ends_with_the_latest_checkpoint(
    town, ann, worker, engine, monkeypatch
):
    job = town.submit(ann, steps=9)

    def away(key, data):
        raise Unavailable("no store")

    def end(shift):
        monkeypatch.setattr(town.store, "put", away)
        worker.stop()

    engine.before_step = at(3, end)
    worker.work_once()
    found = job_of(town, ann, job)
    assert (found.state, found.step) == ("queued", 0)


def test_a_job_saves_itself_from_time_to_time(town, ann, worker, engine, monkeypatch):
    monkeypatch.setattr(shift, "CHECKPOINT_SECONDS", 0.0)
    job, kept = town.submit(ann, steps=5), []
    keep = blobs.keep

    def noting(*args, **options):
        kept.extend(file.kind for file in args[3])
        return keep(*args, **options)

    monkeypatch.setattr(blobs, "keep", noting)
    worker.work_once()
    assert kept.count("checkpoint") >= 5 and job_of(town, ann, job).state == "done"


def test_an_engine_that_hangs_loses_its_job(town, ann, worker, engine, monkeypatch):
    monkeypatch.setattr(shift, "STALLED_SECONDS", 0.1)
    job, beats = town.submit(ann, steps=5), []
    heartbeat = leases.heartbeat
    monkeypatch.setattr(
        leases, "heartbeat", lambda *a: beats.append(1) or heartbeat(*a)
    )

    def hang(shift):
        time.sleep(0.5)
        before = len(beats)
        time.sleep(0.3)
        assert len(beats) == before

    engine.before_step = at(2, hang)
    worker.work_once()
    assert job_of(town, ann, job).state == "done"  # no one else wanted it


# --- The loop -------------------------------------------------------------------------


def test_the_loop_works_until_it_is_stopped_and_keeps_house(town, ann, worker):
    jobs = [town.submit(ann, steps=2) for _ in range(3)]
    stray = town.keep(ann, "upload")
    thread = threading.Thread(target=worker.run)
    thread.start()
    wait_until(lambda: all(job_of(town, ann, job).state == "done" for job in jobs))
    worker.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert leases.alive(town.database) == 0
    assert town.store.size(stray.key) is not None  # not due for an hour


def test_housekeeping_deletes_what_is_due(town, ann):
    stray = town.keep(ann, "upload")
    town.pass_time(blobs.ATTACH_SECONDS + 1)
    workers.keep_house(town.database, town.store)
    assert town.store.size(stray.key) is None


@pytest.mark.parametrize(
    "engine, size, start", [("served", 512, 2.0), ("library", 2048, 9.0)]
)
def test_predictions_follow_what_workers_measure(town, engine, size, start):
    def predicted():
        return costs.predict(costs.paces(town.database), "mix", {}, (size, size))

    before = predicted()
    for _ in range(50):
        costs.measured(town.database, "mix", engine, 10.0, 100.0)
        costs.measured(town.database, "dream", engine, 10.0, 700.0)
    after = predicted()
    work = costs.work_of("mix", {}, (size, size))
    assert before.seconds == pytest.approx(start + 0.9 * work)
    assert after.seconds == pytest.approx(start + 10 * work, rel=0.01)
    assert before.steps == after.steps


# --- Signals --------------------------------------------------------------------------


@pytest.fixture
def child(address, tmp_path):
    """Starts workers in processes of their own."""
    made = []

    def start():
        words = [studio_child.__file__, "worker", address, str(tmp_path / "store")]
        diary = str(tmp_path / "diary")
        process = subprocess.Popen([sys.executable, *words, diary, "-"])
        made.append(process)
        return process, diary

    yield start
    for process in made:
        process.kill()
        process.wait()


def steps_of(diary):
    if not os.path.exists(diary):
        return []
    with open(diary) as file:
        return [int(line.split()[1]) for line in file]


def test_a_signal_ends_a_worker_with_a_checkpoint(town, ann, child):
    job = town.submit(ann, steps=5000)
    process, diary = child()
    wait_until(lambda: len(steps_of(diary)) > 5, 60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    found = job_of(town, ann, job)
    assert found.state == "queued" and found.step == steps_of(diary)[-1]
    queue.cancel(town.database, ann, job)


def test_the_quick_engine_tells_its_steps_by_its_picture():
    with Image.open(io.BytesIO(studio_engine.png(5))) as image:
        assert image.getpixel((0, 0))[0] == 5
