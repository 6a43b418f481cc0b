"""New pictures: the form for people, and the one for visitors."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import (
    accounts,
    contexts,
    costs,
    ingredients,
    intake,
    outlook,
    queue,
    styles,
    uploads,
    works,
)
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web import answers, cards, sessions, wishes, words
from vectormix_tf.studio.web.endpoints import Endpoint, form, page
from vectormix_tf.studio.web.site import Ask

OFFERED = 60  # styles of the form
USUAL_SHAPE = 3 / 4  # of a photograph whose sides are not known yet


def new(ask: Ask) -> Response:
    """`/new?style=ID`, `/new?again=WORK`."""
    chosen: dict[str, Any] = {}
    if ask.query("again"):
        chosen = _again(ask, ask.query("again"))
    if ask.query("style"):
        chosen["style"] = ask.query("style")
    return answers.page(ask, "new.html", new_form(ask, chosen))


def trial(ask: Ask) -> Response:
    """`/try`."""
    if ask.member is not None:
        return answers.go("/new")
    return answers.page(ask, "try.html", new_form(ask, {"style": ask.query("style")}))


def new_form(ask: Ask, chosen: dict[str, Any]) -> contexts.NewForm:
    """The form; what is not chosen has its usual value."""
    site, database = ask.site, ask.database
    guest = ask.member is None
    offered, style = _offered(ask, chosen.get("style", ""))
    line = outlook.line(database)
    paces = costs.paces(database)
    sizes = tuple(_size(paces, each) for each in sizes_for(site.settings, guest))
    known = [each.pixels for each in sizes]
    size = chosen.get("size", words.SIZE)
    values = {
        "styles": offered,
        "style": style,
        "size": size if size in known else known[-1],
        "sizes": sizes,
        "presets": words.PRESETS,
        "strengths": words.STRENGTHS,
        "strength": words.USUAL,
        "limit_bytes": site.limits.bytes,
        "media_types": intake.MEDIA_TYPES,
        "ahead": line.waiting,
        "wait_seconds": line.wait(line.waiting),
        "refusal": _refusal(ask),
        "key": new_id(),
    }
    others = {n: v for n, v in chosen.items() if n not in ("size", "style")}
    return contexts.NewForm(**values | others)


def sizes_for(settings: StudioSettings, guest: bool) -> list[int]:
    """Sizes to choose from, at least one."""
    if guest:
        return [settings.guest_size]
    fitting = [size for size in words.SIZES if size <= settings.size]
    return fitting or [settings.size]


def _offered(ask: Ask, wanted: str) -> tuple[tuple[contexts.StyleCard, ...], str]:
    """Styles to choose from, and the chosen one: the wanted one, or the first."""
    database = ask.database
    found = styles.popular(database, ask.user, OFFERED)
    if wanted and wanted not in [each.id for each in found]:
        try:
            found.insert(0, styles.find(database, ask.user, wanted))
        except Refusal:  # it is gone, or no longer shared
            wanted = ""
    made = tuple(cards.style_card(each) for each in found)
    return made, wanted or (made[0].id if made else "")


def _size(paces: costs.Paces, pixels: int) -> contexts.Size:
    """A size to choose, with how long it takes."""
    sides = max(1, round(pixels * USUAL_SHAPE)), pixels
    usual: dict[str, Mapping[str, Any]] = {
        "mix": {},
        "dream": words.DREAMS[words.USUAL],
    }
    seconds = [
        costs.predict(paces, kind, settings, sides).seconds
        for kind, settings in usual.items()
    ]
    return contexts.Size(pixels, *(round(each, 1) for each in seconds))


def _refusal(ask: Ask) -> str:
    """Why no picture can be ordered now; "" if one can."""
    site = ask.site
    if ask.account is None:
        return ""
    have = outlook.allowance(ask.database, site.settings, ask.account.id)
    if ask.member is None:
        used = have.today > 0
        return "You have tried it; join to make more pictures." if used else ""
    if have.waiting >= have.waiting_limit:
        return (
            f"You have {contexts.count(have.waiting, 'picture')} in line already; let"
            " one be done."
        )
    if have.today >= have.daily_limit:
        return "You have ordered many pictures today; come back tomorrow."
    if have.bytes >= have.bytes_limit:
        return "Your room is used up; delete some of your pictures first."
    return ""


def _again(ask: Ask, work: str) -> dict[str, Any]:
    """What a work of the person was made of."""
    database = ask.database
    found = works.find(database, ask.user, work)
    if found.job is None:
        return _like_it(found)
    made_of = ingredients.find(database, ask.me.id, [found.job]).get(found.job, {})
    content, style = made_of.get("content"), made_of.get("style")
    chosen = _like_it(found)
    if content is not None and (content.upload or content.style):
        chosen["content"] = cards.ingredient_picture(content)
        chosen["content_id"] = content.upload or content.style
    if style is not None and style.style:
        chosen["style"] = style.style
    return chosen


def _like_it(work: works.Work) -> dict[str, Any]:
    """Settings of a work."""
    chosen: dict[str, Any] = {"kind": work.kind, "size": max(work.width, work.height)}
    if work.kind == "mix":
        chosen["alpha"] = work.settings.get("alpha", 0.5)
        source = cards.source_of(work, "style")
        chosen["style"] = (source.style if source else None) or ""
    else:
        chosen["strength"] = words.strength_of(work.settings)
    return chosen


# --- What is sent ---------------------------------------------------------------------


def order(ask: Ask) -> Response:
    """`POST /new`."""
    return _order(ask, "new.html")


def order_trial(ask: Ask) -> Response:
    """`POST /try`: a visitor becomes a guest, with a session that ends soon."""
    if ask.account is not None:
        return _order(ask, "try.html")
    site, entered = ask.site, []

    def enter() -> accounts.Account:
        key = ask.text("key")
        opened = accounts.enter_as_guest(
            site.database,
            site.settings,
            sessions.address_of(ask.request, site.options),
            key if len(key) >= wishes.LEAST_KEY else None,
        )
        entered.append(opened)
        return opened.account

    answer = _order(ask, "try.html", enter)
    for opened in entered:
        seconds = site.settings.guest_seconds
        sessions.set_cookie(answer, site.options, opened.token, seconds)
    return answer


def _no_guest() -> accounts.Account:
    raise AssertionError("who has an account does not enter as a guest")


def _order(
    ask: Ask, template: str, enter: Callable[[], accounts.Account] = _no_guest
) -> Response:
    try:
        wish = wishes.read_form(ask)
        job = wishes.take(ask.site, wish, ask.user, enter)
    except answers.KNOWN as error:
        return _refused(ask, template, error)
    url = f"/me/jobs/{job.id}"
    if ask.wants_json:
        return answers.told({"id": job.id, "url": url}, 201)
    return answers.go(url)


def _refused(ask: Ask, template: str, error: answers.Known) -> Response:
    if ask.wants_json:
        return answers.error_json(error)
    chosen: dict[str, Any] = {
        "error": answers.sentence(error),
        "field": getattr(error, "field", ""),
    }
    for name in ("kind", "strength", "style", "content_id"):
        value = ask.fields.get(name)
        if isinstance(value, str):
            chosen[name] = value
    chosen |= _numbers(ask)
    chosen |= _photograph(ask, chosen.pop("content_id", ""))
    content = new_form(ask, chosen)
    return answers.form_again(ask, template, content, error)


def _numbers(ask: Ask) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in (("alpha", float), ("size", int)):
        try:
            found[name] = kind(ask.text(name))
        except (ValueError, Refusal):
            continue
    if not 0 <= found.get("alpha", 0.5) <= 1:
        del found["alpha"]
    return found


def _photograph(ask: Ask, named: str) -> dict[str, Any]:
    """The photograph of an earlier work, which the form had."""
    if not named or ask.user is None:
        return {}

    try:
        found = uploads.find(ask.site.database, ask.user, named)
    except Refusal:
        return {}
    return {"content": cards.upload_picture(found), "content_id": found.id}


def again(ask: Ask, job: str, key: str) -> queue.Job:
    """Orders once more what a job was; see `queue.order_of`."""
    site, user = ask.site, ask.me.id
    wanted = queue.order_of(site.database, user, job, key)
    return queue.submit(site.database, site.store, site.settings, user, wanted)


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/new", new, "member"),
    page("/try", trial),
    form("/new", order, "member", brings_picture=True),
    form("/try", order_trial, "all", brings_picture=True),
)
