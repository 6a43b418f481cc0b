"""How workers get jobs and what they do with them.

Fairness is start-time fair queueing (Goyal, Vin and Cheng, 1996) by predicted cost.
Each person has a virtual time, the seconds of work that were done for them by their
weight, and there is a virtual clock, the tag of the latest claim. The tag of a person
is the later one of the two, so that no one saves up time by staying away; the lowest
tag goes next, and among equal ones the oldest job. A claim charges one slice of
`SLICE_SECONDS` in advance. When it is used up, the worker is told to yield if someone
with a lower tag waits, and else the next slice is charged. Whenever a job does not run,
what it was charged is its cost times the fraction that is done and kept: so retries are
not charged, and what was not done is given back.

A claim is a lease (see `clock`) with a fence, a number that goes up with each claim of
a job. Whatever a worker writes carries the fence, and a worker that was stopped, or cut
off, until its lease ended writes nothing: it gets a `LostLease`.

Locks are taken in this order: the clock, people, jobs, all else.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import blobs, clock, schema
from vectormix_tf.studio.database import greatest, insert, new_id, now, reads, writes
from vectormix_tf.studio.errors import LostLease

LEASE_SECONDS = 60.0
SLICE_SECONDS = 30.0
ATTEMPTS = 3  # that fail from one checkpoint, before a job is given up
GONE_SECONDS = 2 * LEASE_SECONDS  # after which a worker that is not heard of is gone
MILLISECONDS = 1000
SLICE_MS = int(SLICE_SECONDS * MILLISECONDS)
LOST = "the computer that worked on it failed several times; please tell the operator."


@dataclasses.dataclass(frozen=True)
class Worker:
    """A worker, and what it can do.

    Attributes:
        id: Its name, another one each time it is started.
        engines: Which of `schema.ENGINES` it has.
        size: Largest long side in pixels.
        versions: The version of its model for each kind of job that it takes.
    """

    id: str
    engines: tuple[str, ...]
    size: int
    versions: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Input:
    """A picture that a job begins with.

    Attributes:
        key: Of the object in the store, or None.
        builtin: Name of a style of this package, or None. If both are None, the style
            was deleted by its owner, and the job cannot be done.
    """

    key: str | None
    builtin: str | None


@dataclasses.dataclass(frozen=True)
class Lease:
    """A job in the hands of a worker.

    Attributes:
        job: Its id.
        user: Whose it is: results are kept for them.
        fence: Number of this claim.
        worker: Who holds it.
        kind: One of `schema.JOB_KINDS`.
        engine: One of `schema.ENGINES`.
        settings: Of the mix or dream, by name.
        inputs: Its pictures, by slot.
        size: Long side in pixels.
        model_version: The one to use; its checkpoint fits no other.
        checkpoint: Key of the state to go on from; None to begin.
        step: Steps that are done in the checkpoint.
        steps: Of the whole job.
        fraction: Done in the checkpoint, in [0, 1].
    """

    job: str
    user: str
    fence: int
    worker: Worker
    kind: str
    engine: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, Input]
    size: int
    model_version: str
    checkpoint: str | None
    step: int
    steps: int
    fraction: float


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        step: Steps that are done.
        fraction: Share of the work that is done, in [0, 1].
    """

    step: int
    fraction: float


@dataclasses.dataclass(frozen=True)
class Orders:
    """What a heartbeat tells the worker.

    Attributes:
        cancel: The person wants no more of it: `stop`, with the picture so far.
        give_way: Someone else's turn: `release` with a checkpoint.
    """

    cancel: bool
    give_way: bool


@dataclasses.dataclass(frozen=True)
class Result:
    """The picture of a job, kept but not yet attached.

    Attributes:
        picture: The whole one.
        large: Thumbnail for the page of a work.
        small: Thumbnail for lists.
        width: Of the whole one, in pixels.
        height: Of the whole one, in pixels.
    """

    picture: blobs.Kept
    large: blobs.Kept
    small: blobs.Kept
    width: int
    height: int


# --- Getting a job --------------------------------------------------------------------


@writes
def claim(source: Connection, worker: Worker, settings: StudioSettings) -> Lease | None:
    """Gives a worker the job whose turn it is, or None if there is none for it.

    Call it every second while there is none: that also keeps the lease clock going.
    Leases that ended are reaped first, so no job waits for anything but a worker.

    Args:
        source: The database.
        worker: Who asks; it counts as alive for `GONE_SECONDS`.
        settings: With how many jobs of a person may run at once.
    """
    time = reap(source)
    _enroll(source, worker, time)
    _restart_orphans(source, worker, time)
    virtual = source.scalar(sa.select(schema.clock.c.virtual_time))
    while True:
        found = source.execute(_next(worker, settings, virtual)).first()
        if found is None:
            return None
        lease = _start(source, worker, found, virtual, time)
        if lease is not None:  # or the person cancelled it in the meantime
            return lease


