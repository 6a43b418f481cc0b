"""Tables of the studio. Their constraints hold what can be held by one row or index.

What needs several rows is in `invariants`. Times are seconds since 1970 by the
database's wall clock, but for `lease_*`, which `clock` measures. Amounts of work are
whole milliseconds of predicted time, so that sums are exact.
"""

from typing import Any

import sqlalchemy as sa

ROLES = ("guest", "member", "moderator", "administrator")
USER_STATES = ("active", "banned", "deleted")
JOB_KINDS = ("mix", "dream")
ENGINES = ("served", "library")  # a model server, or the package in the worker itself
JOB_STATES = ("queued", "running", "done", "stopped", "failed")
FINAL_STATES = ("done", "stopped", "failed")
VISIBILITIES = ("private", "unlisted", "public")
MODERATIONS = ("clear", "held", "removed")
HOLDS = ("reports", "approval", "filter")
REPORT_STATES = ("open", "dismissed", "upheld")
BLOB_KINDS = ("upload", "checkpoint", "picture", "large", "small")
TOKEN_PURPOSES = ("administrator", "password", "email")
OUTBOX_KINDS = ("delete", "mail")

# Partial indexes are found only by conditions that are written out: of a parameter the
# database does not know what it will be.
QUEUED, RUNNING = sa.literal_column("'queued'"), sa.literal_column("'running'")
HELD, OPEN = sa.literal_column("'held'"), sa.literal_column("'open'")

metadata = sa.MetaData(
    naming_convention={  # Alembic can alter only what has a name
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _text(name: str, *others: Any, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, *others, **{"nullable": False, **options})


def _number(name: str, default: float | None = None) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=False, server_default=_default(default))


def _integer(name: str, default: int | None = None) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, nullable=False, server_default=_default(default)
    )


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _maybe(name: str, kind: Any = sa.Double) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _default(value: float | None) -> sa.TextClause | None:
    return None if value is None else sa.text(str(value))


def _user(name: str = "user_id", nullable: bool = False) -> sa.Column[str]:
    return _text(name, sa.ForeignKey("users.id"), nullable=nullable)


def _blob(name: str, nullable: bool = True) -> sa.Column[str]:
    """Refers to a blob; no other row of the table does."""
    key = sa.ForeignKey("blobs.key")
    return _text(name, key, nullable=nullable, unique=True)


def _one_of(column: str, names: tuple[str, ...]) -> sa.CheckConstraint:
    listed = ", ".join(f"'{name}'" for name in names)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=name)


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> sa.Index:
    """An index of some rows, on both databases."""
    condition = sa.text(where)
    return sa.Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=condition,
        postgresql_where=condition,
    )


# --- People ---------------------------------------------------------------------------

users = sa.Table(
    "users",
    metadata,
    _id(),
    _text("name", nullable=True),  # as it is shown; none when deleted
    _text("name_key", unique=True),  # what may not be taken twice; see `accounts`
    _text("email", nullable=True),
    _text("password", nullable=True),  # argon2id
    _text("role", server_default="member"),
    _text("state", server_default="active"),
    _number("created_at"),
    _maybe("expires_at"),  # of guests
    _number("weight", 1),  # share of the workers' time
    _number("vtime", 0),  # where the next job begins in virtual time; see `leases`
    _integer("charged_ms", 0),  # sum over the jobs
    _integer("used_bytes", 0),  # sum over the blobs that count
    _integer("news", 0),  # goes on with each change of a job; see `queue.changes`
    _integer("approved", 0),  # works that a moderator approved
    _maybe("waiting_limit", sa.BigInteger),  # these take the settings' place
    _maybe("running_limit", sa.BigInteger),
    _maybe("daily_limit", sa.BigInteger),
    _maybe("bytes_limit", sa.BigInteger),
    _one_of("role", ROLES),
    _one_of("state", USER_STATES),
    _check("weight", "weight > 0"),
    _check("used_bytes", "used_bytes >= 0"),
    _check("charged_ms", "charged_ms >= 0"),
    _check("guest", "(role = 'guest') = (expires_at IS NOT NULL)"),
    _check("erased", "state <> 'deleted' OR coalesce(name, email, password) IS NULL"),
    _check("named", "state = 'deleted' OR name IS NOT NULL"),
    _partial("ix_users_guests", "expires_at", where="expires_at IS NOT NULL"),
)

sessions = sa.Table(
    "sessions",
    metadata,
    _id(),  # for the list; it opens nothing
    _text("token_hash", unique=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False, index=True),
    _text("device"),
    _number("created_at"),
    _number("seen_at"),
    _number("expires_at"),
)

