"""The page of a work, and what its forms do."""

import dataclasses

from starlette.responses import Response

from vectormix_tf.studio import (
    contexts,
    ingredients,
    moderation,
    queue,
    review,
    styles,
    works,
)
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import MissingObject, Refusal, not_found
from vectormix_tf.studio.moderation import ALLOW, Verdict
from vectormix_tf.studio.web import answers, cards, walls, words
from vectormix_tf.studio.web.endpoints import Endpoint, form, page
from vectormix_tf.studio.web.site import Ask

# {value of a report's field: what it says}
REASONS = {
    "unwanted": "It should not be shown here",
    "person": "It shows a person who has not agreed",
    "rights": "It is someone else's picture",
    "else": "Something else",
}
A_VISITOR = "a visitor"
LINKS = "/s/"  # pages of works by their links


def show(ask: Ask) -> Response:
    """`/w/ID`."""
    work = works.find(ask.database, ask.user, ask.place("id"))
    return answers.page(ask, "work.html", _content(ask, work))


def shared(ask: Ask) -> Response:
    """`/s/TOKEN`."""
    token = ask.place("token")
    work = works.find_shared(ask.database, ask.user, token)
    return answers.page(ask, "work.html", _content(ask, work, token))


def _content(ask: Ask, work: works.Work, token: str | None = None) -> contexts.WorkPage:
    database, member = ask.database, ask.member
    owner = member if work.mine else None
    card = cards.work_card(work, token)
    if work.mine and owner is None:
        card = _of_visitor(card)
    style = cards.source_of(work, "style")
    size = max(work.width, work.height)
    is_removed = work.moderation == "removed"
    reporter = member if not work.mine else None
    return contexts.WorkPage(
        work=card,
        words=words.in_words(work.kind, work.settings, size, card.style),
        facts=words.facts(work.kind, work.settings, (work.width, work.height)),
        made=cards.moment(work.created_at),
        before=None if is_removed else walls.photograph(work, token),
        style=cards.source_card(style) if style else None,
        share_url=_share_url(ask, work, token),
        is_owner=owner is not None,
        is_unfinished=owner is not None and _was_stopped(ask, work),
        shows_photograph=work.shows_content,
        reveals=_reveals(ask, work) if owner and not is_removed else (),
        removed=_why(ask, work) if owner and is_removed else "",
        own_style=_own_style(ask, work) if owner and not is_removed else None,
        has_reported=reporter is not None
        and review.has_reported(database, reporter.id, work.id),
        reasons=tuple(REASONS.items()) if reporter else (),
        key=new_id(),
    )


def _of_visitor(card: contexts.WorkCard) -> contexts.WorkCard:
    return dataclasses.replace(card, author=A_VISITOR)


def _was_stopped(ask: Ask, work: works.Work) -> bool:
    if work.job is None:
        return False
    return queue.find(ask.database, ask.me.id, work.job).state == "stopped"


def _why(ask: Ask, work: works.Work) -> str:
    why = review.why_removed(ask.database, ask.me.id, work.id)
    return why or "It cannot be shown here."


def _share_url(ask: Ask, work: works.Work, token: str | None) -> str:
    token = work.share_token or token
    return ask.address(f"{LINKS}{token}" if token else f"/w/{work.id}")


def _reveals(ask: Ask, work: works.Work) -> tuple[contexts.Reveal, ...]:
    settings = ask.site.settings
    told = works.disclosure(ask.database, settings, ask.me.id, work.id)
    titles = ", ".join(each.title for each in told.styles)
    style = f"The style, {titles}, and" if titles else "The kind and"
    found = [
        contexts.Reveal(f"The picture, its title and your name, {told.person}", True),
        contexts.Reveal(f"{style} the settings it was made with", True),
    ]
    if told.content is not None:
        text = "The photograph, unless you choose so below"
        found.append(contexts.Reveal(text, False))
    if work.kind == "mix" and not titles:
        found.append(contexts.Reveal("The painting that you uploaded", False))
    text = "Where and when it was taken, its file's name"
    found.append(contexts.Reveal(text, False))
    if told.needs_approval:
        text = "Once a moderator has looked at it: it is among your first ones"
        found.append(contexts.Reveal(text, True))
    return tuple(found)


# --- Forms ----------------------------------------------------------------------------


