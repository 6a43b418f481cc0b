"""The engine of model servers, with a small model behind a real server."""

import io

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.client import runs
from vectormix_tf.errors import ServerError
from vectormix_tf.studio import leases, queue, served, shift, works
from vectormix_tf.studio.served import Served
from vectormix_tf.studio.worker import EngineAway, Worker

SIDE = 80
FIRST = 3  # version of the toy model


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setattr(served, "CHUNK_SECONDS", 1e-6)  # a step with each request
    monkeypatch.setattr(served, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(served, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(shift, "HEARTBEAT_SECONDS", 0.05)


@pytest.fixture
def ann(town):
    return town.person("ann")


def png(seed, mode="RGB"):
    drawn = np.random.default_rng(seed)
    pixels = drawn.integers(0, 255, (SIDE, 60, len(mode)), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "PNG")
    return file.getvalue()


def order(town, user, mode="RGB", **options):
    inputs = {
        "content": queue.Picked(upload=town.upload(user, png(1, mode))),
        "style": queue.Picked(upload=town.upload(user, png(2))),
    }
    return town.submit(user, size=SIDE, inputs=inputs, **{"steps": 6} | options)


def worker_of(town, server):
    return Worker(town.database, town.store, town.settings, Served(server.grpc))


def job_of(town, user, job):
    return queue.find(town.database, user, job)


def picture(town, user, job):
    work = works.find(town.database, user, job_of(town, user, job).work)
    return town.store.get(work.picture)


def interrupted(monkeypatch, run_after, do):
    """Does something once, after so many steps of a run."""
    advance, left = runs.Run.advance, [do]

    def advancing(run, steps=1):
        if len(run.losses) == run_after and left:
            left.pop()()
        return advance(run, steps)

    monkeypatch.setattr(runs.Run, "advance", advancing)


@pytest.mark.parametrize("kind", ["mix", "dream"])
def test_a_job_that_was_put_down_has_the_bytes_of_one_that_was_not(
    town, ann, server, kind, monkeypatch
):
    settings = {"seed": 4}
    whole = order(town, ann, kind=kind, settings=settings)
    worker_of(town, server).work_once()
    other = order(town, ann, kind=kind, settings=settings)
    first = worker_of(town, server)
    interrupted(monkeypatch, 2, first.stop)
    first.work_once()
    found = job_of(town, ann, other)
    assert found.state == "queued" and 0 < found.step <= 3
    worker_of(town, server).work_once()
    assert picture(town, ann, other) == picture(town, ann, whole)


def test_a_cut_out_content_gives_a_cut_out_picture(town, ann, server):
    job = order(town, ann, mode="RGBA", steps=1)
    worker_of(town, server).work_once()
    with Image.open(io.BytesIO(picture(town, ann, job))) as made:
        assert made.mode == "RGBA" and made.size == (60, SIDE)


def test_a_model_says_no_once_and_without_its_address(town, ann, server):
    for settings in ({"alpha": 7.0}, {"weights": "imagenet"}, {"steps": 100_000}):
        job = order(town, ann, settings=settings)
        worker_of(town, server).work_once()
        found = job_of(town, ann, job)
        assert found.state == "failed"
        assert "127.0.0.1" not in found.error and "`" not in found.error
        assert next(iter(settings)) in found.error


def test_a_server_that_is_away_for_a_moment_costs_nothing(
    town, ann, server, monkeypatch
):
    job, left = order(town, ann), [1] * 2
    advance = runs.Run.advance

    def advancing(run, steps=1):
        if left:
            left.pop()
            raise ServerError("UNAVAILABLE", "gone")
        return advance(run, steps)

    monkeypatch.setattr(runs.Run, "advance", advancing)
    worker_of(town, server).work_once()
    assert job_of(town, ann, job).state == "done" and not left


def test_a_server_that_stays_away_gets_the_job_again_later(
    town, ann, server, monkeypatch
):
    monkeypatch.setattr(served, "PATIENCE", 0.1)
    job = order(town, ann)

    def gone(run, steps=1):
        raise ServerError("UNAVAILABLE", "gone")

    monkeypatch.setattr(runs.Run, "advance", gone)
    monkeypatch.setattr(served._Job, "_is_back", lambda job: False)
    for _ in range(leases.ATTEMPTS + 1):
        worker_of(town, server).work_once()
        assert job_of(town, ann, job).state == "queued"


def test_a_job_that_ends_server_after_server_is_given_up(
    town, ann, server, monkeypatch
):
    job = order(town, ann)

    def gone(run, steps=1):
        raise ServerError("UNAVAILABLE", "gone")

    monkeypatch.setattr(runs.Run, "advance", gone)
    for _ in range(leases.ATTEMPTS):
        worker_of(town, server).work_once()
    assert job_of(town, ann, job).state == "failed"


def test_nothing_is_claimed_while_no_server_answers(town, ann):
    job = order(town, ann)
    engine = Served("grpc://127.0.0.1:9", timeout=1)
    with pytest.raises(EngineAway):
        Worker(town.database, town.store, town.settings, engine).work_once()
    assert job_of(town, ann, job).state == "queued"


def test_a_job_of_a_model_that_is_gone_begins_anew_and_is_not_charged(
    town, ann, server
):
    job = order(town, ann)
    old = leases.Worker("old", ("served",), 999, {"mix": "vectormix/1"})
    lease = town.claim(old)
    town.save(lease, 0.5)
    leases.release(town.database, lease)
    town.pass_time(leases.GONE_SECONDS + 1)
    worker_of(town, server).work_once()
    assert job_of(town, ann, job).state == "done"


def test_a_worker_tells_the_version_and_the_size_of_its_model(server):
    who = Served(server.grpc).describe("w")
    assert who.versions == dict.fromkeys(("mix", "dream"), f"vectormix/{FIRST}")
    assert who.size == 128 and who.engines == ("served",)


@pytest.mark.parametrize(
    "place, done",
    [
        ((1, 1, 0, 6), 0.0),
        ((1, 1, 6, 6), 1.0),
        ((2, 2, 0, 3), 0.2),
        ((1, 2, 3, 3), 0.2),
    ],
)
def test_a_step_weighs_as_many_pixels_as_its_octave_has(place, done):
    settings = {"octave_scale": 2.0, "octave_steps": 1.0}
    assert served.fraction_done(settings, *place) == pytest.approx(done)


# --- Before the first job -------------------------------------------------------------


def test_a_model_is_warmed_up_once_while_nobody_waits(town, server, monkeypatch):
    made = []
    begin = runs.Run.__init__

    def beginning(run, connection, recipe, inputs):
        made.append((recipe, inputs["steps"]))
        begin(run, connection, recipe, inputs)

    monkeypatch.setattr(runs.Run, "__init__", beginning)
    worker = worker_of(town, server)
    assert not worker.work_once() and not worker.work_once()
    assert made == [("mix", 1)]
    with pytest.raises(EngineAway):
        monkeypatch.setattr(worker._engine._connection, "status", away)
        worker.work_once()
    monkeypatch.undo()
    monkeypatch.setattr(runs.Run, "__init__", beginning)
    assert not worker.work_once()  # another server, for all that is known
    assert made == [("mix", 1)] * 2


def away():
    raise ServerError("UNAVAILABLE", "the server is away.")


def test_a_job_goes_before_the_warm_up(town, ann, server, monkeypatch):
    warmed = []
    monkeypatch.setattr(Served, "warm_up", lambda self: warmed.append(self))
    job = order(town, ann)
    worker = worker_of(town, server)
    assert worker.work_once() and not warmed
    assert job_of(town, ann, job).state == "done"
    assert not worker.work_once() and warmed


@pytest.mark.parametrize("code", ["UNAVAILABLE", "INVALID_ARGUMENT"])
def test_a_model_that_cannot_be_warmed_up_is_waited_for_or_taken_as_it_is(
    town, server, monkeypatch, code
):
    def failing(run, steps=1):
        raise ServerError(code, "no mix of noise.")

    monkeypatch.setattr(runs.Run, "advance", failing)
    worker = worker_of(town, server)
    if code == "UNAVAILABLE":
        with pytest.raises(EngineAway):
            worker.work_once()
        monkeypatch.undo()
    assert not worker.work_once()
