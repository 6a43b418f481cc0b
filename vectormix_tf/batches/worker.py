"""Workers: how an item is made, and the process that makes one after another.

A process of this module reads tasks from stdin and tells what becomes of them on
stdout, a line of JSON each. It ends when stdin does: what it has begun is kept then, as
after Ctrl-C.
"""

import contextlib
import dataclasses
import functools
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from vectormix_tf.batches import storage
from vectormix_tf.batches.items import Item, parse
from vectormix_tf.batches.storage import Storage
from vectormix_tf.errors import (
    InputError,
    NotFiniteError,
    Notice,
    OutputError,
    ServerError,
)
from vectormix_tf.io import buckets, clips, images, output
from vectormix_tf.io.progress import Progress
from vectormix_tf.io.series import Series

UNFINISHED = "unfinished"  # folder of the storage: what items have that are not done
CHECKPOINT = "checkpoint.npz"
SAVE_SECONDS = 10.0  # between two times that what an item has is kept
# Errors of storages: a full disk, a bucket that is gone, a store that does not answer.
UNWRITTEN = OutputError, InputError, ServerError
TELL_SECONDS = 1.0  # between two times that it tells how far an item is
LAST_SECONDS = 60.0  # that a worker has left when nobody listens to it any more


class Stopped(Exception):
    """An item that was broken off; what it has is kept."""


@dataclasses.dataclass
class Task:
    """What a worker is given.

    Attributes:
        number: Of the item.
        record: The item, as `items.parse` takes it.
        key: Of the item.
        store: Address to which its file is written.
        file: Name of that file.
    """

    number: int
    record: Mapping[str, Any]
    key: str
    store: str
    file: str


class Workspace:
    """A folder of this machine whose files are kept in the storage too.

    So an item goes on elsewhere when this machine is gone.

    Attributes:
        folder: Its path.
        key: Of the item.
    """

    def __init__(self, folder: str, store: Storage, key: str):
        """Makes the folder, and copies into it what is kept.

        Args:
            folder: A path at which nothing is.
            store: Where files are kept.
            key: Of the item.
        """
        os.mkdir(folder)
        self.folder, self.key, self._store = folder, key, store
        self._prefix = f"{UNFINISHED}/{key}/"
        self._kept: dict[str, tuple[int, int]] = {}  # name -> time and bytes
        self._due = time.monotonic() + SAVE_SECONDS
        for kept in store.names(self._prefix):
            name = kept.removeprefix(self._prefix)
            output.write_bytes(self.path(name), store.get(kept), overwrite=True)
            self._kept[name] = _stamp(self.path(name))

    @property
    def is_new(self) -> bool:
        """Whether nothing was kept."""
        return not self._kept

    def path(self, name: str) -> str:
        """Returns the path of a file."""
        return os.path.join(self.folder, name)

    def fetched(self, path: str) -> str:
        """Returns the path of a file or folder on this machine."""
        if not buckets.is_address(path):
            return path
        folder = os.path.dirname(self.folder)  # it is not kept
        local = os.path.join(folder, os.path.basename(path))
        output.write_bytes(local, storage.read(path), overwrite=True)
        return local

    def save(self, now: bool = False) -> None:
        """Keeps files that have changed: every few seconds, or now."""
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + SAVE_SECONDS
        files = [entry.path for entry in os.scandir(self.folder) if entry.is_file()]
        with contextlib.suppress(*UNWRITTEN):  # an item goes on without it
            for path in sorted(files, key=_stamp):
                name, stamp = os.path.basename(path), _stamp(path)
                if self._kept.get(name) != stamp:
                    with open(path, "rb") as file:
                        self._store.put(self._prefix + name, file.read())
                    self._kept[name] = stamp

    def clear(self) -> None:
        """Forgets all files, in the folder and in the storage."""
        for name in self._kept:
            self._store.delete(self._prefix + name)
        for entry in os.scandir(self.folder):
            os.unlink(entry.path)
        self._kept = {}


