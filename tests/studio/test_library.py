"""The engine of the package itself, with few layers of the real network."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.studio import leases, library, queue, shift, works
from vectormix_tf.studio.library import Library
from vectormix_tf.studio.worker import Worker

LIGHT = {
    "mix": {"f1": "conv2b", "f2": "conv2a"},
    "dream": {"layers": "conv2b", "octaves": 2},
}
SIDE = 96


@pytest.fixture
def database(empty_sqlite, tmp_path, wall):
    """The engine does not know which it is: one is enough."""
    import shutil

    from studio_places import opened

    shutil.copy(empty_sqlite, tmp_path / "studio.sqlite")
    with opened(f"sqlite:///{tmp_path}/studio.sqlite", wall) as found:
        yield found


@pytest.fixture
def ann(town):
    return town.person("ann")


def png(seed):
    drawn = np.random.default_rng(seed)
    pixels = drawn.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def order(
    town, user, kind="mix", slots=("content", "style"), engine="library", **settings
):
    inputs = {
        slot: queue.Picked(upload=town.upload(user, png(i)))
        for i, slot in enumerate(slots)
    }
    options = {"settings": LIGHT[kind] | {"steps": 6} | settings, "steps": 12}
    return town.submit(
        user, kind=kind, size=SIDE, inputs=inputs, engine=engine, **options
    )


def work(town, before_report=lambda shift: None):
    worker = Worker(town.database, town.store, town.settings, Library(2048))
    report = shift.Shift.report

    def reporting(self, *args):
        before_report(worker)
        return report(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift.Shift, "report", reporting)
        assert worker.work_once()


def job_of(town, user, job):
    return queue.find(town.database, user, job)


def picture(town, user, job):
    found = job_of(town, user, job)
    assert found.state == "done", found.error
    return town.store.get(works.find(town.database, user, found.work).picture)


@pytest.mark.parametrize("kind", ["mix", "dream"])
def test_a_job_that_was_put_down_has_the_bytes_of_one_that_was_not(
    town, ann, kind, monkeypatch
):
    from vectormix_tf.optim import loop

    monkeypatch.setattr(loop, "CHUNK_SECONDS", 1e-6)  # a report after each step
    whole = order(town, ann, kind)
    work(town)
    other, reports = order(town, ann, kind), []

    def end(worker):
        reports.append(worker)
        if len(reports) == 5:
            worker.stop()

    work(town, end)
    assert job_of(town, ann, other).state == "queued"
    assert 0 < job_of(town, ann, other).fraction < 1
    work(town)
    assert picture(town, ann, other) == picture(town, ann, whole)


def test_several_styles_and_a_mask_are_used(town, ann):
    slots = ("content", "style", "style_2", "mask")
    one, other = order(town, ann), order(town, ann, slots=slots)
    work(town)
    work(town)
    assert picture(town, ann, one) != picture(town, ann, other)


def test_a_worker_that_ends_before_the_first_step_gives_the_job_back(town, ann):
    job = order(town, ann)
    worker = Worker(town.database, town.store, town.settings, Library())
    worker.stop()
    worker.work_once()
    assert job_of(town, ann, job).state == "queued"


def test_a_setting_that_cannot_be_used_is_told_at_once(town, ann):
    job = order(town, ann, alpha=3.0)
    work(town)
    assert job_of(town, ann, job).state == "failed"
    assert "alpha must be in [0, 1]" in job_of(town, ann, job).error


def test_numbered_pictures_are_in_their_order():
    given = {"style_10": b"10", "style": b"1", "style_2": b"2", "style_mask": b"m"}
    assert library._numbered(given, "style") == [b"1", b"2", b"10"]
    assert library._numbered(given, "style_mask") == [b"m"]
    assert library._numbered({}, "style") is None


def test_it_takes_no_job_of_a_model_server():
    who = Library(2048).describe("w")
    assert who.engines == ("library",) and who.size == 2048


def test_it_stands_in_for_a_model_server_until_there_is_one(town, ann):
    from vectormix_tf.optim import loop

    job, later = (order(town, ann, engine="served") for _ in range(2))
    database, until = town.database, "served"
    engine = Library(stands_in=True)
    worker = Worker(database, town.store, town.settings, engine, until)
    served = leases.Worker("s", (until,), 1024, dict.fromkeys(("mix", "dream"), "m/1"))

    def stopping(self, progress, *args):
        if progress.step == 3:
            worker.stop()
        return report(self, progress, *args)

    report = shift.Shift.report
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHUNK_SECONDS", 1e-6)
        patch.setattr(shift.Shift, "report", stopping)
        worker.run()  # puts the job down
    half = job_of(town, ann, job)
    assert half.state == "queued" and half.fraction > 0
    assert not leases.has_other(database, worker.name, until)  # it has left

    again = Worker(database, town.store, town.settings, engine, until)
    assert again.work_once()
    assert picture(town, ann, job)
    assert leases.has_other(database, "s", until)
    assert leases.claim(database, served, town.settings).job == later
    begun = time.monotonic()
    again.run()  # ends: there is a served worker
    assert time.monotonic() - begun < 5
    assert not leases.has_other(database, "s", until)
