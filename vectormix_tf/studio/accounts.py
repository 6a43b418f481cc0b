"""People: accounts, sessions, what they take with them and what is left of them.

The name of a deleted account is not given to anyone else: works that were credited to
it would become another's. All that is kept of it for that is a hash.
"""

import dataclasses
import functools
import hashlib
import re
import secrets
from collections.abc import Callable

import argon2
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from vectormix_tf.config.studio import DAY, HOUR, StudioSettings
from vectormix_tf.studio import blobs, leases, limits, schema, styles
from vectormix_tf.studio.database import (
    Database,
    insert,
    new_id,
    now,
    reads,
    writes,
)
from vectormix_tf.studio.errors import Refusal, not_found

# ASCII only: names stand in addresses, and no letter looks like another one's.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,29}")
RESERVED = re.compile(r"guest-.*|admin(istrator)?|moderator|root|studio|vectormix|api")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")
PASSWORD_LENGTHS = (8, 1000)  # characters; NIST SP 800-63B asks for 8 or more
TOKEN_BYTES = 32  # 256 bits: a plain hash of it cannot be turned back
LINK_SECONDS = DAY
SEEN_SECONDS = HOUR  # a session's date of use is as exact as this
LONGEST_DEVICE = 200  # characters
GUEST_LETTERS = 24  # of 4 bits each
PASSWORDS = argon2.PasswordHasher()  # argon2id; see RFC 9106, section 4


@dataclasses.dataclass(frozen=True)
class Account:
    """A person, as they see themselves.

    Attributes:
        id: Never shown to others.
        name: Shown to all.
        email: Shown to no one else, or None.
        role: One of `schema.ROLES`.
        state: One of `schema.USER_STATES`.
        used_bytes: What their pictures take.
        created_at: Seconds since 1970.
        expires_at: When a guest is forgotten; None for all others.
    """

    id: str
    name: str
    email: str | None
    role: str
    state: str
    used_bytes: int
    created_at: float
    expires_at: float | None

    @property
    def moderates(self) -> bool:
        """Whether pages for moderators are theirs to see."""
        return self.role in ("moderator", "administrator")


@dataclasses.dataclass(frozen=True)
class Session:
    """A browser in which a person is logged in.

    Attributes:
        id: To revoke it by; it opens nothing.
        device: What the browser called itself.
        created_at: Seconds since 1970.
        seen_at: Of the latest use, to the hour.
        expires_at: When it ends, unless it is used.
        current: Whether it is the one that asks.
    """

    id: str
    device: str
    created_at: float
    seen_at: float
    expires_at: float
    current: bool


@dataclasses.dataclass(frozen=True)
class Opened:
    """A new session.

    Attributes:
        account: Whose it is.
        token: The secret that opens it, for the cookie; only its hash is stored.
        expires_at: Seconds since 1970.
    """

    account: Account
    token: str
    expires_at: float


# --- Getting in -----------------------------------------------------------------------


def sign_up(
    database: Database,
    settings: StudioSettings,
    name: str,
    password: str,
    email: str | None = None,
    address: str | None = None,
    link: str | None = None,
) -> Account:
    """Makes an account.

    Args:
        database: Where people are.
        settings: With how many accounts one address may make.
        name: 2 to 30 ASCII letters, digits, "_" and "-"; case does not distinguish.
        password: At least 8 characters.
        email: Or None.
        address: Of the network, if it is known.
        link: The token of `administrator_link`: makes an administrator.

    Raises:
        Refusal: "bad_input", "name_taken", "too_many_requests"; "not_found" for a link
            that was used or is too old.
    """
    key = _checked_name(name)
    _check_password(name, password)
    if email is not None and not EMAIL.fullmatch(email):
        raise Refusal("bad_input", "this is no e-mail address.")
    limits.take(database, "sign_up", address, settings.sign_ups)
    hashed = PASSWORDS.hash(password)  # takes long: not inside a transaction
    person = {"id": new_id(), "name": name, "name_key": key, "email": email}
    values = person | {"password": hashed}
    return database.transaction(lambda c: _sign_up(c, values, link))


