"""Desk: takes orders, keeps the line, has them carried out, forgets them.

All of it lives in one event loop; only what waits for the model or works on pixels is
done in threads. An order is in memory until it was fetched or nobody asks for it.
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

# Pictures that each kind takes: the slot of the page, and the model's input.
PICTURES = {
    "mix": {"content": "content_bytes", "style": "style_bytes"},
    "dream": {"content": "image_bytes"},
}
CHUNK_GROWTH = 4  # at most, from one chunk to the next
SWEEP_SECONDS = 1.0  # between looks for who has left
ENDED = ("done", "stopped", "failed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Limits of the page; those on size and steps are the model's own.

    Attributes:
        places: Orders that are carried out at once.
        waiting: Orders that may be in line, those still uploading included.
        per_visitor: Orders that one address may have at once.
        rate: Orders that one address may give in `rate_seconds`.
        rate_seconds: See there.
        upload_bytes: Of one file.
        upload_seconds: In which a file must be here.
        pixels: Of one picture.
        run_seconds: After which an order is ended; the picture so far is kept.
        patience: Seconds without a question until an order is forgotten.
        hold: Seconds that a question waits for news.
        chunk_seconds: Between two previews, or so; each costs the model half of one.
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


class Refusal(VectormixError):
    """What the page does not do now, with the HTTP status that says so."""

    def __init__(self, text: str, status: int, retry_after: int | None = None):
        super().__init__(text)
        self.status, self.retry_after = status, retry_after


def for_visitors(error: VectormixError) -> str:
    """What a visitor is told of an error: where the model is, is nobody's business."""
    code = getattr(error, "code", "INVALID_ARGUMENT")  # of a `ServerError`
    if code == "INVALID_ARGUMENT":
        return str(error)
    if code == "RESOURCE_EXHAUSTED":
        return "the model has too much to do; try again in a minute."
    return "the model does not answer; try again in a minute."


