"""Accounts: signing in and up, settings, sessions, leaving."""

from collections.abc import Callable

from starlette.responses import Response, StreamingResponse

from vectormix_tf.studio import accounts, contexts, outlook, takeout
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web import answers, cards, sessions
from vectormix_tf.studio.web.endpoints import Endpoint, file, form, page
from vectormix_tf.studio.web.site import Ask, local_path

LEAST = accounts.PASSWORD_LENGTHS[0]
SETTINGS = "/me/settings"


# --- Signing in -----------------------------------------------------------------------


def login(ask: Ask) -> Response:
    """`/login?next=`."""
    back = local_path(ask.query("next"), "/me")
    if ask.member is not None:
        return answers.go(back)
    return answers.page(ask, "login.html", contexts.LoginForm(next=back))


def log_in(ask: Ask) -> Response:
    """`POST /login`."""
    back, name = ask.next("/me"), ask.text("name").strip()
    try:
        opened = open_session(ask, name, ask.text("password"))
    except Refusal as error:
        if ask.wants_json:
            raise
        content = contexts.LoginForm(name, back, answers.sentence(error))
        return answers.form_again(ask, "login.html", content, error)
    return _signed_in(ask, opened, back)


def open_session(ask: Ask, name: str, password: str) -> accounts.Opened:
    """Opens a session for who knows the password."""
    site, request = ask.site, ask.request
    return accounts.log_in(
        *(site.database, site.settings, name, password),
        device=sessions.device_of(request),
        address=sessions.address_of(request, site.options),
    )


def _signed_in(ask: Ask, opened: accounts.Opened, path: str) -> Response:
    answer = answers.go(path)
    sessions.set_cookie(answer, ask.site.options, opened.token)
    if ask.token:  # the session before, e.g. a guest's
        accounts.log_out(ask.site.database, ask.token)
    return answer


def log_out(ask: Ask) -> Response:
    """`POST /logout`."""
    answer = answers.go("/")
    sessions.drop_cookie(answer, ask.site.options)
    if ask.token:
        accounts.log_out(ask.site.database, ask.token)
    return answer


def signup(ask: Ask) -> Response:
    """`/signup`, and `/signup?link=TOKEN` for the first administrator."""
    return answers.page(ask, "signup.html", _form(ask, link=ask.query("link")))


def sign_up(ask: Ask) -> Response:
    """`POST /signup`."""
    name, email = ask.text("name").strip(), ask.text("email").strip()
    password, link = ask.text("password"), ask.text("link")
    try:
        opened = _join(ask, name, password, email or None, link or None)
    except Refusal as error:
        if ask.wants_json:
            raise
        content = _form(
            *(ask, name, email, link),
            error=answers.sentence(error),
            field=_field(error),
        )
        return answers.form_again(ask, "signup.html", content, error)
    return _signed_in(ask, opened, "/me" if link else "/new")


def _join(
    ask: Ask, name: str, password: str, email: str | None, link: str | None
) -> accounts.Opened:
    """Makes an account and opens its session; a double click opens it twice."""
    try:
        new_account(ask, name, password, email, link)
    except Refusal as error:
        if error.code != "name_taken":
            raise
        try:
            return open_session(ask, name, password)
        except Refusal:
            raise error from None
    return open_session(ask, name, password)


def new_account(
    ask: Ask, name: str, password: str, email: str | None, link: str | None = None
) -> accounts.Account:
    """Makes an account."""
    site = ask.site
    return accounts.sign_up(
        *(site.database, site.settings, name, password),
        email=email,
        address=sessions.address_of(ask.request, site.options),
        link=link,
    )


def _form(
    ask: Ask,
    name: str = "",
    email: str = "",
    link: str = "",
    error: str = "",
    field: str = "",
) -> contexts.SignupForm:
    is_reviewed = ask.site.settings.approvals > 0
    return contexts.SignupForm(
        *(name, email, error, field, LEAST, is_reviewed, new_id(), link)
    )


def password(ask: Ask) -> Response:
    """`/password?link=TOKEN`, for a link that an administrator made."""
    return _renewal(ask, ask.query("link"))


def renew_password(ask: Ask) -> Response:
    """`POST /password`."""
    site, request, link = ask.site, ask.request, ask.text("link")
    try:
        opened = accounts.renew_password(
            *(site.database, site.settings, link, ask.text("password")),
            device=sessions.device_of(request),
            address=sessions.address_of(request, site.options),
        )
    except Refusal as error:
        if ask.wants_json:
            raise
        return _renewal(ask, link, error)
    return _signed_in(ask, opened, "/me")


