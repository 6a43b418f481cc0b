"""What a form of a new picture orders, and how that becomes a job, once."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from vectormix_tf.errors import InputError
from vectormix_tf.studio import accounts, intake, queue, uploads
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web import words
from vectormix_tf.studio.web.answers import KNOWN
from vectormix_tf.studio.web.orders import (
    Pick,
    about,
    decode,
    pick,
    settings_of,
    size_of,
    store_upload,
    submit,
)
from vectormix_tf.studio.web.site import Ask, Site

LEAST_KEY = 16  # letters of a form's key that no one guesses
NOBODY = ""  # whose uploads there are none of


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
