"""What is answered: pages, JSON, other addresses, and errors as the one or other."""

import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from vectormix_tf.errors import InputError
from vectormix_tf.studio import contexts, outlook, pages, review
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import MissingObject, Refusal, Unavailable, not_found
from vectormix_tf.studio.intake import UploadError
from vectormix_tf.studio.web.site import Ask

log = logging.getLogger("vectormix.studio.web")

PRIVATE = "private, no-cache"
RETRY_SECONDS = 10  # after which a store or database that is away is asked again
SIGNED_OUT = "You are not signed in any more; sign in, and send it again."
AWAY = "The store or the database does not answer; nothing was lost, try again soon."
CODES = {404: "not_found", 405: "not_allowed", 413: "too_large"}
# What has just been done, by the word that the address of the next page carries.
NOTICES = {
    "name": "Your name is changed.",
    "email": "Your e-mail address is changed.",
    "password": "Your password is changed; all other places are signed out.",
    "revoked": "That place is signed out.",
    "left": "Your account is deleted. Thank you for having been here.",
    "deleted": "The picture is deleted.",
    "style_deleted": "The style is deleted.",
    "reported": "Thank you. A moderator will look at it.",
    "kept": "Saved.",
    "shared": "Others can use the style now.",
    "decided": "Done.",
}
Known = Refusal | UploadError | InputError
KNOWN = (Refusal, UploadError, InputError)


# --- Pages ----------------------------------------------------------------------------


def page(ask: Ask, template: str, content: Any, status: int = 200) -> Response:
    """A page with what surrounds it."""
    frame = contexts.Frame(
        viewer=_viewer(ask),
        path=ask.path,
        notice=NOTICES.get(ask.query("said"), ""),
        key=new_id(),
    )
    text = pages.render(ask.site.environment, template, frame, content)
    return HTMLResponse(text, status, {"cache-control": PRIVATE})


def _viewer(ask: Ask) -> contexts.Viewer | None:
    member = ask.member
    if member is None:
        return None
    busy = outlook.busy(ask.database, member.id)
    moderates = member.moderates
    to_review = review.count(ask.database, member.id) if moderates else 0
    return contexts.Viewer(member.name or "", moderates, busy, to_review)


def go(path: str, said: str = "") -> Response:
    """Another page, after a form."""
    if said:
        path, _, part = path.partition("#")
        path += ("&" if "?" in path else "?") + f"said={said}" + (part and f"#{part}")
    return RedirectResponse(path, 303, {"cache-control": "no-store"})


def told(value: Mapping[str, Any], status: int = 200) -> Response:
    """JSON for a program."""
    return JSONResponse(dict(value), status, {"cache-control": "private, no-store"})


def nothing() -> Response:
    """That all is well, and nothing more."""
    return Response(status_code=204)


# --- Errors ---------------------------------------------------------------------------


def sentence(error: Exception) -> str:
    """The text of an error, as a sentence of a page."""
    text = str(error)
    return text[:1].upper() + text[1:]


def status_of(error: Known) -> int:
    """Status of HTTP of something that a person did wrong."""
    return getattr(error, "status", 400)


def error_json(error: Known) -> Response:
    """What a person did wrong, for a program: a sentence, a code, and the field."""
    value = {"error": sentence(error), "code": getattr(error, "code", "bad_input")}
    field = getattr(error, "field", "")
    answer = told(value | ({"field": field} if field else {}), status_of(error))
    return _later(answer, getattr(error, "retry_after", None))


def form_again(ask: Ask, template: str, content: Any, error: Known) -> Response:
    """The page of a form, with what was wrong beside the field."""
    answer = page(ask, template, content, status_of(error))
    return _later(answer, getattr(error, "retry_after", None))


def failed(ask: Ask, error: Exception) -> Response:
    """Answers an error that no form has a place for."""
    if isinstance(error, MissingObject):  # deleted at this moment
        error = not_found("picture")
    if isinstance(error, KNOWN):
        if ask.wants_json:
            return error_json(error)
        text = "" if status_of(error) == 404 else sentence(error)
        answer = _error_page(ask, status_of(error), text)
        return _later(answer, getattr(error, "retry_after", None))
    if isinstance(error, Unavailable):
        log.warning("away: %s", error)
        return _later(_failure(ask, 503, AWAY, "unavailable"), RETRY_SECONDS)
    if isinstance(error, HTTPException):
        code = CODES.get(error.status_code, "bad_input")
        answer = _failure(ask, error.status_code, "", code)
        answer.headers.update(error.headers or {})
        return answer
    log.error("a mistake of ours", exc_info=error)
    return _failure(ask, 500, "", "internal")


def refused(ask: Ask, status: int, code: str, text: str = "") -> Response:
    """Answers what is refused before any handler sees it."""
    return _failure(ask, status, text, code)


def signed_out(ask: Ask) -> Response:
    """Answers who must sign in first; a page that was to be seen is seen afterwards."""
    if ask.wants_json:
        return told({"error": SIGNED_OUT, "code": "signed_out"}, 401)
    if ask.request.method in ("GET", "HEAD"):
        from urllib.parse import quote

        return go(f"/login?next={quote(ask.path, safe='')}")
    form = contexts.LoginForm(next=ask.request.url.path, error=SIGNED_OUT)
    return page(ask, "login.html", form, 401)


def _failure(ask: Ask, status: int, text: str, code: str) -> Response:
    if ask.wants_json:
        return told({"error": text or _texts(status)[1], "code": code}, status)
    return _error_page(ask, status, "")


def _error_page(ask: Ask, status: int, text: str) -> Response:
    heading, usual = _texts(status)
    content = contexts.ErrorPage(status, heading, text or usual)
    try:
        return page(ask, "error.html", content, status)
    except Unavailable:  # nor does it tell who asks
        bare = Ask(ask.site, ask.request)
        return page(bare, "error.html", content, status)


def _texts(status: int) -> tuple[str, str]:
    texts = contexts.ERROR_TEXTS
    return texts.get(status) or texts[500 if status >= 500 else 400]


def _later(answer: Response, seconds: float | None) -> Response:
    if seconds is None and answer.status_code == 503:
        seconds = RETRY_SECONDS
    if seconds is not None:
        answer.headers["retry-after"] = str(max(1, round(seconds)))
    return answer
