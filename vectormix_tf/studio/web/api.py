"""JSON for programs. Errors are `{"error": sentence, "code": word}`.

Who signs in by `POST /api/sessions` gets a cookie, and a token that may be sent as
`Authorization: Bearer TOKEN` in its place.

`content` of an order is the id of an upload of the person; so may `style` be. It may
also be the id of a style, or the name of one of the package's own ("harvest"). Ids may
be given as texts or as numbers; an upload goes before a style. A dream has neither
style nor alpha, and those that are given are ignored.
"""

from starlette.responses import Response

from vectormix_tf.studio import (
    accounts,
    outlook,
    queue,
    styles,
    works,
)
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web import (
    cards,
    new,
    orders,
    people,
    sessions,
    values,
    walls,
    work,
)
from vectormix_tf.studio.web.answers import nothing, told
from vectormix_tf.studio.web.endpoints import Endpoint, api
from vectormix_tf.studio.web.site import Ask

LISTED = 200  # styles


# --- Accounts -------------------------------------------------------------------------


def sign_up(ask: Ask) -> Response:
    """`POST /api/accounts` {name, password, email?}."""
    email = ask.text("email").strip() or None
    made = people.new_account(ask, ask.text("name"), ask.text("password"), email)
    return told({"name": made.name}, 201)


def log_in(ask: Ask) -> Response:
    """`POST /api/sessions` {name, password}."""
    opened = people.open_session(ask, ask.text("name"), ask.text("password"))
    value = {"name": opened.account.name, "token": opened.token}
    answer = told(value | {"expires_at": opened.expires_at}, 201)
    sessions.set_cookie(answer, ask.site.options, opened.token)
    return answer


def log_out(ask: Ask) -> Response:
    """`DELETE /api/sessions`: the one that asks."""
    accounts.log_out(ask.site.database, ask.token)
    answer = nothing()
    sessions.drop_cookie(answer, ask.site.options)
    return answer


def me(ask: Ask) -> Response:
    """`GET /api/me`."""
    site, account = ask.site, ask.me
    have = outlook.allowance(site.database, site.settings, account.id)
    return told(
        {
            "name": account.name,
            "email": account.email,
            "role": account.role,
            "created_at": account.created_at,
            "works": have.works,
            "waiting": [have.waiting, have.waiting_limit],
            "today": [have.today, have.daily_limit],
            "bytes": [have.bytes, have.bytes_limit],
        }
    )


def leave(ask: Ask) -> Response:
    """`DELETE /api/me` {password}."""
    accounts.delete(ask.site.database, ask.me.id, ask.text("password"))
    answer = nothing()
    sessions.drop_cookie(answer, ask.site.options)
    return answer


# --- Orders ---------------------------------------------------------------------------


def upload(ask: Ask) -> Response:
    """`PUT /api/uploads`: the bytes of a picture."""
    made = orders.keep_upload(ask.site, ask.me.id, ask.body)
    return told({"id": made.id, "width": made.width, "height": made.height}, 201)


def order(ask: Ask) -> Response:
    """`POST /api/jobs` {kind, content, style, alpha, size, steps, seed, ...}."""
    return _ordered(orders.from_program(ask))


def again(ask: Ask) -> Response:
    """`POST /api/jobs/ID/again`."""
    key = ask.request.headers.get("idempotency-key", "") or new_id()
    return _ordered(new.again(ask, ask.place("id"), key))


def _ordered(job: queue.Job) -> Response:
    answer = told(values.job_json(job) | {"url": f"/me/jobs/{job.id}"}, 201)
    answer.headers["location"] = f"/api/jobs/{job.id}"
    return answer


def jobs(ask: Ask) -> Response:
    """`GET /api/jobs`: the latest ones."""
    found = queue.mine(ask.site.database, ask.me.id)
    return told({"jobs": [values.job_json(job) for job in found]})


def job(ask: Ask) -> Response:
    """`GET /api/jobs/ID`."""
    found = queue.find(ask.site.database, ask.me.id, ask.place("id"))
    return told(values.job_json(found))


def cancel(ask: Ask) -> Response:
    """`POST /api/jobs/ID/cancel`."""
    found = queue.cancel(ask.site.database, ask.me.id, ask.place("id"))
    return told(values.job_json(found))


def all_styles(ask: Ask) -> Response:
    """`GET /api/styles`."""
    found = styles.popular(ask.site.database, ask.user, LISTED)
    return told(
        {
            "styles": [
                {
                    "id": each.id,
                    "title": each.title,
                    "credit": each.credit,
                    "person": each.person,
                    "name": each.builtin,
                    "uses": each.uses,
                }
                for each in found
            ]
        }
    )


