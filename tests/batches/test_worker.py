"""Workers: an item is what its command makes, and goes on from what was kept."""

import dataclasses
import io
import json

import numpy as np
import pytest
from camera import moving
from PIL import Image

import vectormix_tf as vm
from vectormix_tf.batches import worker
from vectormix_tf.batches.items import parse
from vectormix_tf.batches.storage import Storage, digest
from vectormix_tf.batches.worker import ItemRunner, Task, Workspace
from vectormix_tf.io import clips, output
from vectormix_tf.io.python_process import PythonProcess

QUICK = {"size": 112, "steps": 4, "f1": "conv2a", "f2": "conv1a,conv2a"}
QUICK_DREAM = {"size": 112, "steps": 3, "octaves": 1, "layers": "conv2a"}


@pytest.fixture
def mix(photo, painting):
    return {"content": photo, "style": painting, **QUICK}


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "bucket":
        return Storage(request.getfixturevalue("bucket"))
    return Storage(str(tmp_path / "out"))


@pytest.fixture
def folder(tmp_path):
    return Storage(str(tmp_path / "out"))


@pytest.fixture
def frames(tmp_path, photo):
    """Path of a folder of four frames."""
    wide = Image.open(photo).convert("RGB").resize((160, 120), Image.Resampling.BOX)
    (tmp_path / "frames").mkdir()
    for i, frame in enumerate(moving(wide, 4)):
        Image.fromarray(frame).save(tmp_path / f"frames/{i}.png")
    return str(tmp_path / "frames")


def task_of(record, store, number=1):
    item = parse(record)
    return Task(number, record, item.key(digest), store.address, f"x{item.ending}")


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def stop_at(runner, patch, count):
    """Breaks off at the call of that number, from 1, of the progress of a run."""
    report, seen = ItemRunner._report, []

    def show(self, work, progress):
        seen.append(progress)
        self.stop = len(seen) >= count
        report(self, work, progress)

    patch.setattr(ItemRunner, "_report", show)


def test_a_mix_is_that_of_the_library(mix, store):
    answer = ItemRunner().make(task_of(mix, store))
    assert answer["state"] == "made" and answer["seconds"] > 0
    assert store.names() == {"x.png"}
    wanted = vm.mix(**mix, on_progress=None)
    np.testing.assert_array_equal(pixels(store.get("x.png")), np.asarray(wanted.pil))


def test_pictures_come_from_a_bucket_too(mix, bucket, photo, painting):
    store = Storage(bucket)
    with open(photo, "rb") as one, open(painting, "rb") as other:
        store.put("in/photo.jpg", one.read())
        store.put("in/painting.jpg", other.read())
    paths = {"content": store.where("in/photo.jpg")}
    paths |= {"style": [store.where("in/painting.jpg")]}
    assert ItemRunner().make(task_of({**mix, **paths}, store))["state"] == "made"
    wanted = vm.mix(**mix, on_progress=None)
    np.testing.assert_array_equal(pixels(store.get("x.png")), np.asarray(wanted.pil))
    assert task_of({**mix, **paths}, store).key == task_of(mix, store).key


def test_a_dream_is_that_of_the_library(photo, painting, folder):
    record = {"command": "dream", "image": photo, "guide": painting, **QUICK_DREAM}
    assert ItemRunner().make(task_of(record, folder))["state"] == "made"
    wanted = vm.dream(photo, guide=painting, **QUICK_DREAM, on_progress=None)
    made = pixels(folder.get("x.png"))
    np.testing.assert_array_equal(made, np.asarray(wanted.pil))


@pytest.mark.parametrize("is_dream", [False, True])
def test_a_film_has_all_frames_and_goes_on_to_the_same_bytes(
    frames, painting, mix, folder, tmp_path, monkeypatch, is_dream
):
    record = {"command": "film", "video": frames, "further_steps": 2, "fps": 10}
    record |= {"every": 2, "output": "x.webp"}
    if is_dream:
        record |= {**QUICK_DREAM, "dream": True}
    else:
        record |= {**QUICK, "style": painting, "key": ["1:alpha=0.2"]}
    task = task_of(record, folder)
    assert ItemRunner().make(task)["state"] == "made"
    whole = folder.get("x.webp")
    assert Image.open(io.BytesIO(whole)).n_frames == 4
    other = Storage(str(tmp_path / "other"))
    task = dataclasses.replace(task, store=other.address)
    with monkeypatch.context() as patch:
        stop_at(ItemRunner(), patch, 3)  # each has two calls or more
        assert ItemRunner().make(task)["state"] == "stopped"
    kept = other.names(worker.UNFINISHED)
    assert any(name.endswith("/00001.png") for name in kept) and "x.webp" not in kept
    answer = ItemRunner().make(task)
    assert answer["state"] == "made" and other.get("x.webp") == whole
    assert other.names() == {"x.webp"}
    assert any(text.startswith("warping error 0.") for text in answer["notices"])
    counts = [text for text in answer["notices"] if "frames of" in text]
    assert counts and not counts[0].startswith("3 frames")


