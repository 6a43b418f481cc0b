"""Bytes: pictures of the store, to whom they may be shown, and the package's own."""

from starlette.responses import Response

from vectormix_tf.studio import files, pictures, thumbnails
from vectormix_tf.studio.errors import not_found
from vectormix_tf.studio.store import KEY
from vectormix_tf.studio.web import endpoints, paintings, walls
from vectormix_tf.studio.web.endpoints import Endpoint
from vectormix_tf.studio.web.site import Ask

PUBLIC = "public, max-age=300"  # so that what is hidden again is so soon
PRIVATE = "private, no-store"
OWN = "public, max-age=86400"  # of the package


def file(ask: Ask) -> Response:
    """`/files/KEY`, and `/files/KEY?s=TOKEN` of an unlisted work."""
    key = ask.place("key")
    if not KEY.fullmatch(key):
        raise not_found("file")
    database, store = ask.site.database, ask.site.store
    found = files.find(database, ask.user, key, ask.query("s") or None)
    tag = f'"{key.rpartition("/")[2]}"'  # a key means the same bytes for ever
    headers = {"cache-control": PRIVATE}
    if found.public:
        headers = {"cache-control": PUBLIC, "etag": tag}
        if ask.request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
    return Response(store.get(key), media_type=found.media_type, headers=headers)


def painting(ask: Ask) -> Response:
    """`/files/paintings/NAME/SIDE`."""
    side = walls.number(ask.place("side"), 1, max(thumbnails.SIDES), "side")
    name = ask.place("name")
    if name not in pictures.builtin_names() or side not in thumbnails.SIDES:
        raise not_found("file")
    made = paintings.small(name, side)
    headers = {"cache-control": OWN}
    return Response(made.data, media_type=made.media_type, headers=headers)


ENDPOINTS: tuple[Endpoint, ...] = (
    endpoints.file("/files/paintings/{name}/{side}", painting),
    endpoints.file("/files/{key:path}", file),
)
