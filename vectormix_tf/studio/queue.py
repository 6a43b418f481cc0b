"""What people do with jobs: order, watch, cancel. What workers do is in `leases`.

A job is queued, then running and queued in turns, and then done, stopped or failed for
ever; "again" makes a new one.
"""

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row, RowMapping

from vectormix_tf.config.studio import DAY, StudioSettings
from vectormix_tf.studio import blobs, clock, leases, schema, styles
from vectormix_tf.studio.database import Database, new_id, now, reads, writes
from vectormix_tf.studio.errors import Refusal, not_found
from vectormix_tf.studio.store import Store

MILLISECONDS = 1000
LISTED = 50
LONGEST_KEY = 200  # characters of an idempotency key


@dataclasses.dataclass(frozen=True)
class Picked:
    """A picture of an order: an upload of the person, or a style.

    Attributes:
        upload: Id of the one, or None.
        style: Id of the other, or None.
    """

    upload: str | None = None
    style: str | None = None

    def __post_init__(self) -> None:
        if (self.upload is None) == (self.style is None):
            raise Refusal("bad_input", "choose one picture for each place.")


@dataclasses.dataclass(frozen=True)
class Order:
    """What a person orders; values are checked by the caller.

    Attributes:
        key: Idempotency key: the same one again is the same job.
        kind: One of `schema.JOB_KINDS`.
        settings: Of the mix or dream, by name. All who see the work see them.
        inputs: Pictures by slot: "content", "style", "style_2", "mask", "image", ...
        size: Long side of the result in pixels.
        steps: Of the whole job.
        cost: Predicted seconds.
        engine: One of `schema.ENGINES`.
    """

    key: str
    kind: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Picked]
    size: int
    steps: int
    cost: float
    engine: str = "served"

    @property
    def digest(self) -> str:
        """Tells one order from another that has the same key."""
        values = dataclasses.asdict(self)
        del values["cost"]  # another prediction is no other wish
        return hashlib.sha256(_json(values).encode()).hexdigest()


@dataclasses.dataclass(frozen=True)
class Job:
    """A job as its owner sees it.

    Attributes:
        id: Of the job.
        kind: One of `schema.JOB_KINDS`.
        settings: Of the mix or dream, by name.
        size: Long side in pixels.
        state: One of `schema.JOB_STATES`.
        cancel: Whether it is about to be stopped.
        step: Steps that are done.
        steps: Of the whole job.
        fraction: Share of the work that is done, in [0, 1].
        cost: Predicted seconds of the whole job.
        fence: How often it was claimed by a worker.
        error: Why it failed; None in other states.
        version: Number of its latest change among the person's news.
        work: Id of the work that it became, or None.
        created_at: Seconds since 1970.
        started_at: The same, or None.
        ended_at: The same, or None.
    """

    id: str
    kind: str
    settings: Mapping[str, Any]
    size: int
    state: str
    cancel: bool
    step: int
    steps: int
    fraction: float
    cost: float
    fence: int
    error: str | None
    version: int
    work: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None


# --- Orders ---------------------------------------------------------------------------


def submit(
    database: Database, store: Store, settings: StudioSettings, user: str, order: Order
) -> Job:
    """Puts a job into the queue; when it returns, the job is safe.

    Args:
        database: Where the queue is.
        store: Must be writable: a job that cannot keep its picture is not begun.
        settings: With the limits of people.
        user: Who orders.
        order: What.

    Returns:
        The new job, or the one that this key ordered before.

    Raises:
        Refusal: "bad_input", "key_reused", "too_large", "too_many_waiting",
            "too_many_today", "out_of_space", "queue_full"; "not_found" for a picture or
            style that is not this person's to use.
        Unavailable: If the store cannot be written, or the database is away. Nothing
            was written then.
    """
    if not 0 < len(order.key) <= LONGEST_KEY:
        text = f"the Idempotency-Key must have 1 to {LONGEST_KEY} characters."
        raise Refusal("bad_input", text)
    _check_kind(order)
    store.check_writable()
    job = new_id()
    return database.transaction(lambda c: _submit(c, settings, user, order, job))