def log_in(
    database: Database,
    settings: StudioSettings,
    name: str,
    password: str,
    device: str = "",
    address: str | None = None,
) -> Opened:
    """Opens a session.

    An unknown name gets the same answer as a wrong password, in about the same time.

    Args:
        database: Where people are.
        settings: With how many wrong passwords one address may try.
        name: Of the account.
        password: Of the account.
        device: What the browser calls itself.
        address: Of the network, if it is known.

    Raises:
        Refusal: "bad_login", "too_many_requests"; "banned", with the right password.
    """
    limits.take(database, "log_in", address, settings.logins)
    users = schema.users.c
    query = sa.select(users.id, users.password, users.state)
    key = name.lower() if NAME.fullmatch(name) else ""
    known = query.where(users.name_key == key, users.state != "deleted")
    row = database.read(lambda c: c.execute(known).first())
    hashed = row.password if row is not None and row.password else _no_password()
    right = _verified(hashed, password)
    if row is None or row.password is None or not right:
        raise Refusal("bad_login", "this name and password do not go together.")
    if row.state == "banned":
        raise Refusal("banned", "this account was shut by a moderator.")
    limits.give_back(database, "log_in", address)
    if PASSWORDS.check_needs_rehash(hashed):
        old, hashed = hashed, PASSWORDS.hash(password)
        _set_password(database, row.id, old, hashed)
    seconds, token = settings.session_days * DAY, secrets.token_urlsafe(TOKEN_BYTES)
    return _open(database, row.id, device, seconds, token, hashed)


def enter_as_guest(
    database: Database,
    settings: StudioSettings,
    address: str | None = None,
    form: str | None = None,
) -> Opened:
    """Opens a session for a visitor who tries one small picture and is forgotten.

    Args:
        database: Where people are.
        settings: With how long guests stay, and how many come from one address.
        address: Of the network, if it is known.
        form: What only this visitor has, of at least 96 random bits: the same one
            again is the same guest.

    Raises:
        Refusal: "too_many_requests".
    """
    limits.take(database, "sign_up", address, settings.sign_ups)
    token = _hash(form or secrets.token_urlsafe(TOKEN_BYTES))
    guest = _hash(f"guest {token}")[:GUEST_LETTERS]

    def enter(connection: Connection) -> Opened:
        time = now(connection)
        name = f"guest-{guest}"
        new = insert(connection, schema.users).values(
            id=guest,
            name=name,
            name_key=name,
            role="guest",
            created_at=time,
            expires_at=time + settings.guest_seconds,
        )
        connection.execute(new.on_conflict_do_nothing())
        return _open(connection, guest, "", settings.guest_seconds, token)

    return database.transaction(enter)


def administrator_link(database: Database) -> str:
    """The token of a link that makes its first user an administrator, within a day.

    Links that were made before no longer work.
    """
    return new_link(database, "administrator")


@reads
def has_administrator(source: Connection) -> bool:
    """Whether someone has used an administrator's link."""
    users = schema.users.c
    known = sa.and_(users.role == "administrator", users.state == "active")
    return bool(source.scalar(sa.select(sa.exists().where(known))))


# --- Links ----------------------------------------------------------------------------


@writes
def new_link(source: Connection, purpose: str, user: str | None = None) -> str:
    """The token of a link that works once, within a day; only its hash is stored.

    A link that was made before for the same purpose and person no longer works.

    Args:
        source: The database.
        purpose: One of `schema.TOKEN_PURPOSES`.
        user: Whose link it is. Who writes has locked this person's row.
    """
    token, tokens = secrets.token_urlsafe(TOKEN_BYTES), schema.tokens.c
    old = sa.and_(tokens.purpose == purpose, tokens.user_id == user)
    source.execute(sa.delete(schema.tokens).where(old))
    source.execute(
        sa.insert(schema.tokens).values(
            token_hash=_hash(token),
            purpose=purpose,
            user_id=user,
            expires_at=now(source) + LINK_SECONDS,
        )
    )
    return token