tokens = sa.Table(  # links that work once
    "tokens",
    metadata,
    _text("token_hash", primary_key=True),
    _text("purpose"),
    _user(nullable=True),
    _number("expires_at"),
    _one_of("purpose", TOKEN_PURPOSES),
)

limits = sa.Table(  # a leaking bucket for each purpose and address
    "limits",
    metadata,
    _text("key", primary_key=True),
    _number("level"),
    _number("updated_at"),
    _check("level", "level >= 0"),
)

# --- Pictures -------------------------------------------------------------------------

blobs = sa.Table(
    "blobs",
    metadata,
    _text("key", primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False, index=True),
    _text("kind"),
    _text("media_type"),
    _integer("bytes"),
    _number("created_at"),
    _one_of("kind", BLOB_KINDS),
    _check("bytes", "bytes >= 0"),
)

uploads = sa.Table(
    "uploads",
    metadata,
    _id(),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False, index=True),
    _blob("picture", nullable=False),
    _blob("small"),
    _integer("width"),
    _integer("height"),
    _number("created_at"),
    _check("sides", "width > 0 AND height > 0"),
)

styles = sa.Table(
    "styles",
    metadata,
    _id(),
    _text("builtin", nullable=True, unique=True),  # name of one of the package's own
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=True, index=True),
    _blob("picture"),
    _blob("small"),
    _text("title"),
    _text("credit"),  # who painted it
    _text("visibility", server_default="private"),
    _integer("uses", 0),  # inputs of jobs that refer to it
    _number("created_at"),
    _one_of("visibility", ("private", "public")),
    _check("uses", "uses >= 0"),
    _check("origin", "(builtin IS NULL) = (user_id IS NOT NULL)"),
    _check("picture", "(picture IS NULL) = (builtin IS NOT NULL)"),
    _partial("ix_styles_uses", "uses", "id", where="visibility = 'public'"),
)

# --- Work -----------------------------------------------------------------------------

jobs = sa.Table(
    "jobs",
    metadata,
    _id(),
    _user(),
    _text("idempotency_key"),
    _text("digest"),  # of the order, so that another one with this key is noticed
    _text("kind"),
    _text("engine"),
    _text("settings"),  # JSON
    _integer("size"),  # long side in pixels: what a worker must be able to do
    _text("model_version", nullable=True),  # pinned by the first claim
    _integer("cost_ms"),
    _integer("charged_ms", 0),
    _text("state", server_default="queued"),
    _integer("fence", 0),  # of the latest claim
    _integer("attempts", 0),  # that failed since the latest checkpoint
    _text("worker", nullable=True),
    _maybe("lease_until"),
    _maybe("lease_slice"),  # beginning of the slice
    _integer("step", 0),
    _integer("steps", 0),
    _number("fraction", 0),
    _blob("checkpoint"),
    _integer("saved_step", 0),  # of the checkpoint
    _number("saved_fraction", 0),
    _flag("cancel"),
    _flag("erased"),  # its work was deleted: settings and inputs are gone
    _text("error", nullable=True),
    _integer("version", 0),  # the person's `news` of its latest change
    _number("created_at"),
    _maybe("started_at"),
    _maybe("ended_at"),
    sa.UniqueConstraint("user_id", "idempotency_key"),
    sa.UniqueConstraint("id", "user_id"),  # so that works can refer to both
    _one_of("kind", JOB_KINDS),
    _one_of("engine", ENGINES),
    _one_of("state", JOB_STATES),
    _check("cost", "cost_ms > 0 AND charged_ms BETWEEN 0 AND cost_ms"),
    _check("fraction", "fraction BETWEEN 0 AND 1 AND saved_fraction BETWEEN 0 AND 1"),
    _check("step", "step BETWEEN 0 AND steps AND saved_step BETWEEN 0 AND steps"),
    _check("leased", "(state = 'running') = (lease_until IS NOT NULL)"),
    _check("held", "(state = 'running') = (worker IS NOT NULL)"),
    _check("slice", "(state = 'running') = (lease_slice IS NOT NULL)"),
    _check("ended", "(state IN ('queued', 'running')) = (ended_at IS NULL)"),
    _check("error", "(state = 'failed') = (error IS NOT NULL)"),
    _check("no_checkpoint", "state IN ('queued', 'running') OR checkpoint IS NULL"),
    _check("not_cancelled", "state = 'running' OR NOT cancel"),
    _check("erased", "NOT erased OR ended_at IS NOT NULL"),
    _partial("ix_jobs_queued", "user_id", "created_at", where="state = 'queued'"),
    _partial("ix_jobs_running", "lease_until", where="state = 'running'"),
    _partial("ix_jobs_running_user", "user_id", where="state = 'running'"),
    sa.Index("ix_jobs_user_created", "user_id", "created_at"),
    sa.Index("ix_jobs_user_version", "user_id", "version"),
)