@writes
def cancel(source: Connection, user: str, job: str) -> Job:
    """Ends a person's job; with no worker alive, too.

    A waiting job, or one whose worker's lease has ended, is stopped at once. A worker
    that is alive hears of it at its next heartbeat, and keeps the picture so far. A
    job that has ended stays as it is.

    Raises:
        Refusal: "not_found".
    """
    news = leases.changed(source, user)
    jobs = schema.jobs.c
    own = sa.and_(jobs.id == job, jobs.user_id == user, ~jobs.erased)
    row = source.execute(sa.select(schema.jobs).where(own).with_for_update()).first()
    if row is None:
        raise not_found("job")
    stop(source, row, news)
    return find(source, user, job)


def stop(connection: Connection, row: Row, news: int) -> None:
    """Cancels a job whose row, and whose owner's, are locked."""
    expired = row.state == "running" and row.lease_until < clock.read(connection)
    if row.state == "queued" or expired:
        leases.end(connection, row, news, "stopped", row.saved_fraction)
    elif row.state == "running":
        own = sa.update(schema.jobs).where(schema.jobs.c.id == row.id)
        connection.execute(own.values(cancel=True, version=news))


@writes
def stop_all(source: Connection, user: str) -> None:
    """Cancels all jobs of a person."""
    news = leases.changed(source, user)
    jobs = schema.jobs.c
    open_ = sa.and_(
        jobs.user_id == user, jobs.state.in_((schema.QUEUED, schema.RUNNING))
    )
    query = sa.select(schema.jobs).where(open_).with_for_update()
    for row in source.execute(query).all():
        stop(source, row, news)


# --- Reading --------------------------------------------------------------------------


@reads
def find(source: Connection, user: str, job: str) -> Job:
    """A person's own job.

    Raises:
        Refusal: "not_found".
    """
    found = _jobs(source, user, schema.jobs.c.id == job, limit=1)
    if not found:
        raise not_found("job")
    return found[0]


@reads
def find_by_key(source: Connection, user: str, key: str) -> Job | None:
    """The job that a person ordered with an idempotency key, or None."""
    found = _jobs(source, user, schema.jobs.c.idempotency_key == key, limit=1)
    return found[0] if found else None


@reads
def mine(
    source: Connection, user: str, before: float | None = None, limit: int = LISTED
) -> list[Job]:
    """A person's jobs, the latest first.

    Args:
        source: The database.
        user: Whose.
        before: `created_at` of the last one of the page before.
        limit: Most of them.
    """
    created = schema.jobs.c.created_at
    older = sa.true() if before is None else created < before
    return _jobs(source, user, older, created.desc(), limit)


@reads
def changes(source: Connection, user: str, after: int = 0) -> tuple[int, list[Job]]:
    """What is new of a person's jobs.

    Args:
        source: The database.
        user: Whose.
        after: The number that the call before returned.

    Returns:
        A number for the next call, and the jobs that changed since, oldest first; with
        all that wait, for whose place in line others' jobs count.
    """
    users, jobs = schema.users.c, schema.jobs.c
    news = source.scalar(sa.select(users.news).where(users.id == user))
    told = sa.or_(jobs.version > after, jobs.state == schema.QUEUED)
    return news or 0, _jobs(source, user, told, jobs.version)


@reads
def counters(source: Connection, users: Collection[str]) -> dict[str, int]:
    """The latest numbers of people's news: one query for all tabs that wait for it."""
    known = schema.users.c
    query = sa.select(known.id, known.news).where(known.id.in_(users))
    return {row.id: row.news for row in source.execute(query)}