@writes
def reap(source: Connection) -> float:
    """Takes jobs from workers whose leases ended; returns the lease clock's seconds.

    Besides `claim`, each web process calls it once a second.
    """
    time = clock.tick(source)
    jobs = schema.jobs.c
    ended = sa.and_(jobs.state == schema.RUNNING, jobs.lease_until < time)
    for job, user in source.execute(sa.select(jobs.id, jobs.user_id).where(ended)):
        news = changed(source, user)
        query = sa.select(schema.jobs).where(jobs.id == job, ended)
        row = source.execute(query.with_for_update()).first()
        if row is not None:  # or it was finished in the meantime
            _retry(source, row, news, LOST)
    return time


def waiting(worker: Worker, settings: StudioSettings) -> sa.ColumnElement[bool]:
    """Condition for jobs, joined with their people, that a worker may take now."""
    jobs, users = schema.jobs.c, schema.users.c
    other, owner = schema.other_jobs.c, schema.owners.c
    limit = sa.func.coalesce(owner.running_limit, settings.running)
    served = (  # people as many of whose jobs run as may
        sa.select(other.user_id)
        .where(other.state == schema.RUNNING, owner.id == other.user_id)
        .group_by(other.user_id, owner.running_limit)
        .having(sa.func.count() >= limit)
    )
    fitting = [
        sa.and_(
            jobs.kind == kind,
            sa.or_(jobs.model_version.is_(None), jobs.model_version == version),
        )
        for kind, version in worker.versions.items()
    ]
    return sa.and_(
        jobs.state == schema.QUEUED,
        jobs.engine.in_(worker.engines),
        jobs.size <= worker.size,
        sa.or_(sa.false(), *fitting),
        users.state == "active",
        users.id.not_in(served),
    )


def tag(virtual: float) -> sa.ColumnElement[float]:
    """Where a person is in virtual time, in SQL; the lowest goes next."""
    return greatest(schema.users.c.vtime, sa.literal(virtual))


def _next(worker: Worker, settings: StudioSettings, virtual: float) -> sa.Select:
    jobs, users = schema.jobs.c, schema.users.c
    return (
        sa.select(jobs.id, jobs.user_id)
        .join_from(schema.jobs, schema.users, jobs.user_id == users.id)
        .where(waiting(worker, settings))
        .order_by(tag(virtual), jobs.created_at, jobs.id)
        .limit(1)
    )


def _start(
    connection: Connection, worker: Worker, found: Row, virtual: float, time: float
) -> Lease | None:
    news = changed(connection, found.user_id)
    jobs, users = schema.jobs.c, schema.users.c
    query = sa.select(schema.jobs).where(
        jobs.id == found.id, jobs.state == schema.QUEUED
    )
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        return None
    owner = sa.update(schema.users).where(users.id == row.user_id)
    start = connection.scalar(owner.values(vtime=tag(virtual)).returning(users.vtime))
    connection.execute(sa.update(schema.clock).values(virtual_time=start))
    charged = _charge(connection, row, _done_ms(row, row.saved_fraction) + SLICE_MS)
    version = row.model_version or worker.versions[row.kind]
    claimed = {
        "state": "running",
        "fence": row.fence + 1,
        "worker": worker.id,
        "lease_until": time + LEASE_SECONDS,
        "lease_slice": time,
        "charged_ms": charged,
        "model_version": version,
        "version": news,
        "started_at": row.started_at or now(connection),
    }
    _set(connection, row.id, claimed)
    return _lease(connection, worker, row, claimed)


def _lease(
    connection: Connection, worker: Worker, row: Row, claimed: Mapping[str, Any]
) -> Lease:
    inputs, uploads, styles = schema.inputs.c, schema.uploads.c, schema.styles.c
    query = (
        sa.select(
            inputs.slot,
            sa.func.coalesce(uploads.picture, styles.picture).label("key"),
            styles.builtin,
        )
        .select_from(schema.inputs)
        .outerjoin(schema.uploads, uploads.id == inputs.upload_id)
        .outerjoin(schema.styles, styles.id == inputs.style_id)
        .where(inputs.job_id == row.id)
    )
    return Lease(
        job=row.id,
        user=row.user_id,
        fence=claimed["fence"],
        worker=worker,
        kind=row.kind,
        engine=row.engine,
        settings=json.loads(row.settings),
        inputs={each.slot: Input(*each[1:]) for each in connection.execute(query)},
        size=row.size,
        model_version=claimed["model_version"],
        checkpoint=row.checkpoint,
        step=row.saved_step,
        steps=row.steps,
        fraction=row.saved_fraction,
    )


