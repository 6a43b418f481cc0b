"""Orders of pictures, from forms and from programs."""

import contextlib
import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from PIL import Image

from vectormix_tf.config.octaves import LARGE
from vectormix_tf.errors import InputError
from vectormix_tf.studio import (
    accounts,
    blobs,
    costs,
    intake,
    pictures,
    queue,
    schema,
    styles,
    uploads,
)
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal, not_found
from vectormix_tf.studio.intake import UploadError
from vectormix_tf.studio.web import words
from vectormix_tf.studio.web.answers import KNOWN
from vectormix_tf.studio.web.site import Ask, Site

LEAST_KEY = 16  # letters of a form's key that no one guesses
LONGEST_ID = 200
NOBODY = ""  # whose uploads there are none of


@dataclasses.dataclass(frozen=True)
class Pick:
    """A picture that an order names.

    Attributes:
        picked: For the queue.
        sides: (height, width) in pixels.
    """

    picked: queue.Picked
    sides: tuple[int, int]


@contextlib.contextmanager
def about(field: str) -> Iterator[None]:
    """Tells of a refusal which field of a form it is about."""
    try:
        yield
    except KNOWN as error:
        if not getattr(error, "field", ""):
            error.field = field  # type: ignore[union-attr]
        raise


# --- Pictures -------------------------------------------------------------------------


def keep_upload(site: Site, user: str, data: bytes) -> uploads.Upload:
    """Takes a picture from a stranger, for a person; blocks while it is decoded.

    Raises:
        UploadError: If it is no picture that can be used.
        Refusal: "out_of_space".
        Unavailable: Before anything is written.
    """
    return store_upload(site, user, decode(site, data))


def decode(site: Site, data: bytes) -> intake.Upload:
    """Makes a picture of a stranger's bytes that is safe to keep."""
    site.store.check_writable()
    end = "taken"
    try:
        return intake.accept(data, site.limits)
    except UploadError as error:
        end = error.code
        raise
    finally:
        site.metrics.uploads.labels(end).inc()


def store_upload(site: Site, user: str, made: intake.Upload) -> uploads.Upload:
    """Keeps a decoded picture for a person."""
    database, store = site.database, site.store
    kept = blobs.keep(database, store, user, "upload", made.data, made.media_type)
    thumb = made.thumbs[0]
    small = blobs.keep(database, store, user, "small", thumb.data, thumb.media_type)
    quota = site.settings.quota * blobs.MEGABYTE
    return uploads.add(database, user, kept, small, made.width, made.height, quota)


def pick(site: Site, user: str, named: str) -> Pick:
    """The picture of an id: an upload of the person, else a style that they may use.

    A style of the package may be named by its name, too: "harvest". Ids are drawn from
    96 bits, so that an upload and a style never have the same one.

    Raises:
        Refusal: "not_found".
    """
    if not 0 < len(named) <= LONGEST_ID:
        raise not_found("picture")
    with contextlib.suppress(Refusal):
        found = uploads.find(site.database, user, named)
        return Pick(queue.Picked(upload=found.id), (found.height, found.width))
    try:
        style = styles.find(site.database, user, named)
    except Refusal:
        style = styles.find_builtin(site.database, named)
    return Pick(queue.Picked(style=style.id), _sides(site, style))


def _sides(site: Site, style: styles.Style) -> tuple[int, int]:
    if style.builtin is not None:
        data = pictures.builtin(style.builtin)
    else:
        data = site.store.get(style.picture or "")
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
        return image.height, image.width


# --- Orders ---------------------------------------------------------------------------


