"""Bodies of requests and responses that are compressed with gzip."""

import gzip
import re
import zlib
from collections.abc import Sequence

from vectormix_tf.server.model import RequestError
from vectormix_tf.tfserving.status import TOO_LARGE

NAMES = ("gzip", "x-gzip")  # RFC 9110, 8.4.1.3
UNSUPPORTED = 415  # HTTP status: a coding that the server does not know
# The fastest: most of a response is base64 of compressed pictures, of which every level
# saves the same quarter.
LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS  # for `zlib`: a header of gzip
_ZERO = re.compile(r"0(\.0*)?")  # a weight that means "not acceptable"


def decoded(body: bytes, codings: Sequence[str], most: int) -> bytes:
    """Returns the body of a request as it was before it was compressed.

    Args:
        body: As it was received.
        codings: Values of its Content-Encoding headers.
        most: Most bytes of the result; no more are decompressed.

    Raises:
        RequestError: If the coding is another one than gzip, the body is damaged, or
            the result would be too large.
    """
    names = [name.strip().lower() for value in codings for name in value.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        return body
    if len(names) > 1 or names[0] not in NAMES:
        text = f"Content-Encoding {', '.join(names)} is not supported; send gzip"
        raise RequestError("INVALID_ARGUMENT", text, UNSUPPORTED)
    parts, size = [], 0
    try:
        while body or not parts:  # a file of gzip can have several members
            member = zlib.decompressobj(_GZIP)
            parts.append(member.decompress(body, most - size + 1))
            size += len(parts[-1])
            if size > most:
                text = f"unpacked, the request has more than the limit of {most} bytes"
                raise RequestError("RESOURCE_EXHAUSTED", text, TOO_LARGE)
            if not member.eof:
                raise zlib.error("it ends too early")
            body = member.unused_data
    except zlib.error as error:
        text = f"the body is not the gzip that Content-Encoding says: {error}"
        raise RequestError("INVALID_ARGUMENT", text) from error
    return b"".join(parts)


def accepted(values: Sequence[str]) -> bool:
    """Whether a client asks for gzip, from its Accept-Encoding headers.

    A name with the weight 0 is one that it does not accept (RFC 9110, 12.5.3).
    """
    weights = {}
    for each in ",".join(values).lower().split(","):
        name, _, parameters = each.partition(";")
        weight = parameters.partition("q=")[2].strip() or "1"
        weights[name.strip()] = not _ZERO.fullmatch(weight)
    return any(weights.get(name, False) for name in NAMES)


def encoded(body: bytes) -> bytes:
    """Returns a response's body, compressed; the same one always the same."""
    return gzip.compress(body, LEVEL, mtime=0)
