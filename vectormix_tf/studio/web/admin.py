"""Pages of moderators. To all others they are not there."""

import urllib.parse

from starlette.responses import Response

from vectormix_tf.studio import blobs, contexts, moderation, outlook, review, works
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal, not_found
from vectormix_tf.studio.web import answers, cards
from vectormix_tf.studio.web.endpoints import Endpoint, form, page
from vectormix_tf.studio.web.site import Ask

LISTS = {"review": "To review", "people": "People", "audit": "What was done"}
# {action of the audit: what was done, to a work or a person}
ACTS = {
    "restore": "let a work be seen",
    "dismiss": "found nothing wrong with a work",
    "remove": "removed a work",
    "remove_style": "removed a style",
    "ban": "banned",
    "unban": "lifted the ban",
    "set_role": "changed the role",
    "password_link": "made a link for a new password",
}
GIGABYTE = 1000 * blobs.MEGABYTE


def admin(ask: Ask) -> Response:
    """`/admin?show=review|people|audit`."""
    show = ask.query("show", "review")
    if show not in LISTS or ask.member is None or not ask.member.moderates:
        raise not_found("page")
    tabs = tuple(
        contexts.Tab(title, f"/admin?show={name}", name == show)
        for name, title in LISTS.items()
    )
    values = {"review": _review, "people": _people, "audit": _audit}[show](ask)
    content = contexts.AdminPage(
        tabs,
        show,
        facts=_facts(ask),
        key=new_id(),
        may_appoint=ask.me.role == "administrator",
        **values,
    )
    return answers.page(ask, "admin.html", content)


def _facts(ask: Ask) -> tuple[contexts.Fact, ...]:
    database = ask.database
    told, line = review.figures(database, ask.me.id), outlook.line(database)
    return (
        contexts.Fact("Waiting", str(line.waiting)),
        contexts.Fact("Running", str(line.running)),
        contexts.Fact("Workers", str(told["workers"])),
        contexts.Fact("People", str(told["people"])),
        contexts.Fact("Stored", f"{told['bytes'] / GIGABYTE:.1f} GB"),
    )


def _review(ask: Ask) -> dict:
    database, me = ask.database, ask.me.id
    cases = review.cases(database, me)
    shown = works.several(database, me, [case.work for case in cases])
    found = {work.id: work for work in shown}
    rows = tuple(
        contexts.ReviewRow(
            cards.work_card(found[case.work]),
            tuple(_said(each) for each in case.reports),
            case.state,
            cards.moment(case.since),
            _of_person(found[case.work].person),
        )
        for case in cases
        if case.work in found
    )
    return {"review": rows}


def _said(report: str) -> tuple[str, str]:
    """The reason that was chosen, and what was written."""
    reason, _, text = report.partition("\n")
    return reason, text


def _people(ask: Ask) -> dict:
    part, after = ask.query("name").strip(), ask.query("after")
    found = review.people(ask.database, ask.me.id, part, after)
    rows = tuple(
        contexts.PersonRow(
            each.name,
            cards.moment(each.created_at),
            each.works,
            each.removed,
            each.state == "banned",
            "person" if each.role == "member" else each.role,
        )
        for each in found
    )
    older = None
    if len(found) == review.LISTED:
        values = {"show": "people", "name": part, "after": found[-1].name}
        older = f"/admin?{urllib.parse.urlencode(values)}"
    return {"people": rows, "search": part, "older": older}


def _of_person(name: str) -> str:
    return f"/admin?{urllib.parse.urlencode({'show': 'people', 'name': name})}"


def _audit(ask: Ask) -> dict:
    database, me = ask.database, ask.me.id
    before = ask.query("before")
    try:
        acts = moderation.acts(database, me, float(before) if before else None)
    except ValueError as error:
        text = "`before` must be what the page before told."
        raise Refusal("bad_input", text) from error
    ids = {each.actor_id for each in acts} | {each.target_id for each in acts}
    names = review.names(database, me, ids)
    rows = tuple(
        contexts.AuditRow(
            cards.moment(act.created_at),
            names.get(act.actor_id, "someone who has left"),
            _what(act, names),
            act.note,
        )
        for act in acts
    )
    older = None
    if len(acts) == moderation.LISTED:
        older = f"/admin?show=audit&before={acts[-1].created_at!r}"
    return {"audit": rows, "older": older}