def share_style(ask: Ask) -> Response:
    """`POST /api/styles` {upload, title, credit, visibility}: of an upload."""
    made = styles.share(
        *(ask.site.database, ask.me.id, ask.text("upload"), ask.text("title")),
        *(ask.text("credit"), ask.text("visibility", "private")),
    )
    return told({"id": made.id, "title": made.title}, 201)


def delete_style(ask: Ask) -> Response:
    """`DELETE /api/styles/ID`: one of the person's own."""
    styles.delete(ask.site.database, ask.me.id, ask.place("id"))
    return nothing()


# --- Works ----------------------------------------------------------------------------


def feed(ask: Ask) -> Response:
    """`GET /api/feed?before=`."""
    before = walls.cursor(ask.query("before"))
    found, after = works.feed(ask.site.database, ask.user, before)
    shown = [values.work_json(each) for each in found]
    return told({"works": shown, "before": cards.cursor_text(after)})


def mine(ask: Ask) -> Response:
    """`GET /api/works?before=`: the person's own."""
    before = walls.cursor(ask.query("before"))
    found, after = works.mine(ask.site.database, ask.me.id, before)
    shown = [values.work_json(each) for each in found]
    return told({"works": shown, "before": cards.cursor_text(after)})


def show(ask: Ask) -> Response:
    """`GET /api/works/ID`."""
    found = works.find(ask.site.database, ask.user, ask.place("id"))
    return told(values.work_json(found))


def change(ask: Ask) -> Response:
    """`PATCH /api/works/ID` {visibility?, title?, shows_content?}."""
    fields = ask.fields
    shows = fields.get("shows_content")
    if shows is not None and not isinstance(shows, bool):
        raise Refusal("bad_input", "`shows_content` must be true or false.")
    if not any(name in fields for name in ("visibility", "title", "shows_content")):
        raise Refusal("bad_input", "say what to change, e.g. the `visibility`.")
    visibility = ask.text("visibility") if "visibility" in fields else None
    title = ask.text("title") if "title" in fields else None
    found = work.publish(ask, ask.place("id"), visibility, shows, title)
    return told(values.work_json(found))


def delete(ask: Ask) -> Response:
    """`DELETE /api/works/ID`."""
    works.delete(ask.site.database, ask.me.id, ask.place("id"))
    return nothing()


def like(ask: Ask) -> Response:
    """`PUT /api/works/ID/like`."""
    likes = works.like(ask.site.database, ask.me.id, ask.place("id"))
    return told({"likes": likes, "liked": True})


def unlike(ask: Ask) -> Response:
    """`DELETE /api/works/ID/like`."""
    likes = works.unlike(ask.site.database, ask.me.id, ask.place("id"))
    return told({"likes": likes, "liked": False})


def report(ask: Ask) -> Response:
    """`POST /api/works/ID/report` {reason}."""
    reason = ask.text("reason")
    text = work.REASONS.get(reason, reason)
    work.complain(ask, ask.place("id"), text, ask.text("text"))
    return nothing()


ENDPOINTS: tuple[Endpoint, ...] = (
    api("POST", "/api/accounts", sign_up, "all"),
    api("POST", "/api/sessions", log_in, "all"),
    api("DELETE", "/api/sessions", log_out, "guest"),
    api("GET", "/api/me", me),
    api("DELETE", "/api/me", leave),
    Endpoint("/api/uploads", upload, "PUT", "member", "bytes", brings_picture=True),
    api("POST", "/api/jobs", order),
    api("GET", "/api/jobs", jobs),
    api("GET", "/api/jobs/{id}", job, "guest"),
    api("POST", "/api/jobs/{id}/cancel", cancel, "guest"),
    api("POST", "/api/jobs/{id}/again", again),
    api("GET", "/api/styles", all_styles, "all"),
    api("POST", "/api/styles", share_style),
    api("DELETE", "/api/styles/{id}", delete_style),
    api("GET", "/api/feed", feed, "all"),
    api("GET", "/api/works", mine),
    api("GET", "/api/works/{id}", show, "all"),
    api("PATCH", "/api/works/{id}", change),
    api("DELETE", "/api/works/{id}", delete),
    api("PUT", "/api/works/{id}/like", like),
    api("DELETE", "/api/works/{id}/like", unlike),
    api("POST", "/api/works/{id}/report", report),
)
