"""The queue of orders: accepts, runs and deletes them.

All state belongs to one event loop; only calls that wait for the model or process
pixels run in threads. An order stays in memory until its picture was fetched, or until
no request for it has come for some time.
"""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import logging
import math
import secrets
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import uploads
from starlette.concurrency import run_in_threadpool

from vectormix_tf.errors import VectormixError

log = logging.getLogger("vectormix.page")

# Pictures of each kind of order: {kind: {slot of the page: input of the model}}.
PICTURES = {
    "mix": {"content": "content_bytes", "style": "style_bytes"},
    "dream": {"content": "image_bytes"},
}
CHUNK_GROWTH = 4  # largest factor from the steps of one request to those of the next
SWEEP_SECONDS = 1.0  # between searches for abandoned orders
ENDED = ("done", "stopped", "failed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Limits of the page; the limits on size and steps are the model's.

    Attributes:
        places: Orders that run at the same time.
        waiting: Orders that may wait, including those whose pictures are uploaded.
        per_visitor: Orders that one address may have at the same time.
        rate: Orders that one address may make in `rate_seconds`.
        rate_seconds: Period of `rate`.
        upload_bytes: Largest file.
        upload_seconds: Longest duration of an upload.
        pixels: Largest picture, height times width.
        run_seconds: Longest duration of a run; the picture so far is kept.
        patience: Seconds without a request after which an order is deleted.
        hold: Seconds that a request waits for news.
        chunk_seconds: Target duration of a request to the model, after which there is a
            new preview. Previews cost the model time.
    """

    places: int = 2
    waiting: int = 16
    per_visitor: int = 2
    rate: int = 20
    rate_seconds: float = 600.0
    upload_bytes: int = 16 * 2**20
    upload_seconds: float = 60.0
    pixels: int = 24_000_000
    run_seconds: float = 600.0
    patience: float = 60.0
    hold: float = 10.0
    chunk_seconds: float = 3.0


class RequestError(VectormixError):
    """A request that the page refuses.

    Attributes:
        status: HTTP status of the response.
        retry_after: Seconds after which the visitor may try again, or None.
    """

    def __init__(self, text: str, status: int, retry_after: int | None = None):
        super().__init__(text)
        self.status, self.retry_after = status, retry_after


def for_visitors(error: VectormixError) -> str:
    """Returns the text of an error for visitors, without the address of the model."""
    code = getattr(error, "code", "INVALID_ARGUMENT")  # of a `ServerError`
    if code == "INVALID_ARGUMENT":
        return str(error)
    if code == "RESOURCE_EXHAUSTED":
        return "the model is overloaded; try again in a minute."
    return "the model does not answer; try again in a minute."


class Order:
    """A picture that a visitor ordered.

    Attributes:
        id: Unguessable; whoever has it may query, stop and fetch the order.
        number: Number in the log, which has no ids.
        state: "uploading", "waiting", "running" or one of `ENDED`.
        version: Increases with every change.
        progress: Octave, step, losses and seconds left, as the page shows them.
        transparency: That of the content, [1, H, W, 1], or None.
    """

    def __init__(self, number: int, visitor: str, kind: str, settings: dict[str, Any]):
        self.id, self.number = secrets.token_urlsafe(16), number
        self.visitor, self.kind, self.settings = visitor, kind, settings
        self.missing = set(PICTURES[kind])
        self.inputs: dict[str, Any] = dict(settings)
        self.transparency: np.ndarray | None = None
        self.state, self.error, self.stopping = "uploading", None, False
        self.progress: dict[str, Any] = {}
        self.preview: bytes | None = None
        self.picture: bytes | None = None
        self.version, self._news = 0, asyncio.Event()
        self.seen, self.pending = time.monotonic(), 0

    def update(self, **changes: Any) -> None:
        """Sets attributes, and wakes the requests that wait for news."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, after: int, hold: float) -> None:
        """Waits until the version is above `after`, for at most `hold` seconds."""
        self.pending += 1
        try:
            if self.version <= after and self.state not in ENDED:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), hold)
        finally:
            self.pending -= 1
            self.seen = time.monotonic()

    def end(self, state: str, error: str | None = None) -> None:
        """Ends the order and frees its inputs; the result stays until it is fetched.

        Args:
            state: One of `ENDED`.
            error: Text for the visitor, or None.
        """
        self.inputs, self.transparency = {}, None
        self.update(state=state, error=error)