@writes
def link_for(source: Connection, name: str) -> str:
    """The token of a link by which whoever has a name sets a new password.

    For who runs the studio; `moderation.link_for_password` is for its administrators.

    Raises:
        Refusal: "not_found", also for who is banned.
    """
    users = schema.users.c
    active = sa.and_(users.name_key == name.lower(), users.state == "active")
    query = sa.select(users.id).where(active, users.role != "guest")
    user = source.scalar(query.with_for_update(key_share=True))
    if user is None:
        raise not_found("person")
    return new_link(source, "password", user)


@reads
def name_of_link(source: Connection, link: str) -> str:
    """The name of who may set a new password by the token of a link.

    Raises:
        Refusal: "not_found" for a link that was used or is too old.
    """
    return _of_link(source, link).name


def renew_password(
    database: Database,
    settings: StudioSettings,
    link: str,
    password: str,
    device: str = "",
    address: str | None = None,
) -> Opened:
    """Sets a new password by a link, and opens a session; all others end.

    Args:
        database: Where people are.
        settings: With how many wrong links or passwords one address may try.
        link: The token of `moderation.link_for_password`.
        password: The new one, at least 8 characters.
        device: What the browser calls itself.
        address: Of the network, if it is known.

    Raises:
        Refusal: "not_found" for a link that was used or is too old; "bad_input";
            "too_many_requests".
    """
    limits.take(database, "log_in", address, settings.logins)
    row = database.read(lambda c: _of_link(c, link))
    limits.give_back(database, "log_in", address)
    _check_password(row.name, password)
    hashed = PASSWORDS.hash(password)  # takes long: not inside a transaction
    seconds, token = settings.session_days * DAY, secrets.token_urlsafe(TOKEN_BYTES)

    def renew(connection: Connection) -> Opened:
        _renew(connection, row.id, link, hashed)
        return _open(connection, row.id, device, seconds, token)

    return database.transaction(renew)


# --- Sessions -------------------------------------------------------------------------


def account_of(database: Database, token: str) -> Account | None:
    """Whose session a token opens; None if it opens none (any more).

    A session that is used lasts longer.
    """
    found = _session(database, _hash(token))
    if found is None:
        return None
    row, time = found
    if time - row.seen_at > SEEN_SECONDS:
        _extend(database, row.session_id, time)
    return _account(row)


@reads
def sessions_of(source: Connection, user: str, token: str = "") -> list[Session]:
    """A person's sessions, the latest used first; `token` is the one that asks."""
    sessions = schema.sessions.c
    query = sa.select(schema.sessions).where(
        sessions.user_id == user, sessions.expires_at > now(source)
    )
    asking = _hash(token)
    return [
        Session(
            id=row.id,
            device=row.device,
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
            current=row.token_hash == asking,
        )
        for row in source.execute(query.order_by(sessions.seen_at.desc()))
    ]


@writes
def log_out(source: Connection, token: str) -> None:
    """Ends the session of a token; again is no harm."""
    own = schema.sessions.c.token_hash == _hash(token)
    source.execute(sa.delete(schema.sessions).where(own))


@writes
def revoke(source: Connection, user: str, session: str) -> None:
    """Ends one of a person's sessions.

    Raises:
        Refusal: "not_found".
    """
    sessions = schema.sessions.c
    own = sa.and_(sessions.id == session, sessions.user_id == user)
    if source.execute(sa.delete(schema.sessions).where(own)).rowcount == 0:
        raise not_found("session")


def change_password(
    database: Database, user: str, old: str, new: str, token: str
) -> None:
    """Changes a password; all sessions end but the one of `token`, and a link ends.

    Raises:
        Refusal: "bad_login" if the old one is wrong; "bad_input".
    """
    name, hashed = _check_own_password(database, user, old)
    _check_password(name, new)
    if not _set_password(database, user, hashed, PASSWORDS.hash(new), token):
        raise Refusal("bad_login", "the password was changed in the meantime.")


