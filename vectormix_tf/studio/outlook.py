"""How long the line is, what jobs still take, and what a person may still have."""

import dataclasses

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.config.studio import DAY, StudioSettings
from vectormix_tf.studio import blobs, leases, queue, schema
from vectormix_tf.studio.database import now, reads
from vectormix_tf.studio.errors import not_found

MILLISECONDS = 1000
MEASURED = 0.1  # share of a job that has to be done before its pace is known


@dataclasses.dataclass(frozen=True)
class Line:
    """All jobs that wait or run, of all people.

    Attributes:
        waiting: How many wait.
        running: How many run.
        workers: How many can run at once; 0 if none is there.
        waiting_seconds: Of work that is left of those that wait.
        running_seconds: The same of those that run.
    """

    waiting: int
    running: int
    workers: int
    waiting_seconds: float
    running_seconds: float

    def wait(self, ahead: int) -> float | None:
        """Seconds until a job is begun that has so many others in front, about.

        None if there is no worker.
        """
        if not self.workers:
            return None
        if not ahead and self.running < self.workers:
            return 0.0
        share = ahead / self.waiting if self.waiting else 0.0
        before = self.running_seconds + share * self.waiting_seconds
        return before / self.workers


@dataclasses.dataclass(frozen=True)
class Allowance:
    """What a person has of each thing that is limited, and may have.

    Attributes:
        waiting: Jobs that wait.
        waiting_limit: Most of them.
        today: Jobs that were ordered in 24 hours.
        daily_limit: Most of them.
        bytes: Of pictures.
        bytes_limit: Most of them.
        busy: Jobs that wait or run.
        works: Number of works.
    """

    waiting: int
    waiting_limit: int
    today: int
    daily_limit: int
    bytes: int
    bytes_limit: int
    busy: int
    works: int


@reads
def line(source: Connection) -> Line:
    """The line as it is."""
    jobs = schema.jobs.c
    left = sa.case(
        (jobs.state == schema.QUEUED, jobs.cost_ms - jobs.charged_ms),
        else_=jobs.cost_ms * (1 - jobs.fraction),
    )
    query = (
        sa.select(jobs.state, sa.func.count(), sa.func.sum(left))
        .where(sa.or_(jobs.state == schema.QUEUED, jobs.state == schema.RUNNING))
        .group_by(jobs.state)
    )
    found = {state: (count, left) for state, count, left in source.execute(query)}
    waiting, queued = found.get("queued", (0, 0))
    running, run = found.get("running", (0, 0))
    seconds = (float(queued) / MILLISECONDS, float(run) / MILLISECONDS)
    return Line(waiting, running, max(running, leases.alive(source)), *seconds)


def seconds_left(job: queue.Job, time: float) -> float | None:
    """Seconds that a running job still takes, about.

    Its cost was predicted before it began. A job that was never put down has shown its
    own pace since, waits for its model included, and the longer time of the two is
    told. What was put down also waited in line, so only the prediction is known of it.

    Args:
        job: Of any state.
        time: Of `database.now`, by which `started_at` was written.

    Returns:
        None if it does not run; also if it has taken longer than was predicted, and has
        not done enough to tell by how much.
    """
    if job.state != "running":
        return None
    predicted = job.cost * (1 - job.fraction)
    if job.fence != 1 or job.started_at is None:
        return predicted
    passed = time - job.started_at
    if job.fraction < MEASURED:
        return predicted if passed <= job.cost else None
    return max(predicted, passed * (1 - job.fraction) / job.fraction)


@reads
def states(source: Connection) -> dict[str, int]:
    """How many jobs there are in each state."""
    state = schema.jobs.c.state
    query = sa.select(state, sa.func.count()).group_by(state)
    counted = dict(source.execute(query).all())
    return dict.fromkeys(schema.JOB_STATES, 0) | counted


@reads
def busy(source: Connection, user: str) -> int:
    """How many jobs of a person wait or run."""
    return source.scalar(_count(user, _open()))


@reads
def allowance(source: Connection, settings: StudioSettings, user: str) -> Allowance:
    """What a person has and may have.

    Raises:
        Refusal: "not_found" if the account is gone.
    """
    jobs, works = schema.jobs.c, schema.works.c
    own = sa.select(schema.users).where(schema.users.c.id == user)
    person = source.execute(own).first()
    if person is None:
        raise not_found("account")
    since = now(source) - DAY
    count = sa.select(sa.func.count()).where(works.user_id == user)
    quota = settings.quota * blobs.MEGABYTE
    return Allowance(
        waiting=source.scalar(_count(user, jobs.state == schema.QUEUED)),
        waiting_limit=_limit(person.waiting_limit, settings.waiting),
        today=source.scalar(_count(user, jobs.created_at > since)),
        daily_limit=_limit(person.daily_limit, settings.daily),
        bytes=person.used_bytes,
        bytes_limit=_limit(person.bytes_limit, quota),
        busy=busy(source, user),
        works=source.scalar(count),
    )


def _open() -> sa.ColumnElement[bool]:
    state = schema.jobs.c.state
    return sa.or_(state == schema.QUEUED, state == schema.RUNNING)


def _count(user: str, condition: sa.ColumnElement[bool]) -> sa.Select:
    own = schema.jobs.c.user_id == user
    query = sa.select(sa.func.count()).select_from(schema.jobs)
    return query.where(own, condition)


def _limit(own: int | None, all_: int) -> int:
    return all_ if own is None else own
