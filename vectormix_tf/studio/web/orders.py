"""Orders of pictures: what both forms and programs give, and those of programs."""

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from vectormix_tf.studio import (
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

LONGEST_ID = 200


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
    thumb = made.thumbs[0]
    files = [
        blobs.File("upload", made.data, made.media_type),
        blobs.File("small", thumb.data, thumb.media_type),
    ]
    kept, small = blobs.keep(database, store, user, files)
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
    cost = costs.predict(costs.paces(site.database), kind, settings, sides)
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
        engine=costs.engine_for(size),
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
