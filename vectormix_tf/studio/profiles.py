"""People as all others see them."""

import dataclasses

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import reads
from vectormix_tf.studio.errors import not_found


@dataclasses.dataclass(frozen=True)
class Profile:
    """What all people may know of a person.

    Attributes:
        id: Of the account; not to be shown.
        name: Of the account.
        created_at: Seconds since 1970.
        works: Number of works that all people see.
        likes: Number of likes of them.
    """

    id: str
    name: str
    created_at: float
    works: int
    likes: int


@reads
def find(source: Connection, name: str) -> Profile:
    """A person by name; case does not distinguish.

    Raises:
        Refusal: "not_found", also for who is banned, and for visitors without account.
    """
    users, works = schema.users.c, schema.works.c
    query = (
        sa.select(
            users.id,
            users.name,
            users.created_at,
            sa.func.count(works.id),
            sa.func.coalesce(sa.func.sum(works.likes), 0),
        )
        .select_from(schema.users)
        .outerjoin(
            schema.works,
            sa.and_(works.user_id == users.id, works.shown_at.is_not(None)),
        )
        .where(
            users.name_key == name.lower(),
            users.state == "active",
            users.role != "guest",
        )
        .group_by(users.id, users.name, users.created_at)
    )
    row = source.execute(query).first()
    if row is None:
        raise not_found("person")
    return Profile(*row[:4], int(row[4]))