def _what(act: moderation.Act, names: dict[str, str]) -> str:
    name = names.get(act.target_id, "someone who has left")
    preposition = " " if act.action == "ban" else " of "
    return f"{ACTS.get(act.action, act.action)}{preposition}{name}"


# --- What is decided ------------------------------------------------------------------


def approve(ask: Ask) -> Response:
    """`POST /admin/works/ID/approve`: nothing is wrong with it."""
    site, me, work = ask.site, ask.me.id, ask.place("id")
    found = works.several(site.database, me, [work])
    if not found:
        raise not_found("work")
    if found[0].moderation == "held":
        moderation.restore(site.database, me, work, _why(ask))
    else:
        moderation.dismiss(site.database, me, work, _why(ask))
    return _decided(ask)


def remove(ask: Ask) -> Response:
    """`POST /admin/works/ID/remove`."""
    moderation.remove(ask.site.database, ask.me.id, ask.place("id"), _why(ask))
    return _decided(ask)


def restore(ask: Ask) -> Response:
    """`POST /admin/works/ID/restore`: a hidden one is seen again."""
    site, me, work = ask.site, ask.me.id, ask.place("id")
    found = works.several(site.database, me, [work])
    if found and found[0].moderation == "removed":
        text = "it was removed, and its picture is gone for good."
        raise Refusal("not_possible", text)
    moderation.restore(site.database, me, work, _why(ask))
    return _decided(ask)


def ban(ask: Ask) -> Response:
    """`POST /admin/people/NAME/ban`."""
    database, me = ask.site.database, ask.me.id
    person = review.find_person(database, me, ask.place("name"))
    moderation.ban(database, me, person, _why(ask))
    return answers.go(ask.next(_of_person(ask.place("name"))))


def unban(ask: Ask) -> Response:
    """`POST /admin/people/NAME/unban`."""
    database, me = ask.site.database, ask.me.id
    person = review.find_person(database, me, ask.place("name"))
    moderation.unban(database, me, person, _why(ask))
    return answers.go(ask.next(_of_person(ask.place("name"))))


def appoint(ask: Ask) -> Response:
    """`POST /admin/people/NAME/role`: for administrators."""
    database, me = ask.site.database, ask.me.id
    person = review.find_person(database, me, ask.place("name"))
    moderation.set_role(database, me, person, ask.text("role"), _why(ask))
    return answers.go(ask.next(_of_person(ask.place("name"))))


def link_for_password(ask: Ask) -> Response:
    """`POST /admin/people/NAME/password`: for administrators; it is shown this once."""
    database, me, name = ask.site.database, ask.me.id, ask.place("name")
    person = review.find_person(database, me, name)
    link = moderation.link_for_password(database, me, person, _why(ask))
    url = ask.address(f"/password?link={link.token}")
    if ask.wants_json:
        return answers.told({"url": url, "email": link.email}, 201)
    content = contexts.LinkPage(name, link.email or "", url, _of_person(name))
    answer = answers.page(ask, "link.html", content)
    answer.headers["cache-control"] = "private, no-store"
    return answer


def remove_style(ask: Ask) -> Response:
    """`POST /admin/styles/ID/remove`."""
    moderation.remove_style(ask.site.database, ask.me.id, ask.place("id"), _why(ask))
    return answers.go(ask.next("/styles"))


def _why(ask: Ask) -> str:
    return ask.text("why").strip()[:300]


def _decided(ask: Ask) -> Response:
    return answers.go(ask.next("/admin"))


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/admin", admin, "member"),
    form("/admin/works/{id}/approve", approve),
    form("/admin/works/{id}/remove", remove),
    form("/admin/works/{id}/restore", restore),
    form("/admin/people/{name}/ban", ban),
    form("/admin/people/{name}/unban", unban),
    form("/admin/people/{name}/role", appoint),
    form("/admin/people/{name}/password", link_for_password),
    form("/admin/styles/{id}/remove", remove_style),
)
