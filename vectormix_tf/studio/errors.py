"""What the studio refuses, with codes that programs can rely on."""

from collections.abc import Mapping

from vectormix_tf.errors import InputError, ServerError, VectormixError

# {code of a refusal: status of HTTP}. A code never changes its meaning.
CODES: Mapping[str, int] = {
    "bad_input": 400,  # a value that cannot be used
    "bad_login": 401,  # wrong name or password: which one is not told
    "banned": 403,
    "not_found": 404,  # not there, or not for this person: which one is not told
    "name_taken": 409,
    "key_reused": 409,  # an idempotency key came again with another order
    "not_possible": 409,  # e.g. a removed work cannot be published
    "too_large": 413,
    "refused_by_filter": 422,
    "too_many_requests": 429,  # from one address
    "too_many_waiting": 429,
    "too_many_today": 429,
    "out_of_space": 413,  # the person's quota of bytes
    "queue_full": 503,
}


class Refusal(InputError):
    """What a person asked for and does not get; its text is a sentence for them.

    Attributes:
        code: One of `CODES`.
        retry_after: Seconds after which it may work; None where time does not help.
    """

    def __init__(self, code: str, text: str, retry_after: float | None = None):
        super().__init__(text)
        self.code = code
        self.status = CODES[code]
        self.retry_after = retry_after


class Unavailable(ServerError):
    """The database or the store is away or full; nothing was done by halves."""

    def __init__(self, text: str):
        super().__init__("UNAVAILABLE", text)


class LostLease(VectormixError):
    """A worker no longer holds a job: it drops what it has, and claims another."""

    def __init__(self, job: str):
        super().__init__(f"job {job} is no longer this worker's.")


class MissingObject(VectormixError):
    """The store has no object of this key."""


def not_found(what: str) -> Refusal:
    """The same answer for what is not there and what is not this person's."""
    return Refusal("not_found", f"there is no such {what}.")