class Order:
    """One picture that a visitor wants.

    Attributes:
        id: Cannot be guessed; who has it may ask, stop and fetch.
        number: For the log, which has no ids.
        state: "uploading", "waiting", "running" or one of `ENDED`.
        version: Grows with everything that is new.
        progress: What a page shows: octave, step, losses, seconds left.
    """

    def __init__(self, number: int, visitor: str, kind: str, settings: dict[str, Any]):
        self.id, self.number = secrets.token_urlsafe(16), number
        self.visitor, self.kind, self.settings = visitor, kind, settings
        self.missing = set(PICTURES[kind])
        self.inputs: dict[str, Any] = dict(settings)
        self.alpha: np.ndarray | None = None
        self.state, self.error, self.stopping = "uploading", None, False
        self.progress: dict[str, Any] = {}
        self.preview: bytes | None = None
        self.picture: bytes | None = None
        self.version, self._news = 0, asyncio.Event()
        self.seen, self.questions = time.monotonic(), 0

    def tell(self, **changes: Any) -> None:
        """Sets attributes, and wakes who waits for news."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, after: int, hold: float) -> None:
        """Returns when there is something newer than version `after`, or in time."""
        self.questions += 1
        try:
            if self.version <= after and self.state not in ENDED:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), hold)
        finally:
            self.questions -= 1
            self.seen = time.monotonic()

    def end(self, state: str, error: str | None = None) -> None:
        """What it was made from is let go of; what was made stays to be fetched."""
        self.inputs, self.alpha = {}, None
        self.tell(state=state, error=error)


class Desk:
    """The line, the places and the orders in them.

    Args:
        connection: Returns the connection to the model; may raise `InputError`.
        run: `vectormix_tf.client.Run`, or what does the same.
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
        """How many places are taken."""
        return len(self._running)

    def admit(self, visitor: str) -> None:
        """Raises `Refusal` where this visitor may give no order now."""
        if self.closed:
            raise Refusal("the page is being closed; come back in a minute.", 503, 60)
        given = self._given.setdefault(visitor, collections.deque())
        self._forget_times(given)
        if len(given) >= self.options.rate:
            wait = math.ceil(given[0] + self.options.rate_seconds - time.monotonic())
            text = f"that were many pictures; come back in {_duration(wait)}."
            raise Refusal(text, 429, wait)
        active = [each for each in self.orders.values() if each.state not in ENDED]
        if sum(each.visitor == visitor for each in active) >= self.options.per_visitor:
            text = "you have pictures in the making; stop one or wait for it."
            raise Refusal(text, 429, 10)
        if len(active) - self.running >= self.options.waiting:
            text = "the line is full; try again in a minute."
            raise Refusal(text, 503, 60)

    def open(self, visitor: str, kind: str, settings: dict[str, Any]) -> Order:
        """Takes an order; its pictures come next."""
        self.admit(visitor)
        self._given[visitor].append(time.monotonic())
        self._count += 1
        order = Order(self._count, visitor, kind, settings)
        self.orders[order.id] = order
        return order

    async def add(self, order: Order, slot: str, data: bytes, pixels: int) -> None:
        """Takes a picture of at most so many pixels; with the last one gets in line."""
        size = order.settings["size"]
        what = f"{slot} picture" if order.kind == "mix" else "picture"
        async with self._pixels:
            png, alpha = await run_in_threadpool(
                uploads.prepare, data, what, size, pixels
            )
        if order.state != "uploading":  # stopped or forgotten meanwhile
            return
        order.inputs[PICTURES[order.kind][slot]] = png
        order.alpha = alpha if slot == "content" else order.alpha
        order.missing.discard(slot)
        if not order.missing:
            self.line.append(order)
            order.tell(state="waiting")
            self._advance_line()

    def ahead(self, order: Order) -> int:
        """How many are before an order in line."""
        return self.line.index(order) if order in self.line else 0

    def stop(self, order: Order) -> None:
        """Ends an order soon: after the steps that are being taken."""
        if order.state == "running":
            order.tell(stopping=True)
        elif order.state not in ENDED:
            order.end("stopped")
            self._leave_line(order)

    def drop(self, order: Order) -> None:
        """Forgets an order and its pictures."""
        self.stop(order)
        self.orders.pop(order.id, None)
        order.preview = order.picture = None

    async def sweep(self) -> None:
        """Forgets, again and again, what nobody asks for any more."""
        while True:
            await asyncio.sleep(min(SWEEP_SECONDS, self.options.patience / 2))
            now = time.monotonic()
            for order in list(self.orders.values()):
                if not order.questions and now - order.seen > self.options.patience:
                    log.info("run %d: nobody asks, dropped", order.number)
                    self.drop(order)
            for visitor, given in list(self._given.items()):
                self._forget_times(given)
                if not given:
                    del self._given[visitor]

    def close(self) -> None:
        """Takes no orders any more; what runs ends after the steps being taken."""
        self.closed = True
        for order in list(self.orders.values()):
            if order.state in ("uploading", "waiting"):
                order.end("failed", "the page is being closed; come back in a minute.")
            self.stop(order)
        self.line.clear()

    async def finish(self) -> None:
        """Waits for the places to be empty, and forgets everything."""
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
        self._tell_line()

    def _tell_line(self) -> None:
        for order in self.line:
            order.tell()

    def _advance_line(self) -> None:
        while self.line and self.running < self.options.places:
            order = self.line.popleft()
            order.tell(state="running")
            task = asyncio.create_task(self._carry_out(order))
            self._running[order] = task
        self._tell_line()

    async def _carry_out(self, order: Order) -> None:
        started = time.monotonic()
        try:
            await self._steps(order, started)
        except VectormixError as error:  # the model's server, mostly
            log.warning("run %d: %s", order.number, error)
            order.end("failed", for_visitors(error))
        except Exception:
            log.exception("run %d", order.number)
            order.end("failed", "something went wrong here; please try again.")
        finally:
            del self._running[order]
            order.seen = time.monotonic()
            if order.id not in self.orders:  # the visitor left meanwhile
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
        finish, order.alpha = functools.partial(_finish, run, order.alpha), None
        order.inputs = {}  # the run's state has all of it
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
        finally:  # also of an error: the picture so far is kept
            order.picture = await run_in_threadpool(finish)
        error = None
        if late and not run.finished:
            error = f"time is up: a picture may take {_duration(now - started)}."
        order.end("done" if run.finished else "stopped", error)


def _finish(run, alpha: np.ndarray | None) -> bytes:
    return uploads.with_alpha(run.image, alpha)


def _show(order: Order, run, settings: dict[str, Any], seconds: float) -> None:
    """Puts what a run has come to where the visitor's next question finds it."""
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
    order.tell(progress=progress, preview=run.preview)


def fraction_done(
    settings: dict[str, Any], octave: int, octaves: int, step: int, steps: int
) -> float:
    """How much of a run's work is done: a step costs as much as it has pixels."""
    scale, growth = settings.get("octave_scale", 1.0), settings.get("octave_steps", 1.0)
    # Those to come relative to this one, of which the model tells the steps.
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