@writes
def change_name(source: Connection, user: str, name: str) -> None:
    """Changes a person's name; what they have shown is under the new one at once.

    Raises:
        Refusal: "bad_input"; "name_taken"; "not_found".
    """
    key = _checked_name(name)
    users = schema.users.c
    same = sa.and_(users.name_key.in_((key, _tombstone(key))), users.id != user)
    taken = Refusal("name_taken", f"the name {name} is taken.")
    if source.scalar(sa.select(users.id).where(same)) is not None:
        raise taken
    member = sa.and_(users.state == "active", users.role != "guest")
    own = sa.update(schema.users).where(users.id == user, member)
    try:
        with source.begin_nested():
            changed = source.execute(own.values(name=name, name_key=key))
    except sa.exc.IntegrityError as error:  # by someone else, at this moment
        raise taken from error
    if changed.rowcount == 0:
        raise not_found("account")


@writes
def change_email(source: Connection, user: str, email: str | None) -> None:
    """Changes a person's e-mail address, or forgets it.

    Raises:
        Refusal: "bad_input"; "not_found".
    """
    if email is not None and not EMAIL.fullmatch(email):
        raise Refusal("bad_input", "this is no e-mail address.")
    users = schema.users.c
    own = sa.update(schema.users).where(users.id == user, users.state == "active")
    if source.execute(own.values(email=email)).rowcount == 0:
        raise not_found("account")


# --- Leaving --------------------------------------------------------------------------


def delete(database: Database, user: str, password: str) -> None:
    """Deletes an account and all that is its: jobs, works, styles, likes and bytes.

    Bytes leave the store with the next `blobs.purge`.

    Raises:
        Refusal: "bad_login"; "not_found".
    """
    _check_own_password(database, user, password)
    erase(database, user)


@writes
def erase(source: Connection, user: str) -> None:
    """Deletes an account without asking; again is no harm.

    Of a guest nothing is left, of others a row without a name; see the module.
    """
    if (
        source.scalar(sa.select(schema.users.c.id).where(schema.users.c.id == user))
        is None
    ):
        return
    leases.changed(source, user)
    _take_back(source, user)
    own_jobs = sa.select(schema.jobs.c.id).where(schema.jobs.c.user_id == user)
    jobs = list(source.scalars(own_jobs))
    works, uploads = schema.works.c, schema.uploads.c
    source.execute(sa.delete(schema.works).where(works.user_id == user))
    styles.forget_inputs(source, jobs)
    source.execute(sa.delete(schema.jobs).where(schema.jobs.c.user_id == user))
    known = schema.styles.c
    own = sa.select(known.id).where(known.user_id == user)
    styles.erase(source, list(source.scalars(own)))
    source.execute(sa.delete(schema.uploads).where(uploads.user_id == user))
    keys = sa.select(schema.blobs.c.key).where(schema.blobs.c.user_id == user)
    blobs.condemn(source, list(source.scalars(keys)))
    for table in (schema.sessions, schema.tokens):
        source.execute(sa.delete(table).where(table.c.user_id == user))
    users = schema.users.c
    guest = sa.and_(users.id == user, users.role == "guest")
    source.execute(sa.delete(schema.users).where(guest))
    _leave_tombstone(source, user)


def expire(database: Database) -> None:
    """Forgets guests, sessions, links and addresses whose time is over."""

    def old(connection: Connection) -> list[str]:
        time, users = now(connection), schema.users.c
        for table in (schema.sessions, schema.tokens):
            over = table.c.expires_at < time
            connection.execute(sa.delete(table).where(over))
        guests = sa.select(users.id).where(users.expires_at < time)
        return list(connection.scalars(guests))

    for guest in database.transaction(old):
        erase(database, guest)
    limits.expire(database)


# --- Inside ---------------------------------------------------------------------------