@reads
def ahead(source: Connection, user: str) -> dict[str, int]:
    """How many jobs go before each waiting job of a person, as things are.

    Each job has the tag that its owner will have when it is at the front, if nothing
    new comes; jobs go in the order of tags.
    """
    jobs, users = schema.jobs.c, schema.users.c
    virtual = source.scalar(sa.select(schema.clock.c.virtual_time))
    left = sa.cast(jobs.cost_ms - jobs.charged_ms, sa.Double) / MILLISECONDS
    before = sa.func.sum(left).over(
        partition_by=jobs.user_id,
        order_by=(jobs.created_at, jobs.id),
        rows=(None, -1),
    )
    tag = leases.tag(virtual) + sa.func.coalesce(before, 0.0) / users.weight
    tags = (
        sa.select(jobs.id, jobs.user_id, jobs.created_at, tag.label("tag"))
        .join_from(schema.jobs, schema.users, users.id == jobs.user_id)
        .where(jobs.state == schema.QUEUED)
        .subquery()
    )
    order = (tags.c.tag, tags.c.created_at, tags.c.id)
    place = sa.func.row_number().over(order_by=order) - 1
    line = sa.select(tags.c.id, tags.c.user_id, place.label("ahead")).subquery()
    query = sa.select(line.c.id, line.c.ahead).where(line.c.user_id == user)
    return {row.id: row.ahead for row in source.execute(query)}


@reads
def preview(source: Connection, user: str, job: str) -> bytes:
    """What a person's running job looks like, as JPEG.

    Raises:
        Refusal: "not_found", also while there is none yet.
    """
    jobs, previews = schema.jobs.c, schema.previews.c
    query = (
        sa.select(previews.jpeg)
        .join_from(schema.previews, schema.jobs, jobs.id == previews.job_id)
        .where(jobs.id == job, jobs.user_id == user)
    )
    jpeg = source.scalar(query)
    if jpeg is None:
        raise not_found("preview")
    return bytes(jpeg)


@reads
def order_of(source: Connection, user: str, job: str, key: str) -> Order:
    """The order of a person's job, to make it again, with a new idempotency key.

    Raises:
        Refusal: "not_found"; "not_possible" if a style of it is gone.
    """
    jobs, inputs = schema.jobs.c, schema.inputs.c
    own = sa.and_(jobs.id == job, jobs.user_id == user, ~jobs.erased)
    row = source.execute(sa.select(schema.jobs).where(own)).first()
    if row is None:
        raise not_found("job")
    query = sa.select(inputs.slot, inputs.upload_id, inputs.style_id)
    pictures = source.execute(query.where(inputs.job_id == job)).all()
    if any(each.upload_id is None and each.style_id is None for each in pictures):
        raise Refusal("not_possible", "its style was deleted; choose another one.")
    return Order(
        key=key,
        kind=row.kind,
        settings=json.loads(row.settings),
        inputs={each.slot: Picked(each.upload_id, each.style_id) for each in pictures},
        size=row.size,
        steps=row.steps,
        cost=row.cost_ms / MILLISECONDS,
        engine=row.engine,
    )


# --- Inside ---------------------------------------------------------------------------


def _submit(
    connection: Connection,
    settings: StudioSettings,
    user: str,
    order: Order,
    job: str,
) -> Job:
    news = leases.changed(connection, user)
    jobs = schema.jobs.c
    known = sa.select(jobs.id, jobs.digest).where(
        jobs.user_id == user, jobs.idempotency_key == order.key
    )
    before = connection.execute(known).first()
    if before is not None:
        if before.digest != order.digest:
            text = "this Idempotency-Key came before, with another order."
            raise Refusal("key_reused", text)
        return find(connection, user, before.id)
    _check_limits(connection, settings, user, order)
    connection.execute(
        sa.insert(schema.jobs).values(
            id=job,
            user_id=user,
            idempotency_key=order.key,
            digest=order.digest,
            kind=order.kind,
            engine=order.engine,
            settings=_json(order.settings),
            size=order.size,
            steps=order.steps,
            cost_ms=max(1, round(order.cost * MILLISECONDS)),
            version=news,
            created_at=now(connection),
        )
    )
    for slot, picked in sorted(order.inputs.items()):
        _add_input(connection, user, job, slot, picked)
    return find(connection, user, job)