def settings_of(kind: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """What an order sets, with steps and seed written out.

    Args:
        kind: One of `schema.JOB_KINDS`.
        values: Of a program: those that are settings, and others.

    Raises:
        Refusal: "bad_input" for another kind, or too many steps.
        InputError: If a setting is none.
    """
    if kind not in schema.JOB_KINDS:
        kinds = " or ".join(schema.JOB_KINDS)
        raise Refusal("bad_input", f"`kind` must be {kinds}.")
    given = {n: values[n] for n in words.OPEN[kind] if values.get(n) is not None}
    known = words.checked(kind, given)
    chosen = {name: getattr(known, name) for name in ("steps", "seed")}
    if kind == "mix":
        chosen["alpha"] = known.alpha  # type: ignore[union-attr]
    chosen |= {name: getattr(known, name) for name in given}
    if known.steps < 1:
        raise Refusal("bad_input", "`steps` must be at least 1.")
    if sum(known.all_steps) > words.MOST_STEPS:
        text = f"all octaves together may have {words.MOST_STEPS} steps."
        raise Refusal("bad_input", text)
    return chosen


def size_of(kind: str, size: Any) -> int:
    """A long side in pixels.

    Raises:
        InputError: If it is none, or too small for the network.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise Refusal("bad_input", f"`size` must be a number of pixels, not {size!r}.")
    words.checked(kind, {"size": size})
    return size


def submit(
    site: Site,
    user: str,
    key: str,
    kind: str,
    settings: Mapping[str, Any],
    size: int,
    content: Pick,
    style: Pick | None,
) -> queue.Job:
    """Puts an order into the queue."""
    height, width = content.sides
    share = size / max(height, width)
    sides = max(1, round(height * share)), max(1, round(width * share))
    cost = costs.predict(site.database, kind, settings, sides)
    inputs = {"content": content.picked}
    if kind == "mix":
        if style is None:
            with about("style"):
                raise Refusal("bad_input", "choose a style, or upload a painting.")
        inputs["style"] = style.picked
    order = queue.Order(
        key=key,
        kind=kind,
        settings=settings,
        inputs=inputs,
        size=size,
        steps=cost.steps,
        cost=cost.seconds,
        engine="served" if size <= LARGE else "library",
    )
    return queue.submit(site.database, site.store, site.settings, user, order)


def from_program(ask: Ask) -> queue.Job:
    """The order of a program; see `api`."""
    values, site, user = ask.fields, ask.site, ask.me.id
    kind = values.get("kind", "mix")
    settings = settings_of(kind, values)
    size = size_of(kind, values.get("size", words.SIZE))
    with about("content"):
        content = pick(site, user, _named(values, "content"))
    style = None
    if kind == "mix":
        with about("style"):
            style = pick(site, user, _named(values, "style"))
    key = ask.request.headers.get("idempotency-key", "") or new_id()
    return submit(site, user, key, kind, settings, size, content, style)


def _named(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refusal("bad_input", f"`{name}` must be the id of a picture.")
    return str(value)


# --- Forms ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a form orders.

    Attributes:
        kind: One of `schema.JOB_KINDS`.
        settings: By name.
        size: Long side in pixels.
        content: Bytes of a photograph, or the id of a picture.
        style: Bytes of a painting, or the id of a picture; None for a dream.
        key: Idempotency key: the same for the same form with the same fields, so that
            a form that Back brings again, with other fields, is another order.
    """

    kind: str
    settings: Mapping[str, Any]
    size: int
    content: bytes | str
    style: bytes | str | None
    key: str


def read_form(ask: Ask) -> Wish:
    """What a form orders.

    Raises:
        Refusal: "bad_input", with the field that it is about.
        InputError: The same.
    """
    kind = ask.text("kind", "mix")
    given: dict[str, Any] = {}
    if kind == "mix":
        with about("alpha"):
            given["alpha"] = _number(ask.text("alpha", "0.5"))
    else:
        strength = ask.text("strength", words.USUAL)
        if strength not in words.DREAMS:
            with about("strength"):
                raise Refusal("bad_input", "choose how deep it dreams.")
        given = dict(words.DREAMS[strength])
    with about("kind"):
        settings = settings_of(kind, given)
    with about("size"):
        text = ask.text("size", str(words.SIZE))
        size = size_of(kind, int(text) if text.isdecimal() else text)
    content = ask.fields.get("content") or ask.fields.get("camera")
    content = content or ask.text("content_id")
    if not content:
        with about("content"):
            raise Refusal("bad_input", "choose a photograph first.")
    style = None
    if kind == "mix":
        style = ask.fields.get("style_file") or ask.text("style")
        if not style:
            with about("style"):
                raise Refusal("bad_input", "choose a style, or upload a painting.")
    wish = Wish(kind, settings, size, content, style, "")
    return dataclasses.replace(wish, key=_key(ask.text("key"), wish))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no number.") from error


def _key(key: str, wish: Wish) -> str:
    """A key for the queue, of a form's key and all its fields."""
    if len(key) < LEAST_KEY:
        key = new_id()
    told = [key, wish.kind, json.dumps(wish.settings, sort_keys=True), str(wish.size)]
    told += [_digest(wish.content), _digest(wish.style or "")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _digest(value: bytes | str) -> str:
    data = value.encode() if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()


def take(
    site: Site, wish: Wish, user: str | None, enter: Callable[[], accounts.Account]
) -> queue.Job:
    """Takes an order, or finds the one that was taken before of the same form.

    Args:
        site: What all share.
        wish: What is ordered.
        user: Who orders; None for a visitor.
        enter: Makes a guest of a visitor; called once all else is well.

    Raises:
        Refusal, UploadError, InputError: With the field.
        Unavailable: Before anything is written.
    """
    site.store.check_writable()
    decoded: dict[str, intake.Upload] = {}
    picks: dict[str, Pick] = {}
    for slot, field, value in _places(wish):
        with about(field):
            if isinstance(value, bytes):
                decoded[slot] = decode(site, value)
            else:
                picks[slot] = pick(site, user or NOBODY, value)
    if user is None:
        user = enter().id
    before = queue.find_by_key(site.database, user, wish.key)
    return before or _keep_and_submit(site, wish, user, decoded, picks)


def _keep_and_submit(
    site: Site,
    wish: Wish,
    user: str,
    decoded: Mapping[str, intake.Upload],
    picks: dict[str, Pick],
) -> queue.Job:
    kept = []
    try:
        for slot, made in decoded.items():
            with about(slot):
                found = store_upload(site, user, made)
            kept.append(found.id)
            sides = found.height, found.width
            picks[slot] = Pick(queue.Picked(upload=found.id), sides)
        return submit(
            *(site, user, wish.key, wish.kind, wish.settings, wish.size),
            *(picks["content"], picks.get("style")),
        )
    except KNOWN as error:
        uploads.drop_unused(site.database, kept)
        if getattr(error, "code", "") != "key_reused":
            raise
        return _again(site, user, wish.key, error)


def _again(site: Site, user: str, key: str, error: Exception) -> queue.Job:
    """The job that the first of two clicks has ordered with its own uploads."""
    job = queue.find_by_key(site.database, user, key)
    if job is None:
        raise error
    return job


def _places(wish: Wish) -> list[tuple[str, str, bytes | str]]:
    """(slot, field of the form, what it holds)."""
    places: list[tuple[str, str, bytes | str]] = [("content", "content", wish.content)]
    if wish.style is not None:
        field = "style_file" if isinstance(wish.style, bytes) else "style"
        places.append(("style", field, wish.style))
    return places