def _sign_up(connection: Connection, person: dict, link: str | None) -> Account:
    users = schema.users.c
    gone = sa.select(users.id).where(users.name_key == _tombstone(person["name_key"]))
    row = connection.execute(gone).first()
    values = person | {"created_at": now(connection)}
    new = insert(connection, schema.users).values(values)
    # Written by this very call, whose commit's answer was lost, or by someone else.
    connection.execute(new.on_conflict_do_nothing(index_elements=[users.name_key]))
    mine = sa.select(schema.users).where(users.id == person["id"])
    made = connection.execute(mine).first()
    if row is not None or made is None:
        raise Refusal("name_taken", f"the name {person['name']} is taken.")
    if link is None or made.role == "administrator":
        return _account(made)
    _use_up(connection, "administrator", link)
    own = sa.update(schema.users).where(users.id == person["id"])
    row = connection.execute(own.values(role="administrator").returning(schema.users))
    return _account(row.one())


def _works(connection: Connection, purpose: str, link: str) -> sa.ColumnElement[bool]:
    """Condition: it is this link, and it works."""
    tokens = schema.tokens.c
    return sa.and_(
        tokens.token_hash == _hash(link),
        tokens.purpose == purpose,
        tokens.expires_at > now(connection),
    )


def _use_up(connection: Connection, purpose: str, link: str) -> None:
    used = sa.delete(schema.tokens).where(_works(connection, purpose, link))
    if connection.execute(used).rowcount == 0:
        raise _no_link()


def _no_link() -> Refusal:
    return not_found("link; ask for a new one")


def _of_link(connection: Connection, link: str) -> Row:
    """Id and name of who may set a new password by a link."""
    users, tokens = schema.users.c, schema.tokens.c
    query = (
        sa.select(users.id, users.name)
        .join_from(schema.tokens, schema.users, users.id == tokens.user_id)
        .where(_works(connection, "password", link))
    )
    row = connection.execute(query).first()
    if row is None:
        raise _no_link()
    return row


def _renew(connection: Connection, user: str, link: str, hashed: str) -> None:
    """Uses up a link, sets the hash of a password, and ends all sessions."""
    own, sessions = schema.users.c.id == user, schema.sessions.c
    query = sa.select(schema.users.c.password).where(own)
    if connection.scalar(query.with_for_update(key_share=True)) == hashed:
        return  # written by this very call, whose commit's answer was lost
    _use_up(connection, "password", link)
    connection.execute(sa.update(schema.users).where(own).values(password=hashed))
    connection.execute(sa.delete(schema.sessions).where(sessions.user_id == user))


@writes
def _open(
    source: Connection,
    user: str,
    device: str,
    seconds: float,
    token: str,
    hashed: str | None = None,
) -> Opened:
    """Opens a session; with a hash, only while it is that of the password."""
    users, time = schema.users.c, now(source)
    query = sa.select(schema.users).where(users.id == user, users.state == "active")
    row = source.execute(query.with_for_update(key_share=True)).first()
    # Deleted or banned in the meantime, or the password is another one.
    if row is None or hashed not in (None, row.password):
        raise Refusal("bad_login", "this name and password do not go together.")
    new = insert(source, schema.sessions).values(
        id=new_id(),
        token_hash=_hash(token),
        user_id=user,
        device=device[:LONGEST_DEVICE],
        created_at=time,
        seen_at=time,
        expires_at=time + seconds,
    )
    source.execute(new.on_conflict_do_nothing())
    return Opened(_account(row), token, time + seconds)


@reads
def _session(source: Connection, token_hash: str) -> tuple[Row, float] | None:
    users, sessions, time = schema.users.c, schema.sessions.c, now(source)
    query = (
        sa.select(schema.users, sessions.id.label("session_id"), sessions.seen_at)
        .join_from(schema.sessions, schema.users, users.id == sessions.user_id)
        .where(
            sessions.token_hash == token_hash,
            sessions.expires_at > time,
            users.state == "active",
            sa.or_(users.expires_at.is_(None), users.expires_at > time),
        )
    )
    row = source.execute(query).first()
    return None if row is None else (row, time)