def _add_input(
    connection: Connection, user: str, job: str, slot: str, picked: Picked
) -> None:
    if picked.upload is not None:
        uploads = schema.uploads.c
        own = sa.and_(uploads.id == picked.upload, uploads.user_id == user)
        query = sa.select(uploads.id).where(own).with_for_update()
        if connection.scalar(query) is None:
            raise not_found("picture")
    else:
        styles.use(connection, user, picked.style)
    row = {"upload_id": picked.upload, "style_id": picked.style}
    new = sa.insert(schema.inputs).values(job_id=job, slot=slot, **row)
    connection.execute(new)


def _check_kind(order: Order) -> None:
    for value, known, what in (
        (order.kind, schema.JOB_KINDS, "kind"),
        (order.engine, schema.ENGINES, "engine"),
    ):
        if value not in known:
            raise Refusal("bad_input", f"`{what}` must be {' or '.join(known)}.")


def _check_limits(
    connection: Connection, settings: StudioSettings, user: str, order: Order
) -> None:
    users, jobs = schema.users.c, schema.jobs.c
    own = sa.select(schema.users).where(users.id == user, users.state == "active")
    person = connection.execute(own).first()
    if person is None:
        raise not_found("account")
    guest = person.role == "guest"
    size = settings.guest_size if guest else settings.size
    if person.role != "administrator" and order.size > size:
        text = f"you may order pictures of up to {size} pixels."
        raise Refusal("too_large", text)
    count = sa.select(sa.func.count()).select_from(schema.jobs)
    queued = count.where(jobs.state == schema.QUEUED)
    waiting = connection.scalar(queued.where(jobs.user_id == user))
    if waiting >= (1 if guest else _limit(person.waiting_limit, settings.waiting)):
        text = "your other pictures still wait; stop one of them, or come back later."
        raise Refusal("too_many_waiting", text)
    since = now(connection) - DAY
    today = connection.scalar(
        count.where(jobs.user_id == user, jobs.created_at > since)
    )
    if today >= (1 if guest else _limit(person.daily_limit, settings.daily)):
        text = "you ordered many pictures today; come back tomorrow."
        text = "make an account to order more pictures." if guest else text
        raise Refusal("too_many_today", text)
    quota = _limit(person.bytes_limit, settings.quota * blobs.MEGABYTE)
    blobs.check_space(person.used_bytes, quota, 1)
    if connection.scalar(queued) >= settings.queue:
        raise Refusal("queue_full", "the queue is full; come back later.", 60)


def _limit(own: int | None, all_: int) -> int:
    return all_ if own is None else own


def _jobs(
    connection: Connection,
    user: str,
    condition: sa.ColumnElement[bool],
    order: Any = None,
    limit: int | None = None,
) -> list[Job]:
    jobs, works = schema.jobs.c, schema.works.c
    columns = [
        jobs[field.name]
        for field in dataclasses.fields(Job)
        if field.name not in ("cost", "work")
    ]
    query = (
        sa.select(*columns, jobs.cost_ms, works.id.label("work"))
        .select_from(schema.jobs)
        .outerjoin(schema.works, works.job_id == jobs.id)
        .where(jobs.user_id == user, ~jobs.erased, condition)
        .order_by(jobs.created_at if order is None else order)
        .limit(limit)
    )
    return [_job(row) for row in connection.execute(query).mappings()]


def _job(row: RowMapping) -> Job:
    values = dict(row)
    values["cost"] = values.pop("cost_ms") / MILLISECONDS
    values["settings"] = json.loads(values["settings"])
    return Job(**values)


def _json(values: Any) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, default=dict)
