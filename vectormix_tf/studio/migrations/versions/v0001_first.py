"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes all tables, and starts the clock."""
    _create_audit()
    _create_clock()
    _create_limits()
    _create_outbox()
    _create_users()
    _create_workers()
    _create_blobs()
    _create_sessions()
    _create_tokens()
    _create_jobs()
    _create_styles()
    _create_uploads()
    _create_inputs()
    _create_previews()
    _create_works()
    _create_likes()
    _create_reports()
    op.execute("INSERT INTO clock (id, wall_time) VALUES (1, 0)")


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_created_at", "audit", ["created_at"], unique=False)


def _create_clock() -> None:
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "virtual_time", sa.Double(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "lease_time", sa.Double(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("wall_time", sa.Double(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
    )


def _create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.CheckConstraint("level >= 0", name=op.f("ck_limits_level")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_limits")),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("lease_due", sa.Double(), nullable=False),
        sa.Column("taken", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint("kind IN ('delete', 'mail')", name=op.f("ck_outbox_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("subject", name=op.f("uq_outbox_subject")),
    )
    op.create_index("ix_outbox_lease_due", "outbox", ["lease_due"], unique=False)


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default="member", nullable=False),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("weight", sa.Double(), server_default=sa.text("1"), nullable=False),
        sa.Column("vtime", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "charged_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "used_bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("news", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "approved", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("waiting_limit", sa.BigInteger(), nullable=True),
        sa.Column("running_limit", sa.BigInteger(), nullable=True),
        sa.Column("daily_limit", sa.BigInteger(), nullable=True),
        sa.Column("bytes_limit", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(role = 'guest') = (expires_at IS NOT NULL)", name=op.f("ck_users_guest")
        ),
        sa.CheckConstraint(
            "role IN ('guest', 'member', 'moderator', 'administrator')",
            name=op.f("ck_users_role"),
        ),
        sa.CheckConstraint(
            "state <> 'deleted' OR coalesce(name, email, password) IS NULL",
            name=op.f("ck_users_erased"),
        ),
        sa.CheckConstraint(
            "state = 'deleted' OR name IS NOT NULL", name=op.f("ck_users_named")
        ),
        sa.CheckConstraint(
            "state IN ('active', 'banned', 'deleted')", name=op.f("ck_users_state")
        ),
        sa.CheckConstraint("charged_ms >= 0", name=op.f("ck_users_charged_ms")),
        sa.CheckConstraint("used_bytes >= 0", name=op.f("ck_users_used_bytes")),
        sa.CheckConstraint("weight > 0", name=op.f("ck_users_weight")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name_key", name=op.f("uq_users_name_key")),
    )
    op.create_index(
        "ix_users_guests",
        "users",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("expires_at IS NOT NULL"),
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )


def _create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("engines", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("lease_seen", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )


def _create_blobs() -> None:
    op.create_table(
        "blobs",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('upload', 'checkpoint', 'picture', 'large', 'small')",
            name=op.f("ck_blobs_kind"),
        ),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_blobs_bytes")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_blobs_user_id")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_blobs")),
    )
    op.create_index(op.f("ix_blobs_user_id"), "blobs", ["user_id"], unique=False)


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('administrator', 'password', 'email')",
            name=op.f("ck_tokens_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_tokens_user_id")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_tokens")),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("cost_ms", sa.BigInteger(), nullable=False),
        sa.Column(
            "charged_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column(
            "fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("lease_slice", sa.Double(), nullable=True),
        sa.Column("step", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "steps", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("fraction", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.Column(
            "saved_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column(
            "saved_fraction", sa.Double(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("cancel", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("erased", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "version", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "(state = 'failed') = (error IS NOT NULL)", name=op.f("ck_jobs_error")
        ),
        sa.CheckConstraint(
            "(state = 'running') = (lease_slice IS NOT NULL)",
            name=op.f("ck_jobs_slice"),
        ),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)",
            name=op.f("ck_jobs_leased"),
        ),
        sa.CheckConstraint(
            "(state = 'running') = (worker IS NOT NULL)", name=op.f("ck_jobs_held")
        ),
        sa.CheckConstraint(
            "(state IN ('queued', 'running')) = (ended_at IS NULL)",
            name=op.f("ck_jobs_ended"),
        ),
        sa.CheckConstraint(
            "engine IN ('served', 'library')", name=op.f("ck_jobs_engine")
        ),
        sa.CheckConstraint("kind IN ('mix', 'dream')", name=op.f("ck_jobs_kind")),
        sa.CheckConstraint(
            "state = 'running' OR NOT cancel", name=op.f("ck_jobs_not_cancelled")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running') OR checkpoint IS NULL",
            name=op.f("ck_jobs_no_checkpoint"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'stopped', 'failed')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint(
            "NOT erased OR ended_at IS NOT NULL", name=op.f("ck_jobs_erased")
        ),
        sa.CheckConstraint(
            "cost_ms > 0 AND charged_ms BETWEEN 0 AND cost_ms",
            name=op.f("ck_jobs_cost"),
        ),
        sa.CheckConstraint(
            "fraction BETWEEN 0 AND 1 AND saved_fraction BETWEEN 0 AND 1",
            name=op.f("ck_jobs_fraction"),
        ),
        sa.CheckConstraint(
            "step BETWEEN 0 AND steps AND saved_step BETWEEN 0 AND steps",
            name=op.f("ck_jobs_step"),
        ),
        sa.ForeignKeyConstraint(
            ["checkpoint"], ["blobs.key"], name=op.f("fk_jobs_checkpoint")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_jobs_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("checkpoint", name=op.f("uq_jobs_checkpoint")),
        sa.UniqueConstraint("id", "user_id", name=op.f("uq_jobs_id_user_id")),
        sa.UniqueConstraint(
            "user_id", "idempotency_key", name=op.f("uq_jobs_user_id_idempotency_key")
        ),
    )
    op.create_index(
        "ix_jobs_queued",
        "jobs",
        ["user_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_jobs_running",
        "jobs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_jobs_running_user",
        "jobs",
        ["user_id"],
        unique=False,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_jobs_user_created", "jobs", ["user_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_jobs_user_version", "jobs", ["user_id", "version"], unique=False
    )


def _create_styles() -> None:
    op.create_table(
        "styles",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("builtin", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("small", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), server_default="private", nullable=False),
        sa.Column("uses", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "visibility IN ('private', 'public')", name=op.f("ck_styles_visibility")
        ),
        sa.CheckConstraint(
            "(builtin IS NULL) = (user_id IS NOT NULL)", name=op.f("ck_styles_origin")
        ),
        sa.CheckConstraint(
            "(picture IS NULL) = (builtin IS NOT NULL)", name=op.f("ck_styles_picture")
        ),
        sa.CheckConstraint("uses >= 0", name=op.f("ck_styles_uses")),
        sa.ForeignKeyConstraint(
            ["picture"], ["blobs.key"], name=op.f("fk_styles_picture")
        ),
        sa.ForeignKeyConstraint(["small"], ["blobs.key"], name=op.f("fk_styles_small")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_styles_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_styles")),
        sa.UniqueConstraint("builtin", name=op.f("uq_styles_builtin")),
        sa.UniqueConstraint("picture", name=op.f("uq_styles_picture")),
        sa.UniqueConstraint("small", name=op.f("uq_styles_small")),
    )
    op.create_index(op.f("ix_styles_user_id"), "styles", ["user_id"], unique=False)
    op.create_index(
        "ix_styles_uses",
        "styles",
        ["uses", "id"],
        unique=False,
        sqlite_where=sa.text("visibility = 'public'"),
        postgresql_where=sa.text("visibility = 'public'"),
    )


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=False),
        sa.Column("small", sa.Text(), nullable=True),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("width > 0 AND height > 0", name=op.f("ck_uploads_sides")),
        sa.ForeignKeyConstraint(
            ["picture"], ["blobs.key"], name=op.f("fk_uploads_picture")
        ),
        sa.ForeignKeyConstraint(
            ["small"], ["blobs.key"], name=op.f("fk_uploads_small")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_uploads_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("picture", name=op.f("uq_uploads_picture")),
        sa.UniqueConstraint("small", name=op.f("uq_uploads_small")),
    )
    op.create_index(op.f("ix_uploads_user_id"), "uploads", ["user_id"], unique=False)


def _create_inputs() -> None:
    op.create_table(
        "inputs",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=True),
        sa.Column("style_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "upload_id IS NULL OR style_id IS NULL", name=op.f("ck_inputs_one")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_inputs_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["style_id"], ["styles.id"], name=op.f("fk_inputs_style_id")
        ),
        sa.ForeignKeyConstraint(
            ["upload_id"], ["uploads.id"], name=op.f("fk_inputs_upload_id")
        ),
        sa.PrimaryKeyConstraint("job_id", "slot", name=op.f("pk_inputs")),
    )
    op.create_index(op.f("ix_inputs_style_id"), "inputs", ["style_id"], unique=False)
    op.create_index(op.f("ix_inputs_upload_id"), "inputs", ["upload_id"], unique=False)


def _create_previews() -> None:
    op.create_table(
        "previews",
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_previews_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_previews")),
    )


def _create_works() -> None:
    op.create_table(
        "works",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("large", sa.Text(), nullable=True),
        sa.Column("small", sa.Text(), nullable=True),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("visibility", sa.Text(), server_default="private", nullable=False),
        sa.Column(
            "shows_content", sa.Boolean(), server_default=sa.false(), nullable=False
        ),
        sa.Column("share_token", sa.Text(), nullable=True),
        sa.Column("moderation", sa.Text(), server_default="clear", nullable=False),
        sa.Column("held_for", sa.Text(), nullable=True),
        sa.Column("reviewed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("shown_at", sa.Double(), nullable=True),
        sa.Column(
            "likes", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "(moderation = 'held') = (held_for IS NOT NULL)", name=op.f("ck_works_held")
        ),
        sa.CheckConstraint(
            "(moderation = 'removed') = (large IS NULL)", name=op.f("ck_works_large")
        ),
        sa.CheckConstraint(
            "(moderation = 'removed') = (picture IS NULL)",
            name=op.f("ck_works_picture"),
        ),
        sa.CheckConstraint(
            "(moderation = 'removed') = (small IS NULL)", name=op.f("ck_works_small")
        ),
        sa.CheckConstraint(
            "(shown_at IS NOT NULL) = (visibility = 'public' AND moderation = 'clear')",
            name=op.f("ck_works_shown"),
        ),
        sa.CheckConstraint(
            "(visibility = 'unlisted') = (share_token IS NOT NULL)",
            name=op.f("ck_works_token"),
        ),
        sa.CheckConstraint(
            "held_for IN ('reports', 'approval', 'filter')",
            name=op.f("ck_works_held_for"),
        ),
        sa.CheckConstraint(
            "moderation <> 'removed' OR visibility = 'private'",
            name=op.f("ck_works_closed"),
        ),
        sa.CheckConstraint(
            "moderation IN ('clear', 'held', 'removed')",
            name=op.f("ck_works_moderation"),
        ),
        sa.CheckConstraint(
            "visibility IN ('private', 'unlisted', 'public')",
            name=op.f("ck_works_visibility"),
        ),
        sa.CheckConstraint("likes >= 0", name=op.f("ck_works_likes")),
        sa.ForeignKeyConstraint(
            ["job_id", "user_id"],
            ["jobs.id", "jobs.user_id"],
            name=op.f("fk_works_job_id"),
        ),
        sa.ForeignKeyConstraint(["large"], ["blobs.key"], name=op.f("fk_works_large")),
        sa.ForeignKeyConstraint(
            ["picture"], ["blobs.key"], name=op.f("fk_works_picture")
        ),
        sa.ForeignKeyConstraint(["small"], ["blobs.key"], name=op.f("fk_works_small")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_works_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_works")),
        sa.UniqueConstraint("job_id", name=op.f("uq_works_job_id")),
        sa.UniqueConstraint("large", name=op.f("uq_works_large")),
        sa.UniqueConstraint("picture", name=op.f("uq_works_picture")),
        sa.UniqueConstraint("share_token", name=op.f("uq_works_share_token")),
        sa.UniqueConstraint("small", name=op.f("uq_works_small")),
    )
    op.create_index(
        "ix_works_held",
        "works",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("moderation = 'held'"),
        postgresql_where=sa.text("moderation = 'held'"),
    )
    op.create_index(
        "ix_works_shown",
        "works",
        ["shown_at", "id"],
        unique=False,
        sqlite_where=sa.text("shown_at IS NOT NULL"),
        postgresql_where=sa.text("shown_at IS NOT NULL"),
    )
    op.create_index(op.f("ix_works_user_id"), "works", ["user_id"], unique=False)


def _create_likes() -> None:
    op.create_table(
        "likes",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_likes_user_id")
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["works.id"], name=op.f("fk_likes_work_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "work_id", name=op.f("pk_likes")),
    )
    op.create_index(op.f("ix_likes_work_id"), "likes", ["work_id"], unique=False)


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("work_id", sa.Text(), nullable=False),
        sa.Column("reporter_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'dismissed', 'upheld')", name=op.f("ck_reports_state")
        ),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["users.id"], name=op.f("fk_reports_reporter_id")
        ),
        sa.ForeignKeyConstraint(
            ["work_id"],
            ["works.id"],
            name=op.f("fk_reports_work_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint(
            "work_id", "reporter_id", name=op.f("uq_reports_work_id_reporter_id")
        ),
    )
    op.create_index(
        "ix_reports_open",
        "reports",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