@reads
def alive(source: Connection) -> int:
    """How many workers were heard of lately; those that run a job may be more."""
    since = clock.read(source) - GONE_SECONDS
    seen = schema.workers.c.lease_seen >= since
    query = sa.select(sa.func.count()).select_from(schema.workers).where(seen)
    return source.scalar(query)


@reads
def has_other(source: Connection, worker: str, engine: str) -> bool:
    """Whether another worker than the one of this id was heard of, with an engine."""
    known = schema.workers.c
    rows = source.scalars(sa.select(known.engines).where(known.id != worker))
    return any(engine in json.loads(row) for row in rows)


@writes
def leave(source: Connection, worker: str) -> None:
    """Forgets a worker that ends, by its id."""
    source.execute(sa.delete(schema.workers).where(schema.workers.c.id == worker))


def _enroll(connection: Connection, worker: Worker, time: float) -> None:
    """Notes that a worker is alive, and forgets those that are gone."""
    values = {
        "engines": json.dumps(worker.engines),
        "size": worker.size,
        "versions": json.dumps(dict(worker.versions)),
        "lease_seen": time,
    }
    row = insert(connection, schema.workers).values(id=worker.id, **values)
    known = schema.workers.c
    connection.execute(
        row.on_conflict_do_update(index_elements=[known.id], set_=values)
    )
    gone = known.lease_seen < time - GONE_SECONDS
    connection.execute(sa.delete(schema.workers).where(gone))


def _restart_orphans(connection: Connection, worker: Worker, time: float) -> None:
    """Lets jobs begin anew, uncharged, whose model no worker has any more."""
    jobs = schema.jobs.c
    foreign = sa.or_(
        sa.false(),
        *(
            sa.and_(jobs.kind == kind, jobs.model_version != version)
            for kind, version in worker.versions.items()
        ),
    )
    pinned = sa.and_(
        jobs.state == schema.QUEUED, jobs.engine.in_(worker.engines), foreign
    )
    query = sa.select(jobs.id, jobs.user_id, jobs.kind, jobs.model_version)
    candidates = connection.execute(query.where(pinned)).all()
    offered = _offered(connection) if candidates else set()
    for job, user, kind, version in candidates:
        if (kind, version) in offered:
            continue
        news = changed(connection, user)
        again = sa.select(schema.jobs).where(jobs.id == job, pinned).with_for_update()
        row = connection.execute(again).first()
        if row is not None:
            anew = {"checkpoint": None, "saved_step": 0, "saved_fraction": 0.0}
            fresh = _set(connection, row.id, anew | {"model_version": None})
            blobs.condemn(connection, [row.checkpoint])
            _requeue(connection, fresh, news)


def _offered(connection: Connection) -> set[tuple[str, str]]:
    """(kind, version) of all workers that are alive, also of those that are busy."""
    workers, jobs = schema.workers.c, schema.jobs.c
    rows = connection.scalars(sa.select(workers.versions))
    running = sa.select(jobs.kind, jobs.model_version).where(
        jobs.state == schema.RUNNING
    )
    busy = {tuple(row) for row in connection.execute(running)}
    return busy | {pair for row in rows for pair in json.loads(row).items()}


# --- While it is at work --------------------------------------------------------------


@writes
def heartbeat(
    source: Connection,
    lease: Lease,
    progress: Progress,
    settings: StudioSettings,
    preview: bytes | None = None,
) -> Orders:
    """Tells how far a job is, and extends its lease; call it every few seconds.

    Args:
        source: The database.
        lease: From `claim`.
        progress: As it is now.
        settings: As for `claim`.
        preview: What the picture looks like, as a small JPEG; None keeps the former.

    Raises:
        LostLease: If the job is another's by now: drop it.
    """
    time = clock.look(source)
    row, news = _held(source, lease)
    values = {"lease_until": time + LEASE_SECONDS, "version": news}
    values |= _position(row, progress)
    done, give_way = _done_ms(row, values["fraction"]), False
    if time - row.lease_slice >= SLICE_SECONDS:
        give_way = _someone_is_before(source, lease, row, done, settings)
        if not give_way:
            done += SLICE_MS
            values["lease_slice"] = time
    values["charged_ms"] = _charge(source, row, max(row.charged_ms, done))
    _set(source, row.id, values)
    if preview is not None:
        new = insert(source, schema.previews).values(job_id=row.id, jpeg=preview)
        source.execute(
            new.on_conflict_do_update(
                index_elements=[schema.previews.c.job_id], set_={"jpeg": preview}
            )
        )
    return Orders(row.cancel, give_way)