@writes
def _extend(source: Connection, session: str, time: float) -> None:
    sessions = schema.sessions.c
    own = sa.update(schema.sessions).where(
        sessions.id == session, sessions.seen_at < time
    )
    until = sessions.expires_at + (time - sessions.seen_at)
    source.execute(own.values(seen_at=time, expires_at=until))


@writes
def _set_password(
    source: Connection, user: str, old: str, new: str, token: str | None = None
) -> bool:
    """Replaces one hash by another; with a token, ends other sessions, and a link."""
    users, sessions, tokens = schema.users.c, schema.sessions.c, schema.tokens.c
    own = sa.update(schema.users).where(
        users.id == user, users.password == old, users.state == "active"
    )
    if source.execute(own.values(password=new)).rowcount == 0:
        return False
    if token is not None:
        others = sa.and_(sessions.user_id == user, sessions.token_hash != _hash(token))
        source.execute(sa.delete(schema.sessions).where(others))
        links = sa.and_(tokens.user_id == user, tokens.purpose == "password")
        source.execute(sa.delete(schema.tokens).where(links))
    return True


def _take_back(connection: Connection, user: str) -> None:
    """Takes back a person's likes; their reports go on without their name."""
    likes, works, reports = schema.likes.c, schema.works.c, schema.reports.c
    liked = sa.delete(schema.likes).where(likes.user_id == user)
    ids = connection.scalars(liked.returning(likes.work_id)).all()
    less = sa.update(schema.works).where(works.id.in_(ids))
    connection.execute(less.values(likes=works.likes - 1))
    said = sa.update(schema.reports).where(reports.reporter_id == user)
    connection.execute(said.values(reporter_id=None))


def _leave_tombstone(connection: Connection, user: str) -> None:
    users = schema.users.c
    own = sa.and_(users.id == user, users.state != "deleted")
    key = connection.scalar(sa.select(users.name_key).where(own))
    if key is None:
        return
    connection.execute(
        sa.update(schema.users)
        .where(own)
        .values(
            name=None,
            name_key=_tombstone(key),
            email=None,
            password=None,
            role="member",
            state="deleted",
            charged_ms=0,
        )
    )


def _account(row: Row) -> Account:
    names = (field.name for field in dataclasses.fields(Account))
    return Account(**{name: getattr(row, name) for name in names})


def _checked_name(name: str) -> str:
    """Returns what distinguishes a name."""
    key = name.lower()
    if not NAME.fullmatch(name):
        raise Refusal(
            "bad_input",
            "a name has 2 to 30 letters a-z, digits, - and _, and begins with a letter"
            " or digit.",
        )
    if RESERVED.fullmatch(key):
        raise Refusal("name_taken", f"the name {name} is taken.")
    return key


def _check_password(name: str, password: str) -> None:
    low, high = PASSWORD_LENGTHS
    if not low <= len(password) <= high:
        raise Refusal("bad_input", f"a password has {low} to {high} characters.")
    if password.lower() == name.lower():
        raise Refusal("bad_input", "a password must not be the name.")


def _check_own_password(
    database: Database, user: str, password: str
) -> tuple[str, str]:
    """Returns name and hash of a person who knows their password."""
    users = schema.users.c
    query = sa.select(users.name, users.password).where(
        users.id == user, users.state == "active"
    )
    row = database.read(lambda c: c.execute(query).first())
    if row is None or row.password is None:
        raise not_found("account")
    if not _verified(row.password, password):
        raise Refusal("bad_login", "the password is wrong.")
    return row.name, row.password


def _verified(hashed: str, password: str) -> bool:
    try:
        return PASSWORDS.verify(hashed, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False


def _no_password() -> str:
    """A hash to compare with where there is none, which takes as long."""
    return _hash_of_nothing(PASSWORDS.hash)


@functools.cache
def _hash_of_nothing(hasher: Callable[[str], str]) -> str:
    return hasher(secrets.token_urlsafe(TOKEN_BYTES))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _tombstone(key: str) -> str:
    return key if key.startswith("deleted:") else f"deleted:{_hash(key)}"
