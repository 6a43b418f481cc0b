"""Who may have the bytes of a key: the one question behind `/files/...`."""

import dataclasses

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema, works
from vectormix_tf.studio.database import reads
from vectormix_tf.studio.errors import not_found
from vectormix_tf.studio.moderation import moderates

OPEN_KINDS = ("upload", "picture", "large", "small")  # a checkpoint is no one's to read


@dataclasses.dataclass(frozen=True)
class File:
    """What is needed to answer a request for bytes.

    Attributes:
        key: Where they are in the store.
        media_type: E.g. "image/png".
        bytes: How many.
        public: Whether all people may see them, so that caches may keep them shortly.
    """

    key: str
    media_type: str
    bytes: int
    public: bool


@reads
def find(
    source: Connection, viewer: str | None, key: str, share_token: str | None = None
) -> File:
    """The file of a key, for one who may have it.

    That is its owner, a moderator, and whoever may see a work or style that shows it.

    Args:
        source: The database.
        viewer: Who asks; None for a visitor.
        key: Of the store.
        share_token: Of an unlisted work's link.

    Raises:
        Refusal: "not_found".
    """
    blobs = schema.blobs.c
    everyone = sa.or_(_in_work(None, None), _in_style())
    allowed = sa.or_(
        everyone,
        blobs.user_id == viewer,
        moderates(viewer),
        _in_work(viewer, share_token),
    )
    query = sa.select(
        blobs.key, blobs.media_type, blobs.bytes, everyone.label("public")
    ).where(blobs.key == key, blobs.kind.in_(OPEN_KINDS), allowed)
    row = source.execute(query).first()
    if row is None:
        raise not_found("file")
    return File(row.key, row.media_type, row.bytes, bool(row.public))


def _in_work(viewer: str | None, share_token: str | None) -> sa.ColumnElement[bool]:
    """Condition: the blob is of a work that one may see, or its chosen photograph."""
    shown, users = schema.works.c, schema.users.c
    inputs, uploads, blobs = schema.inputs.c, schema.uploads.c, schema.blobs.c
    content = sa.exists().where(
        shown.shows_content,
        inputs.job_id == shown.job_id,
        inputs.slot == works.CONTENT,
        uploads.id == inputs.upload_id,
        blobs.key.in_((uploads.picture, uploads.small)),
    )
    own = blobs.key.in_((shown.picture, shown.large, shown.small))
    return (
        sa.exists()
        .where(
            users.id == shown.user_id,
            works.visible(viewer, share_token),
            # The owner of all these is the owner of the blob: an index finds them.
            shown.user_id == blobs.user_id,
            sa.or_(own, content.correlate(schema.works, schema.blobs)),
        )
        .correlate(schema.blobs)
    )


def _in_style() -> sa.ColumnElement[bool]:
    styles, users, blobs = schema.styles.c, schema.users.c, schema.blobs.c
    return (
        sa.exists()
        .where(
            styles.user_id == blobs.user_id,
            users.id == styles.user_id,
            users.state == "active",
            styles.visibility == "public",
            blobs.key.in_((styles.picture, styles.small)),
        )
        .correlate(schema.blobs)
    )
