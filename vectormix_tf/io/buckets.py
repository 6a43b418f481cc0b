"""Buckets: object stores that speak the protocol of S3, and their addresses."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

SCHEME = "s3://"
NO_BUCKET = "NoSuchBucket"  # code of S3, of which obstore makes no error of its own
RETRIES, RETRY_SECONDS, ANSWER_SECONDS = 3, 10, 30


def is_address(path: str) -> bool:
    """Whether a path is an address with a scheme, such as s3://BUCKET."""
    return "://" in path


def split(address: str) -> tuple[str, str] | None:
    """Returns bucket and key of s3://BUCKET/KEY; None if it is none of these."""
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return (bucket, key) if address.startswith(SCHEME) and bucket else None


def connect(bucket: str, prefix: str = "", retries: int = RETRIES) -> Any:
    """Returns obstore's store of a bucket, which is not asked yet.

    It is reached as AWS's environment variables say: `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`.

    Args:
        bucket: Its name.
        prefix: Of all keys.
        retries: How often a request is sent again.
    """
    from obstore.store import S3Store

    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    options: Mapping[str, Any] = {
        "allow_http": endpoint.startswith("http://"),
        "timeout": timedelta(seconds=ANSWER_SECONDS),
    }
    limits = {"max_retries": retries, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    return S3Store(
        bucket, prefix=prefix or None, client_options=options, retry_config=limits
    )


def reason(error: BaseException) -> str:
    """The first line of an error of obstore, which goes on with its causes."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0]