@writes
def checkpoint(
    source: Connection, lease: Lease, progress: Progress, state: blobs.Kept
) -> None:
    """Makes a kept state the one that the job goes on from, should this worker die.

    Raises:
        LostLease: If the job is another's by now.
    """
    until = clock.look(source) + LEASE_SECONDS
    row, news = _held(source, lease)
    row = _save(source, row, progress, state)
    done = _done_ms(row, row.saved_fraction)  # faster than it was predicted
    charged = _charge(source, row, max(row.charged_ms, done))
    values = {"lease_until": until, "version": news, "charged_ms": charged}
    _set(source, row.id, values)


@writes
def release(
    source: Connection,
    lease: Lease,
    progress: Progress | None = None,
    state: blobs.Kept | None = None,
) -> None:
    """Gives a job back that nothing is wrong with: to give way, or at a shutdown.

    Args:
        source: The database.
        lease: From `claim`.
        progress: As it is in `state`.
        state: A kept one to go on from; None for the latest checkpoint.

    Raises:
        LostLease: If the job is another's by now.
    """
    row, news = _held(source, lease)
    if progress is not None and state is not None:
        row = _save(source, row, progress, state)
    _requeue(source, row, news)


def _someone_is_before(
    connection: Connection,
    lease: Lease,
    row: Row,
    done: int,
    settings: StudioSettings,
) -> bool:
    """Whether another person's turn is before what is left of a job."""
    users, jobs = schema.users.c, schema.jobs.c
    virtual = connection.scalar(sa.select(schema.clock.c.virtual_time))
    query = sa.select(users.vtime, users.weight).where(users.id == row.user_id)
    owner = connection.execute(query).one()
    ahead = row.charged_ms - done
    own = owner.vtime - ahead / MILLISECONDS / owner.weight
    other = (
        sa.select(jobs.id)
        .join_from(schema.jobs, schema.users, jobs.user_id == users.id)
        .where(
            waiting(lease.worker, settings),
            users.id != row.user_id,
            tag(virtual) < max(own, virtual),
        )
    )
    return connection.execute(other.limit(1)).first() is not None


# --- The end --------------------------------------------------------------------------


@writes
def finish(source: Connection, lease: Lease, result: Result) -> str:
    """Makes a job's picture a work, private as yet, and returns the id of the work.

    That happens once: a repeated call returns the same work.

    Raises:
        LostLease: If the job is another's by now: drop the picture.
    """
    return _finish(source, lease, "done", 1.0, result)


@writes
def stop(
    source: Connection, lease: Lease, fraction: float, result: Result | None = None
) -> str | None:
    """Ends a job that was cancelled; its picture so far becomes a work, if given.

    Args:
        source: The database.
        lease: From `claim`.
        fraction: Share of the work that was done, in [0, 1].
        result: The picture so far.

    Raises:
        LostLease: If the job is another's by now.
    """
    return _finish(source, lease, "stopped", fraction, result)


@writes
def fail(source: Connection, lease: Lease, error: str, final: bool = False) -> None:
    """Gives up an attempt; after `ATTEMPTS` from one checkpoint the job is failed.

    Args:
        source: The database.
        lease: From `claim`.
        error: A sentence for the person.
        final: Whether another attempt is pointless, e.g. with a style that is gone.

    Raises:
        LostLease: If the job is another's by now.
    """
    row, news = _held(source, lease)
    _retry(source, row, news, error, final)


def end(
    connection: Connection,
    row: Row,
    news: int,
    state: str,
    fraction: float,
    error: str | None = None,
) -> None:
    """Brings a job whose row is locked to a final state, and settles its charge."""
    charged = _charge(connection, row, _done_ms(row, fraction))
    ended = {
        "state": state,
        "charged_ms": charged,
        "fraction": fraction,
        "saved_fraction": fraction,
        "checkpoint": None,
        "cancel": False,
        "error": error,
        "version": news,
        "ended_at": now(connection),
    }
    if state == "done":
        ended |= {"step": row.steps, "saved_step": row.steps}
    _set(connection, row.id, ended | _FREE)
    blobs.condemn(connection, [row.checkpoint])
    shown = schema.previews.c.job_id == row.id
    connection.execute(sa.delete(schema.previews).where(shown))