class Desk:
    """All orders, the queue of waiting ones and the tasks of running ones.

    Args:
        connection: Returns the connection to the model; may raise `InputError`.
        run: `vectormix_tf.client.Run`, or a class with the same interface.
        options: The limits.
    """

    def __init__(self, connection: Callable, run: Callable, options: Options):
        self._connection, self._run, self.options = connection, run, options
        self.orders: dict[str, Order] = {}
        self.line: collections.deque[Order] = collections.deque()
        self.closed = False
        self._running: dict[Order, asyncio.Task] = {}
        self._given: dict[str, collections.deque[float]] = {}
        self._count = 0
        self._pixels = asyncio.Semaphore(1)  # one large array at a time

    @property
    def running(self) -> int:
        """Number of running orders."""
        return len(self._running)

    def admit(self, visitor: str) -> None:
        """Raises `RequestError` unless this visitor may make an order now."""
        if self.closed:
            raise RequestError(
                "the page is shutting down; come back in a minute.", 503, 60
            )
        given = self._given.setdefault(visitor, collections.deque())
        self._forget_times(given)
        if len(given) >= self.options.rate:
            wait = math.ceil(given[0] + self.options.rate_seconds - time.monotonic())
            text = f"you made many pictures; come back in {_duration(wait)}."
            raise RequestError(text, 429, wait)
        active = [each for each in self.orders.values() if each.state not in ENDED]
        if sum(each.visitor == visitor for each in active) >= self.options.per_visitor:
            text = "your other pictures are not finished; stop one or wait for it."
            raise RequestError(text, 429, 10)
        if len(active) - self.running >= self.options.waiting:
            text = "the queue is full; try again in a minute."
            raise RequestError(text, 503, 60)

    def open(self, visitor: str, kind: str, settings: dict[str, Any]) -> Order:
        """Creates an order; its pictures are added next."""
        self.admit(visitor)
        self._given[visitor].append(time.monotonic())
        self._count += 1
        order = Order(self._count, visitor, kind, settings)
        self.orders[order.id] = order
        return order

    async def add(self, order: Order, slot: str, data: bytes, pixels: int) -> None:
        """Adds a picture to an order; with its last picture the order joins the queue.

        A mix then has a first preview, which the visitor sees also while it waits.

        Args:
            order: An order in the state "uploading".
            slot: Slot of the page, a key of `PICTURES[order.kind]`.
            data: Content of a picture file.
            pixels: Largest number of pixels.

        Raises:
            InputError: If the file is not such a picture.
        """
        size = order.settings["size"]
        what = f"{slot} picture" if order.kind == "mix" else "picture"
        async with self._pixels:
            png, transparency = await run_in_threadpool(
                uploads.prepare, data, what, size, pixels
            )
            if order.state != "uploading":  # stopped or dropped in the meantime
                return
            order.inputs[PICTURES[order.kind][slot]] = png
            if slot == "content":
                order.transparency = transparency
            order.missing.discard(slot)
            if order.missing:
                return
            preview = await self._first_picture(order) if order.kind == "mix" else None
        if order.state == "uploading":
            self.line.append(order)
            order.update(state="waiting", preview=preview)
            self._advance_line()

    async def _first_picture(self, order: Order) -> bytes | None:
        """Returns what a mix will look like, as JPEG, before the model is asked."""
        inputs = order.inputs  # if it is stopped, it has others
        try:
            connection = await run_in_threadpool(self._connection)
            about = await run_in_threadpool(connection.about, order.kind)
            settings = about["open"] | about["fixed"] | order.settings
            return await run_in_threadpool(uploads.preview, inputs, settings)
        except VectormixError:  # if the run fails as well, it tells of it
            return None
        except Exception:
            log.exception("run %d: no preview", order.number)
            return None

    def ahead(self, order: Order) -> int:
        """Returns how many orders are ahead of this one in the queue."""
        return self.line.index(order) if order in self.line else 0

    def stop(self, order: Order) -> None:
        """Ends an order; a running one after the request that is being computed."""
        if order.state == "running":
            order.update(stopping=True)
        elif order.state not in ENDED:
            order.end("stopped")
            self._leave_line(order)

    def drop(self, order: Order) -> None:
        """Deletes an order and its pictures."""
        self.stop(order)
        self.orders.pop(order.id, None)
        order.preview = order.picture = None

    async def sweep(self) -> None:
        """Deletes abandoned orders, until it is cancelled."""
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self.options.patience / 2))
            now = time.monotonic()
            for order in list(self.orders.values()):
                if not order.pending and now - order.seen > self.options.patience:
                    log.info("run %d: abandoned, dropped", order.number)
                    self.drop(order)
            for visitor, given in list(self._given.items()):
                self._forget_times(given)
                if not given:
                    del self._given[visitor]

    def close(self) -> None:
        """Accepts no more orders; running ones end after the current request."""
        self.closed = True
        for order in list(self.orders.values()):
            if order.state in ("uploading", "waiting"):
                order.end("failed", "the page is shutting down; come back in a minute.")
            self.stop(order)
        self.line.clear()

    async def finish(self) -> None:
        """Waits until no order runs, and deletes all orders."""
        self.close()
        await asyncio.gather(*self._running.values())
        for order in list(self.orders.values()):
            self.drop(order)

    def _forget_times(self, given: collections.deque[float]) -> None:
        while given and time.monotonic() - given[0] >= self.options.rate_seconds:
            given.popleft()

    def _leave_line(self, order: Order) -> None:
        with contextlib.suppress(ValueError):
            self.line.remove(order)
        self._notify_waiting()

    def _notify_waiting(self) -> None:
        for order in self.line:
            order.update()

    def _advance_line(self) -> None:
        while self.line and self.running < self.options.places:
            order = self.line.popleft()
            order.update(state="running")
            task = asyncio.create_task(self._run_order(order))
            self._running[order] = task
        self._notify_waiting()

    async def _run_order(self, order: Order) -> None:
        started = time.monotonic()
        try:
            await self._steps(order, started)
        except VectormixError as error:  # mostly a `ServerError` of the model
            log.warning("run %d: %s", order.number, error)
            order.end("failed", for_visitors(error))
        except Exception:
            log.exception("run %d", order.number)
            order.end("failed", "something went wrong here; please try again.")
        finally:
            del self._running[order]
            order.seen = time.monotonic()
            if order.id not in self.orders:  # dropped during the run
                order.preview = order.picture = None
            log.info(
                "run %d: %s %s, %.1f s, %s",
                order.number,
                order.kind,
                {"size": order.settings["size"], "steps": order.settings["steps"]},
                time.monotonic() - started,
                order.state,
            )
            self._advance_line()

    async def _steps(self, order: Order, started: float) -> None:
        connection = await run_in_threadpool(self._connection)
        about = await run_in_threadpool(connection.about, order.kind)
        settings = about["open"] | about["fixed"] | order.settings
        run = await run_in_threadpool(self._run, connection, order.kind, order.inputs)
        finish, order.transparency = (
            functools.partial(_finish, run, order.transparency),
            None,
        )
        order.inputs = {}  # the run's state contains them
        stepping, chunk = time.monotonic(), 1
        late = False
        try:
            _show(order, run, settings, 0.0)
            while not (run.finished or order.stopping or late):
                before = time.monotonic()
                await run_in_threadpool(run.advance, chunk)
                now = time.monotonic()
                _show(order, run, settings, now - stepping)
                ideal = chunk * self.options.chunk_seconds / max(now - before, 1e-3)
                chunk = max(1, min(round(ideal), CHUNK_GROWTH * chunk))
                late = now - started > self.options.run_seconds
        finally:  # after an error, too, the picture so far is kept
            order.picture = await run_in_threadpool(finish)
        error = None
        if late and not run.finished:
            limit = _duration(self.options.run_seconds)
            error = f"time is up: a picture may take {limit}."
        order.end("done" if run.finished else "stopped", error)