inputs = sa.Table(  # pictures of a job; one whose style was deleted refers to nothing
    "inputs",
    metadata,
    _text("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _text("slot", primary_key=True),
    sa.Column("upload_id", sa.ForeignKey("uploads.id"), nullable=True, index=True),
    sa.Column("style_id", sa.ForeignKey("styles.id"), nullable=True, index=True),
    _check("one", "upload_id IS NULL OR style_id IS NULL"),
)

previews = sa.Table(  # small, and soon replaced: not worth an object in the store
    "previews",
    metadata,
    _text("job_id", sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("jpeg", sa.LargeBinary, nullable=False),
)

works = sa.Table(
    "works",
    metadata,
    _id(),
    _text("job_id", unique=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False, index=True),
    _text("title", server_default=""),
    _blob("picture"),
    _blob("large"),
    _blob("small"),
    _integer("width"),
    _integer("height"),
    _text("visibility", server_default="private"),
    _flag("shows_content"),
    _text("share_token", nullable=True, unique=True),
    _text("moderation", server_default="clear"),
    _text("held_for", nullable=True),
    _flag("reviewed"),  # a moderator approved it
    _maybe("shown_at"),  # since when all people see it
    _integer("likes", 0),
    _number("created_at"),
    sa.ForeignKeyConstraint(["job_id", "user_id"], ["jobs.id", "jobs.user_id"]),
    _one_of("visibility", VISIBILITIES),
    _one_of("moderation", MODERATIONS),
    _one_of("held_for", HOLDS),
    _check("likes", "likes >= 0"),
    _check("token", "(visibility = 'unlisted') = (share_token IS NOT NULL)"),
    _check("held", "(moderation = 'held') = (held_for IS NOT NULL)"),
    _check(
        "shown",
        "(shown_at IS NOT NULL) = (visibility = 'public' AND moderation = 'clear')",
    ),
    _check("picture", "(moderation = 'removed') = (picture IS NULL)"),
    _check("large", "(moderation = 'removed') = (large IS NULL)"),
    _check("small", "(moderation = 'removed') = (small IS NULL)"),
    _check("closed", "moderation <> 'removed' OR visibility = 'private'"),
    _partial("ix_works_shown", "shown_at", "id", where="shown_at IS NOT NULL"),
    _partial("ix_works_held", "created_at", where="moderation = 'held'"),
)

likes = sa.Table(
    "likes",
    metadata,
    _text("user_id", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column(
        "work_id",
        sa.ForeignKey("works.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    _number("created_at"),
)

# --- Moderation and operation ---------------------------------------------------------

reports = sa.Table(
    "reports",
    metadata,
    _id(),
    _text("work_id", sa.ForeignKey("works.id", ondelete="CASCADE")),
    _user("reporter_id", nullable=True),
    _text("reason"),
    _text("state", server_default="open"),
    _number("created_at"),
    sa.UniqueConstraint("work_id", "reporter_id"),
    _one_of("state", REPORT_STATES),
    _partial("ix_reports_open", "created_at", where="state = 'open'"),
)

audit = sa.Table(  # refers to nothing: it outlives what it tells of
    "audit",
    metadata,
    _id(),
    _number("created_at"),
    _text("actor_id"),
    _text("action"),
    _text("target_id"),
    _text("note"),
    sa.Index("ix_audit_created_at", "created_at"),
)

outbox = sa.Table(  # what must be done outside the database; see `blobs`
    "outbox",
    metadata,
    _id(),
    _text("kind"),
    _text("subject", unique=True),  # the key of an object to delete
    _number("lease_due"),
    _flag("taken"),  # nothing can call it off any more
    _one_of("kind", OUTBOX_KINDS),
    sa.Index("ix_outbox_lease_due", "lease_due"),
)

clock = sa.Table(  # one row
    "clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    _number("virtual_time", 0),
    _number("lease_time", 0),
    _number("wall_time"),
    _check("one", "id = 1"),
)

workers = sa.Table(
    "workers",
    metadata,
    _id(),
    _text("engines"),  # JSON
    _integer("size"),
    _text("versions"),  # JSON: {kind: version of the model}
    _number("lease_seen"),
)

paces = sa.Table(  # how fast workers are; see `costs`
    "paces",
    metadata,
    _text("kind", primary_key=True),
    _text("engine", primary_key=True),
    _number("seconds"),  # of a step for each million pixels
    _one_of("kind", JOB_KINDS),
    _one_of("engine", ENGINES),
    _check("seconds", "seconds > 0"),
)

# Tables under another name, for queries inside of queries. They are made once: a copy
# of all columns takes longer than a short query does.
other_jobs = jobs.alias("other")
owners = users.alias("owner")
members = users.alias("member")
moderators = users.alias("moderator")