def changed(connection: Connection, user: str) -> int:
    """Locks a person for this transaction; returns the number of their next news."""
    users = schema.users.c
    owner = sa.update(schema.users).where(users.id == user)
    news = owner.values(news=users.news + 1).returning(users.news)
    return connection.execute(news).scalar_one()


_FREE = {"worker": None, "lease_until": None, "lease_slice": None}


def _finish(
    connection: Connection,
    lease: Lease,
    state: str,
    fraction: float,
    result: Result | None,
) -> str | None:
    works, jobs = schema.works.c, schema.jobs.c
    if result is not None:
        made = connection.scalar(
            sa.select(works.id)
            .join(schema.jobs, jobs.id == works.job_id)
            .where(
                works.job_id == lease.job,
                works.picture == result.picture.key,
                jobs.state == state,
            )
        )
        if made is not None:  # by a commit whose answer was lost
            return made
    row, news = _held(connection, lease)
    end(connection, row, news, state, fraction)
    return None if result is None else _add_work(connection, lease, result)


def _add_work(connection: Connection, lease: Lease, result: Result) -> str:
    pictures = {
        name: getattr(result, name).key for name in ("picture", "large", "small")
    }
    blobs.attach(connection, lease.user, (result.picture, result.large, result.small))
    work = new_id()
    connection.execute(
        sa.insert(schema.works).values(
            id=work,
            job_id=lease.job,
            user_id=lease.user,
            width=result.width,
            height=result.height,
            created_at=now(connection),
            **pictures,
        )
    )
    return work


def _held(connection: Connection, lease: Lease) -> tuple[Row, int]:
    """Locks the owner and the row of a lease's job; returns it and a news number."""
    news = changed(connection, lease.user)
    jobs = schema.jobs.c
    query = sa.select(schema.jobs).where(
        jobs.id == lease.job, jobs.fence == lease.fence, jobs.state == schema.RUNNING
    )
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        raise LostLease(lease.job)
    return row, news


def _save(
    connection: Connection, row: Row, progress: Progress, state: blobs.Kept
) -> Row:
    """Attaches a state to a job, drops the one before; returns the new row."""
    blobs.attach(connection, row.user_id, [state])
    position = _position(row, progress)
    saved = {f"saved_{name}": value for name, value in position.items()}
    further = position["fraction"] > row.saved_fraction
    attempts = 0 if further else row.attempts
    values = position | saved | {"checkpoint": state.key, "attempts": attempts}
    fresh = _set(connection, row.id, values)
    blobs.condemn(connection, [row.checkpoint])
    return fresh


def _position(row: Row, progress: Progress) -> dict[str, Any]:
    """Progress as it is written: never more than the whole."""
    return {
        "step": min(max(progress.step, 0), row.steps),
        "fraction": min(max(progress.fraction, 0.0), 1.0),
    }


def _retry(
    connection: Connection, row: Row, news: int, error: str, final: bool = False
) -> None:
    """After an attempt that failed: again from the checkpoint, or no more."""
    attempts = row.attempts + 1
    if final or attempts >= ATTEMPTS:
        _set(connection, row.id, {"attempts": attempts})
        end(connection, row, news, "failed", row.saved_fraction, error)
    else:
        _requeue(connection, row, news, attempts=attempts)


def _requeue(connection: Connection, row: Row, news: int, **others: Any) -> None:
    """Puts a job back into the queue, or ends it if it was cancelled."""
    if row.cancel:
        end(connection, row, news, "stopped", row.saved_fraction)
        return
    done = _done_ms(row, row.saved_fraction)
    values = {
        "state": "queued",
        "charged_ms": _charge(connection, row, done),
        "step": row.saved_step,
        "fraction": row.saved_fraction,
        "version": news,
    }
    _set(connection, row.id, values | others | _FREE)


def _charge(connection: Connection, row: Row, target: int) -> int:
    """Charges the owner of a job so that it has been charged `target` ms in all.

    At most its cost; less than before is given back. The caller writes what is
    returned to the job.
    """
    target = min(target, row.cost_ms)
    more, users = target - row.charged_ms, schema.users.c
    if more == 0:
        return target
    owner = sa.update(schema.users).where(users.id == row.user_id)
    connection.execute(
        owner.values(
            charged_ms=users.charged_ms + more,
            vtime=users.vtime + more / MILLISECONDS / users.weight,
        )
    )
    return target


def _done_ms(row: Row, fraction: float) -> int:
    return round(row.cost_ms * fraction)


def _set(connection: Connection, job: str, values: Mapping[str, Any]) -> Row:
    own = sa.update(schema.jobs).where(schema.jobs.c.id == job)
    return connection.execute(own.values(**values).returning(schema.jobs)).one()