def _renewal(ask: Ask, link: str, error: Refusal | None = None) -> Response:
    """The form for a new password; for a link that does not work, why there is none."""
    name = ""
    try:
        name = accounts.name_of_link(ask.database, link)
    except Refusal as gone:
        if ask.wants_json:
            raise
        error = error or gone
    if error is None:
        content = contexts.PasswordForm(name, link, least=LEAST)
        return answers.page(ask, "password.html", content)
    said = answers.sentence(error)
    content = contexts.PasswordForm(name, link, said, _field(error), LEAST)
    return answers.form_again(ask, "password.html", content, error)


def _field(error: Refusal) -> str:
    """The field that a refusal is about, by what it says."""
    if error.code == "name_taken":
        return "name"
    if error.code != "bad_input":
        return ""
    fields = {"a password": "password", "e-mail": "email", "a name": "name"}
    return next((name for sign, name in fields.items() if sign in str(error)), "")


# --- Settings -------------------------------------------------------------------------


def settings(ask: Ask) -> Response:
    """`/me/settings`."""
    return answers.page(ask, "settings.html", _settings(ask))


def _settings(
    ask: Ask, error: str = "", which: str = "", **typed: str
) -> contexts.SettingsPage:
    database, me = ask.database, ask.me
    have = outlook.allowance(database, ask.site.settings, me.id)
    rows = tuple(
        contexts.SessionRow(
            each.id,
            each.device or "A program",
            cards.moment(each.created_at),
            cards.moment(each.seen_at),
            each.current,
        )
        for each in accounts.sessions_of(database, me.id, ask.token)
    )
    values = {"name": me.name or "", "email": me.email or ""} | typed
    return contexts.SettingsPage(
        **values,
        sessions=rows,
        usage=cards.usage(have),
        least=LEAST,
        error=error,
        form=which,
        works=have.works,
    )


def _change(ask: Ask, which: str, change: Callable[[], None], **typed: str) -> Response:
    """Does what a form of the settings asks, or tells beside it what is wrong."""
    try:
        change()
    except Refusal as error:
        if ask.wants_json:
            raise
        content = _settings(ask, answers.sentence(error), which, **typed)
        return answers.form_again(ask, "settings.html", content, error)
    return answers.go(SETTINGS, which)


def change_name(ask: Ask) -> Response:
    """`POST /me/settings/name`."""
    name, me = ask.text("name").strip(), ask.me.id

    def change() -> None:
        accounts.change_name(ask.site.database, me, name)

    return _change(ask, "name", change)


def change_email(ask: Ask) -> Response:
    """`POST /me/settings/email`."""
    email, me = ask.text("email").strip(), ask.me.id

    def change() -> None:
        accounts.change_email(ask.site.database, me, email or None)

    return _change(ask, "email", change, email=email)


def change_password(ask: Ask) -> Response:
    """`POST /me/settings/password`."""

    def change() -> None:
        accounts.change_password(
            *(ask.site.database, ask.me.id, ask.text("password")),
            *(ask.text("new_password"), ask.token),
        )

    return _change(ask, "password", change)


def leave(ask: Ask) -> Response:
    """`POST /me/settings/delete`."""

    def change() -> None:
        accounts.delete(ask.site.database, ask.me.id, ask.text("password"))

    answer = _change(ask, "delete", change)
    if answer.status_code != 303:
        return answer
    answer = answers.go("/", "left")
    sessions.drop_cookie(answer, ask.site.options)
    return answer


def revoke(ask: Ask) -> Response:
    """`POST /me/sessions/ID/revoke`."""
    accounts.revoke(ask.site.database, ask.me.id, ask.place("id"))
    return answers.go(SETTINGS, "revoked")


def export(ask: Ask) -> Response:
    """`/me/export`."""
    parts = takeout.export(ask.site.database, ask.site.store, ask.me.id)
    headers = {
        "cache-control": "private, no-store",
        "content-disposition": f'attachment; filename="vectormix-{ask.me.name}.zip"',
    }
    return StreamingResponse(parts, media_type="application/zip", headers=headers)


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/login", login),
    form("/login", log_in, "all"),
    form("/logout", log_out, "all"),
    page("/signup", signup),
    form("/signup", sign_up, "all"),
    page("/password", password),
    form("/password", renew_password, "all"),
    page("/me/settings", settings, "member"),
    form("/me/settings/name", change_name),
    form("/me/settings/email", change_email),
    form("/me/settings/password", change_password),
    form("/me/settings/delete", leave),
    form("/me/sessions/{id}/revoke", revoke),
    file("/me/export", export, "member"),
)