def test_the_mask_and_the_film_may_be_in_a_bucket(
    frames, painting, bucket, tmp_path, film_file
):
    store = Storage(bucket)
    store.put("in/film.mp4", film_file.read_bytes())
    where = store.where("in/film.mp4")
    record = {"command": "film", "video": where, "mask": where, "style": painting}
    record |= {**QUICK, "further_steps": 1}
    assert ItemRunner().make(task_of(record, store))["state"] == "made"
    path = tmp_path / "made.mp4"
    path.write_bytes(store.get("x.mp4"))
    assert len(clips.read(str(path), 25).times) == 2
    assert store.names() == {"in/film.mp4", "x.mp4"}


@pytest.fixture
def film_file(tmp_path, photo):
    """An MP4 of two frames."""
    from vectormix_tf.io import video

    film = video.Film(".mp4", 25)
    wide = Image.open(photo).convert("RGB").resize((160, 120), Image.Resampling.BOX)
    for frame in moving(wide, 2):
        film.add(Image.fromarray(frame))
    (tmp_path / "film.mp4").write_bytes(film.close())
    return tmp_path / "film.mp4"


@pytest.mark.parametrize("when", [1, 2])
def test_a_mix_that_is_broken_off_goes_on_to_the_same_bytes(
    mix, store, monkeypatch, when
):
    record = {**mix, "steps": 6, "octaves": 2, "octave_scale": 1.1}
    task = task_of(record, store)
    ItemRunner().make(dataclasses.replace(task, key="other"))
    whole = store.get("x.png")
    store.delete("x.png")
    with monkeypatch.context() as patch:
        stop_at(ItemRunner(), patch, when)
        assert ItemRunner().make(task)["state"] == "stopped"
    kept = {f"{worker.UNFINISHED}/{task.key}/{worker.CHECKPOINT}"}
    assert store.names() == (kept if when > 1 else set())
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(ItemRunner, "_report", lambda self, work, p: seen.append(p.step))
        assert ItemRunner().make(task)["state"] == "made"
    assert store.get("x.png") == whole and store.names() == {"x.png"}
    assert (0 in seen) == (when == 1)  # the picture before the first step


def test_what_was_kept_by_another_version_is_made_anew(mix, folder):
    task = task_of(mix, folder)
    kept = f"{worker.UNFINISHED}/{task.key}/{worker.CHECKPOINT}"
    folder.put(kept, b"no checkpoint")
    assert ItemRunner().make(task)["state"] == "made"
    assert folder.names() == {"x.png"}


def test_what_cannot_be_made_is_told_in_one_line(mix, folder, tmp_path):
    mask = str(tmp_path / "mask.png")
    Image.new("L", (8, 8)).save(mask)
    answer = ItemRunner().make(task_of({**mix, "mask": mask}, folder))
    assert answer["state"] == "failed" and "black everywhere" in answer["error"]
    assert len(answer["error"].splitlines()) == 1 and folder.names() == set()


def test_a_fault_of_the_program_is_one_line_and_may_pass(mix, folder, monkeypatch):
    def fail(*_):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(output, "encode", fail)
    answer = ItemRunner().make(task_of(mix, folder))
    assert answer["state"] == "retry" and answer["error"] == "RuntimeError: two lines"


def test_a_full_place_may_have_room_again(mix, folder, monkeypatch):
    def fail(self, name, data):
        raise worker.OutputError("the disk is full.")

    monkeypatch.setattr(Storage, "put", fail)
    answer = ItemRunner().make(task_of(mix, folder))
    assert answer["state"] == "retry" and answer["error"] == "the disk is full."


# --- What is kept ---------------------------------------------------------------------


def test_files_are_kept_when_they_have_changed_and_not_before_it_is_time(
    folder, tmp_path
):
    work = Workspace(str(tmp_path / "one"), folder, "k")
    assert work.is_new
    with open(work.path("a"), "wb") as file:
        file.write(b"1")
    work.save()
    assert folder.names() == set()
    work.save(now=True)
    assert folder.get("unfinished/k/a") == b"1"
    folder.put("unfinished/k/a", b"kept as it is")
    work.save(now=True)
    other = Workspace(str(tmp_path / "two"), folder, "k")
    assert not other.is_new
    with open(other.path("a"), "rb") as file:
        assert file.read() == b"kept as it is"
    other.clear()
    assert folder.names() == set() and other.is_new


def test_an_item_goes_on_if_nothing_can_be_kept(folder, tmp_path, monkeypatch):
    work = Workspace(str(tmp_path / "one"), folder, "k")
    with open(work.path("a"), "wb") as file:
        file.write(b"1")

    def fail(self, name, data):
        raise worker.OutputError("the disk is full.")

    monkeypatch.setattr(Storage, "put", fail)
    work.save(now=True)
    assert work.is_new


# --- The process ----------------------------------------------------------------------


def test_a_process_makes_what_stdin_tells_and_ends_with_it(mix, folder):
    from vectormix_tf.batches.pools import CODE

    task = task_of({**mix, "steps": 2}, folder, number=7)
    with PythonProcess(CODE) as process:
        process.popen.stdin.write(json.dumps(dataclasses.asdict(task)) + "\n")
        process.popen.stdin.flush()
        told = (json.loads(line) for line in process.lines())
        last = next(each for each in told if "state" in each)
        assert last["number"] == 7 and last["state"] == "made"
        process.popen.stdin.close()
        assert process.popen.wait(20) == 0
    assert folder.names() == {"x.png"}