def _stamp(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


# --- Making an item -------------------------------------------------------------------


class ItemRunner:
    """Makes items; graphs and targets that it has made stay warm.

    Attributes:
        stop: Whether it is to break off; any thread may set it.
        fraction: How much of the present item is done, in [0, 1].
        number: Of that item; None between two.
    """

    def __init__(self):
        self.stop, self.fraction = False, 0.0
        self.number: int | None = None

    def make(self, task: Task) -> dict[str, Any]:
        """Makes an item and writes its file.

        Returns:
            `state`: "made", "failed" (it would fail again), "retry" (it may not) or
            "stopped"; with `seconds`, `notices` and, of the middle two, `error`.
        """
        begun, self.fraction, self.number = time.monotonic(), 0.0, task.number
        answer: dict[str, Any] = {"state": "made"}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", Notice)
            try:
                self._make(task)
            except (Stopped, KeyboardInterrupt):
                answer = {"state": "stopped"}
            except (InputError, NotFiniteError) as error:
                answer = {"state": "failed", "error": str(error)}
            except (OutputError, ServerError) as error:
                answer = {"state": "retry", "error": str(error)}
            except Exception as error:
                text = " ".join(f"{type(error).__name__}: {error}".split())
                answer = {"state": "retry", "error": text}
        self.number = None
        notices = [str(each.message) for each in caught if each.category is Notice]
        seconds = round(time.monotonic() - begun, 3)
        return {**answer, "seconds": seconds, "notices": list(dict.fromkeys(notices))}

    def _make(self, task: Task) -> None:
        item, store = parse(task.record), Storage(task.store)
        recipe = {"mix": self._mix, "dream": self._dream, "film": self._film}
        with tempfile.TemporaryDirectory(prefix="vectormix-") as folder:
            work = Workspace(os.path.join(folder, "kept"), store, task.key)
            try:
                data = recipe[item.command](item, work)
            except InputError:
                if work.is_new:
                    raise
                work.clear()  # it is of another version, or damaged
                data = recipe[item.command](item, work)
            store.put(task.file, data)
            work.clear()

    def _mix(self, item: Item, work: Workspace) -> bytes:
        from vectormix_tf.recipes.mix import mix

        given = _pictures(item)
        content, style = given.pop("content", None), given.pop("style", [])
        recipe = functools.partial(mix, content, style, **given)
        return self._picture(recipe, item, work)

    def _dream(self, item: Item, work: Workspace) -> bytes:
        from vectormix_tf.recipes.dream import dream

        given = _pictures(item)
        recipe = functools.partial(dream, given.pop("image"), **given)
        return self._picture(recipe, item, work)

    def _picture(self, recipe: Callable, item: Item, work: Workspace) -> bytes:
        path = work.path(CHECKPOINT)
        result = recipe(
            settings=item.settings,
            checkpoint=path,
            resume=os.path.exists(path),
            on_progress=functools.partial(self._report, work),
        )
        if not result.finished:
            work.save(now=True)
            raise Stopped
        return output.encode(result.image, item.ending, result.transparency)

    def _film(self, item: Item, work: Workspace) -> bytes:
        from vectormix_tf.recipes import film
        from vectormix_tf.recipes.reel import Reel, frame_names

        given, others, settings = _pictures(item, work), item.others, item.settings
        clip = clips.read(given.pop("video"), others["fps"], settings.max_pixels)
        names = frame_names(len(clip.times))
        record = dict.fromkeys(names, {"key": work.key})
        series = Series(work.folder, "film", {}, record, [])
        reel = Reel(series, clip, others["every"])
        report = functools.partial(self._report, work)
        given["on_progress"] = report
        start = film.film_of(settings, others["key"])
        recipe = functools.partial(start, clip.only(reel.chosen), **given)
        finished = reel.make(functools.partial(_kept, recipe, work)) and reel.fill()
        work.save(now=True)
        if not finished:
            raise Stopped
        if reel.flicker:
            warnings.warn(f"{reel.flicker}.", Notice, stacklevel=2)
        path = work.path(f"film{item.ending}")
        reel.write(path, overwrite=True)
        with open(path, "rb") as file:
            return file.read()

    def _report(self, work: Workspace, progress: Progress) -> None:
        """Takes the progress of a run; interrupts it if it is to break off."""
        share = progress.step / max(1, progress.steps)
        self.fraction = (progress.octave - 1 + share) / progress.octaves
        work.save()
        if self.stop:
            raise KeyboardInterrupt


def _kept(recipe: Callable, work: Workspace, **made: Any):
    """Yields the frames of a film; each is kept when the next one is asked for."""
    for frame in recipe(**made):
        yield frame
        work.save(now=True)


def _pictures(item: Item, work: Workspace | None = None) -> dict[str, Any]:
    """Returns the pictures of an item as a recipe takes them.

    Args:
        item: The item.
        work: Of a film, whose own path is returned; its mask may be a film as well.
    """
    pixels = item.settings.max_pixels

    def read(name, path):
        if work is not None and (name == "video" or clips.is_clip(path)):
            path, fps = work.fetched(path), item.others["fps"]
            return path if name == "video" else clips.read(path, fps, pixels)
        source = storage.read(path) if buckets.is_address(path) else path
        return images.read(source, pixels, f"{name.replace('_', ' ')} picture")

    return {
        name: read(name, p) if isinstance(p, str) else [read(name, each) for each in p]
        for name, p in item.pictures.items()
    }


# --- The process ----------------------------------------------------------------------


def serve() -> None:
    """Makes the items of which stdin tells, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it tells it to stop
    runner, tasks, tell = ItemRunner(), queue.SimpleQueue(), _speaker()
    for target in (_listen, _tell_fractions):
        threading.Thread(target=target, args=(runner, tasks, tell), daemon=True).start()
    while (task := tasks.get()) is not None:
        tell({"number": task.number, **runner.make(task)})


def _speaker() -> Callable[[Mapping[str, Any]], None]:
    """Returns a function that writes a line of JSON to what was stdout.

    What else is printed goes to stderr from now on.
    """
    stream, lock = os.fdopen(os.dup(1), "w"), threading.Lock()
    os.dup2(2, 1)

    def tell(record: Mapping[str, Any]) -> None:
        with lock, contextlib.suppress(OSError):  # nobody reads it any more
            stream.write(json.dumps(record) + "\n")
            stream.flush()

    return tell


def _listen(runner: ItemRunner, tasks: Any, tell: Any) -> None:
    """Puts tasks from stdin into the queue; None at its end."""
    for line in sys.stdin:
        tasks.put(Task(**json.loads(line)))
    runner.stop = True
    tasks.put(None)
    time.sleep(LAST_SECONDS)
    os._exit(1)


def _tell_fractions(runner: ItemRunner, tasks: Any, tell: Any) -> None:
    """Tells about every second how much of an item is done."""
    while True:
        time.sleep(TELL_SECONDS)
        if (number := runner.number) is not None:
            tell({"number": number, "fraction": runner.fraction})