def _finish(run, transparency: np.ndarray | None) -> bytes:
    return uploads.with_transparency(run.image, transparency)


def _show(order: Order, run, settings: dict[str, Any], seconds: float) -> None:
    """Copies the progress and preview of a run to its order."""
    losses = {}
    if len(run.losses):
        values = (float(value) for value in run.losses[-1])
        named = zip(run.terms, values, strict=True)
        losses = {name: value for name, value in named if math.isfinite(value)}
    done = fraction_done(settings, run.octave, run.octaves, run.step, run.steps)
    left = seconds * (1 - done) / done if seconds and done else None
    progress = {
        "octave": run.octave,
        "octaves": run.octaves,
        "step": run.step,
        "steps": run.steps,
        "losses": losses,
        "loss": sum(losses.values()) if losses else None,
        "fraction": 1.0 if run.finished else done,
        "seconds_left": left,
    }
    # Before its first step, a mix keeps the preview that was made here.
    seen = len(run.losses) == 0 and order.preview is not None
    order.update(progress=progress, preview=order.preview if seen else run.preview)


def fraction_done(
    settings: dict[str, Any], octave: int, octaves: int, step: int, steps: int
) -> float:
    """Returns the share of a run's work that is done, in [0, 1].

    The cost of a step is proportional to the pixels of its octave.
    """
    scale, growth = settings.get("octave_scale", 1.0), settings.get("octave_steps", 1.0)
    # Relative to this octave; the model reports the steps of this one only.
    costs = [
        max(1.0, steps * growth ** (i - octave)) * scale ** (2 * (i - octave))
        for i in range(1, octaves + 1)
    ]
    done = sum(costs[: octave - 1]) + step
    return min(1.0, done / sum(costs))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds)} seconds"
    return f"{math.ceil(seconds / 60)} minutes"
