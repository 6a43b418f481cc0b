"""Pages that all people see: the feed, the best, a person, the styles."""

import math

from starlette.responses import Response

from vectormix_tf.studio import contexts, profiles, styles, works
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web import answers, cards
from vectormix_tf.studio.web.endpoints import Endpoint, form, page
from vectormix_tf.studio.web.site import Ask

WEEK, MONTH, MOST_DAYS = 7, 30, 366
ALL_STYLES = 500  # that are looked at to find people's


def feed(ask: Ask) -> Response:
    """`/`."""
    before = cursor(ask.query("before"))
    found, after = works.feed(ask.database, ask.user, before)
    content = contexts.FeedPage(
        heading="New pictures",
        tabs=_tabs(""),
        works=tuple(cards.work_card(work) for work in found),
        older=_older("/", after),
        is_start=before is None,
        example=_example(found) if before is None and ask.member is None else None,
    )
    return answers.page(ask, "feed.html", content)


def best(ask: Ask) -> Response:
    """`/best?days=7`."""
    days = number(ask.query("days", str(WEEK)), 1, MOST_DAYS, "days")
    found = works.best(ask.database, ask.user, days)
    made = tuple(cards.work_card(work) for work in found)
    heading = {WEEK: "Best of the week", MONTH: "Best of the month"}
    content = contexts.FeedPage(
        heading.get(days, f"Best of {days} days"), _tabs(str(days)), made
    )
    return answers.page(ask, "feed.html", content)


def person(ask: Ask) -> Response:
    """`/u/NAME`."""
    database = ask.database
    found = profiles.find(database, ask.place("name"))
    before = cursor(ask.query("before"))
    shown, after = works.feed(database, ask.user, before, person=found.name)
    shared = styles.shared_by(database, ask.user, found.id)
    content = contexts.PersonPage(
        name=found.name,
        joined=cards.moment(found.created_at),
        works=tuple(cards.work_card(work) for work in shown),
        count=found.works,
        likes=found.likes,
        styles=tuple(cards.style_card(style) for style in shared),
        older=_older(f"/u/{found.name}", after),
        is_self=found.id == ask.user,
    )
    return answers.page(ask, "person.html", content)


def all_styles(ask: Ask) -> Response:
    """`/styles`."""
    database = ask.database
    found = styles.popular(database, ask.user, ALL_STYLES)
    own = styles.mine(database, ask.user) if ask.user else []
    content = contexts.StylesPage(
        builtin=tuple(cards.style_card(each) for each in found if each.builtin),
        people=tuple(
            cards.style_card(each)
            for each in found
            if not each.builtin and not each.mine
        ),
        own=tuple(cards.style_card(each) for each in own),
    )
    return answers.page(ask, "styles.html", content)


def delete_style(ask: Ask) -> Response:
    """`POST /styles/ID/delete`: one of the person's own."""
    styles.delete(ask.site.database, ask.me.id, ask.place("id"))
    return answers.go("/styles", "style_deleted")


# --- What addresses hold --------------------------------------------------------------


def cursor(text: str) -> works.Cursor | None:
    """The place in a list that `?before=` names; None for its beginning.

    Raises:
        Refusal: "bad_input" for what is none.
    """
    if not text:
        return None
    time, _, work = text.partition("_")
    try:
        seconds = float(time)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise Refusal("bad_input", "`before` must be what the page before told.")
    return works.Cursor(seconds, work)


def number(text: str, low: int, high: int, name: str) -> int:
    """A whole number of an address.

    Raises:
        Refusal: "bad_input" for what is none, or out of range.
    """
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    value = int(text) if short else None
    if value is None or not low <= value <= high:
        raise Refusal("bad_input", f"`{name}` must be a number from {low} to {high}.")
    return value


def _older(path: str, after: works.Cursor | None) -> str | None:
    text = cards.cursor_text(after)
    return text and f"{path}?before={text}"


def _tabs(days: str) -> tuple[contexts.Tab, ...]:
    return (
        contexts.Tab("New", "/", not days),
        contexts.Tab("Best of the week", f"/best?days={WEEK}", days == str(WEEK)),
        contexts.Tab("Best of the month", f"/best?days={MONTH}", days == str(MONTH)),
    )


def _example(
    found: list[works.Work],
) -> tuple[contexts.Picture, contexts.Picture] | None:
    """A photograph and its work, of someone who shows both."""
    for work in found:
        before = photograph(work)
        if before is not None:
            return before, cards.work_picture(work)
    return None


def photograph(
    work: works.Work, share_token: str | None = None
) -> contexts.Picture | None:
    """The photograph of a work, as far as the viewer may see it."""
    source = cards.source_of(work, works.CONTENT)
    if source is None or source.picture is None:
        return None
    sides = work.width, work.height  # it has the shape of its work
    alt = "The photograph it was made from"
    return cards.picture(source.picture, None, None, sides, alt, share_token)


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/", feed),
    page("/best", best),
    page("/u/{name}", person),
    page("/styles", all_styles),
    form("/styles/{id}/delete", delete_style),
)