def like(ask: Ask) -> Response:
    """`POST /w/ID/like`."""
    database, work = ask.site.database, ask.place("id")
    back = ask.next(f"/w/{work}")
    token = back.removeprefix(LINKS) if back.startswith(LINKS) else None
    liked = ask.text("like", "1") == "1"
    change = works.like if liked else works.unlike
    likes = change(database, ask.me.id, work, token)
    if ask.wants_json:
        return answers.told({"likes": likes, "liked": liked})
    return answers.go(back)


def visibility(ask: Ask) -> Response:
    """`POST /w/ID/visibility`."""
    shows = ask.text("photograph") == "1"
    work = publish(ask, ask.place("id"), ask.text("visibility"), shows)
    return answers.go(f"/w/{work.id}", "kept")


def publish(
    ask: Ask,
    work: str,
    visibility: str | None,
    shows_content: bool | None = None,
    title: str | None = None,
) -> works.Work:
    """Changes who sees a work, or its title; None leaves what it is.

    The operator's filter looks at a picture that others are to see.

    Raises:
        Refusal: As `works.publish`.
    """
    site, user = ask.site, ask.me.id
    found = works.find(site.database, user, work)
    if not found.mine:
        raise not_found("work")
    wider = visibility not in (None, "private", found.visibility)
    verdict = _judge(ask, found) if wider else ALLOW

    def change(connection):
        now = works.find(connection, user, work)
        shows = now.shows_content if shows_content is None else shows_content
        return works.publish(
            *(connection, site.settings, user, work),
            now.visibility if visibility is None else visibility,
            *(shows, title, verdict),
        )

    return site.database.transaction(change)


def _judge(ask: Ask, work: works.Work) -> Verdict:
    if ask.site.options.filter is None or work.picture is None:
        return ALLOW
    try:
        return ask.site.judge(ask.site.store.get(work.picture))
    except MissingObject as error:
        raise not_found("work") from error


def title(ask: Ask) -> Response:
    """`POST /w/ID/title`."""
    work = publish(ask, ask.place("id"), None, title=ask.text("title").strip())
    return answers.go(f"/w/{work.id}", "kept")


def delete(ask: Ask) -> Response:
    """`POST /w/ID/delete`."""
    works.delete(ask.site.database, ask.me.id, ask.place("id"))
    return answers.go("/me", "deleted")


def share_style(ask: Ask) -> Response:
    """`POST /w/ID/style`: lets others use the painting that was uploaded for it."""
    database, user, work = ask.site.database, ask.me.id, ask.place("id")
    made = _uploaded_style(ask, works.find(database, user, work))
    if made is None or made.upload is None:
        raise not_found("painting")
    words_ = ask.text("title").strip(), ask.text("credit").strip()
    styles.share(database, user, made.upload, *words_, "public")
    return answers.go(f"/w/{work}", "shared")


def _uploaded_style(ask: Ask, work: works.Work) -> ingredients.Ingredient | None:
    if work.job is None:
        return None
    found = ingredients.find(ask.database, ask.me.id, [work.job])
    made = found.get(work.job, {}).get("style")
    return made if made is not None and made.upload is not None else None


def _own_style(ask: Ask, work: works.Work) -> contexts.Picture | None:
    return cards.ingredient_picture(_uploaded_style(ask, work))


def report(ask: Ask) -> Response:
    """`POST /w/ID/report`."""
    reason = REASONS.get(ask.text("reason"))
    if reason is None:
        raise Refusal("bad_input", "say what is wrong with it.")
    work = ask.place("id")
    complain(ask, work, reason, ask.text("text"))
    back = ask.next(f"/w/{work}")
    try:
        works.find(ask.site.database, ask.user, work)
    except Refusal:  # by its link, or it is hidden now
        back = "/"
    return answers.go(back, "reported")


def complain(ask: Ask, work: str, reason: str, text: str = "") -> None:
    """Reports a work: the reason is the first line of what moderators read."""
    said = reason if not text.strip() else f"{reason}\n{text.strip()}"
    site = ask.site
    moderation.report(site.database, site.settings, ask.me.id, work, said)


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/w/{id}", show),
    page("/s/{token}", shared),
    form("/w/{id}/like", like),
    form("/w/{id}/visibility", visibility),
    form("/w/{id}/title", title),
    form("/w/{id}/delete", delete),
    form("/w/{id}/style", share_style),
    form("/w/{id}/report", report),
)
