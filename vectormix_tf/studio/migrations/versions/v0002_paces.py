"""How fast workers are, by kind of job and engine."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table, empty."""
    op.create_table(
        "paces",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("kind IN ('mix', 'dream')", name=op.f("ck_paces_kind")),
        sa.CheckConstraint(
            "engine IN ('served', 'library')", name=op.f("ck_paces_engine")
        ),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_paces_seconds")),
        sa.PrimaryKeyConstraint("kind", "engine", name=op.f("pk_paces")),
    )
