"""The status codes of gRPC and the HTTP status that stands for each.

Sources: https://grpc.io/docs/guides/status-codes/ for names and numbers (those of
`tf.errors` and absl as well); google/rpc/code.proto of googleapis for the mapping to
HTTP, which TensorFlow Serving's REST API uses.
"""

from typing import NamedTuple


class Status(NamedTuple):
    """One outcome of a request.

    Attributes:
        name: As gRPC spells it, e.g. "NOT_FOUND".
        number: Of gRPC and TensorFlow, 0 to 16.
        http: Status of the HTTP response.
    """

    name: str
    number: int
    http: int


STATUSES = (
    Status("OK", 0, 200),
    Status("CANCELLED", 1, 499),
    Status("UNKNOWN", 2, 500),
    Status("INVALID_ARGUMENT", 3, 400),
    Status("DEADLINE_EXCEEDED", 4, 504),
    Status("NOT_FOUND", 5, 404),
    Status("ALREADY_EXISTS", 6, 409),
    Status("PERMISSION_DENIED", 7, 403),
    Status("RESOURCE_EXHAUSTED", 8, 429),
    Status("FAILED_PRECONDITION", 9, 400),
    Status("ABORTED", 10, 409),
    Status("OUT_OF_RANGE", 11, 400),
    Status("UNIMPLEMENTED", 12, 501),
    Status("INTERNAL", 13, 500),
    Status("UNAVAILABLE", 14, 503),
    Status("DATA_LOSS", 15, 500),
    Status("UNAUTHENTICATED", 16, 401),
)
HTTP = {status.name: status.http for status in STATUSES}

# HTTP 413 (content too large) has no row above: gRPC reports an oversized message as
# RESOURCE_EXHAUSTED, whose own HTTP status is 429 (too many requests).
TOO_LARGE = 413

_BY_NUMBER = {status.number: status.name for status in STATUSES}
# Where several names share an HTTP status, the one with the lowest number stands for
# it, except for 409. 407, 412, 413 and 502 come from proxies and web servers.
_BY_HTTP = {status.http: status.name for status in reversed(STATUSES)} | {
    407: "UNAUTHENTICATED",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    TOO_LARGE: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
}


def name_of_number(number: int) -> str:
    """Returns the name of a gRPC or `tf.errors` code; "UNKNOWN" for any other."""
    return _BY_NUMBER.get(number, "UNKNOWN")


def name_of_http(status: int) -> str:
    """Returns the name that an HTTP status stands for; "UNKNOWN" for any other."""
    return _BY_HTTP.get(status, "UNKNOWN")
