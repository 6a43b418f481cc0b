"""What a person's jobs are made of, as pages show it to that person."""

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import reads

# Pictures that jobs begin with: each an upload or a style, and who shared the style.
TABLES = (
    schema.inputs.outerjoin(
        schema.uploads, schema.uploads.c.id == schema.inputs.c.upload_id
    )
    .outerjoin(schema.styles, schema.styles.c.id == schema.inputs.c.style_id)
    .outerjoin(schema.users, schema.users.c.id == schema.styles.c.user_id)
)


@dataclasses.dataclass(frozen=True)
class Ingredient:
    """A picture that a job begins with.

    Attributes:
        slot: "content", "style", ...
        upload: Id of an upload of the person, or None.
        style: Id of a style, or None. If both are None, the style was deleted.
        builtin: Name of a style of this package, or None.
        title: Of the style, or "".
        credit: Who painted it, or "".
        person: Name of who shared the style, or None.
        picture: Key of its pixels in the store, or None.
        small: Key of its thumbnail, or None.
        width: In pixels; None of a style.
        height: In pixels; None of a style.
    """

    slot: str
    upload: str | None
    style: str | None
    builtin: str | None
    title: str
    credit: str
    person: str | None
    picture: str | None
    small: str | None
    width: int | None
    height: int | None


@reads
def find(
    source: Connection, user: str, jobs: Iterable[str]
) -> dict[str, dict[str, Ingredient]]:
    """The pictures of some of a person's jobs, by job and slot."""
    inputs, uploads = schema.inputs.c, schema.uploads.c
    known, users = schema.styles.c, schema.users.c
    query = (
        sa.select(
            inputs.job_id,
            inputs.slot,
            inputs.upload_id,
            inputs.style_id,
            known.builtin,
            sa.func.coalesce(known.title, ""),
            sa.func.coalesce(known.credit, ""),
            users.name,
            sa.func.coalesce(uploads.picture, known.picture),
            sa.func.coalesce(uploads.small, known.small),
            uploads.width,
            uploads.height,
        )
        .select_from(TABLES)
        .join(schema.jobs, schema.jobs.c.id == inputs.job_id)
        .where(inputs.job_id.in_(list(jobs)), schema.jobs.c.user_id == user)
    )
    found: dict[str, dict[str, Ingredient]] = {}
    for job, *values in source.execute(query):
        made = Ingredient(*values)
        found.setdefault(job, {})[made.slot] = made
    return found


@reads
def previewed(source: Connection, user: str, jobs: Iterable[str]) -> set[str]:
    """Those of some of a person's jobs that have a preview."""
    previews, own = schema.previews.c, schema.jobs.c
    query = (
        sa.select(previews.job_id)
        .join_from(schema.previews, schema.jobs, own.id == previews.job_id)
        .where(previews.job_id.in_(list(jobs)), own.user_id == user)
    )
    return set(source.scalars(query))
