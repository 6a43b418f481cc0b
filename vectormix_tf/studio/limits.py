"""How often something may be done from one network address: a leaking bucket each.

Only sign-up, login and links for a new password are limited so, and only where the
caller knows the address: a proxy that is not named would make all people one.
"""

import hashlib
import ipaddress

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import greatest, insert, now, writes
from vectormix_tf.studio.errors import Refusal

HOUR = 3600.0  # seconds in which a full bucket leaks empty
IPV6_NETWORK = 64  # bits: what one customer has


@writes
def take(source: Connection, purpose: str, address: str | None, hourly: int) -> None:
    """Counts one use from an address.

    Args:
        source: The database.
        purpose: What is done, e.g. "login"; each has its own bucket.
        address: IPv4 or IPv6; None, of someone unknown, is not limited.
        hourly: How many uses an hour may have; as many may come at once.

    Raises:
        Refusal: If these were too many; it says when to come back.
    """
    if address is None:
        return
    limits, time = schema.limits.c, now(source)
    leak = hourly / HOUR
    new = insert(source, schema.limits)
    left = limits.level - leak * greatest(time - limits.updated_at, sa.literal(0.0))
    level = source.scalar(
        new.values(key=_key(purpose, address), level=1.0, updated_at=time)
        .on_conflict_do_update(
            index_elements=[limits.key],
            set_={"level": greatest(left, sa.literal(0.0)) + 1.0, "updated_at": time},
        )
        .returning(limits.level)
    )
    if level > hourly:
        wait = (level - hourly) / leak
        raise Refusal(
            "too_many_requests",
            "this was tried too often from your address; come back in"
            f" {max(1, round(wait / 60))} minutes.",
            wait,
        )


@writes
def give_back(source: Connection, purpose: str, address: str | None) -> None:
    """Takes back a use that turned out well."""
    if address is None:
        return
    limits = schema.limits.c
    own = sa.update(schema.limits).where(limits.key == _key(purpose, address))
    less = greatest(limits.level - 1.0, sa.literal(0.0))
    source.execute(own.values(level=less))


@writes
def expire(source: Connection) -> None:
    """Forgets buckets that are empty by now."""
    old = schema.limits.c.updated_at < now(source) - HOUR
    source.execute(sa.delete(schema.limits).where(old))


def _key(purpose: str, address: str) -> str:
    """Addresses are not kept: only what tells whether one came before, for an hour."""
    try:
        host = ipaddress.ip_address(address)
    except ValueError:  # the name of a Unix socket's peer, or a test's
        network = address
    else:
        bits = IPV6_NETWORK if host.version == 6 else host.max_prefixlen
        network = str(ipaddress.ip_network((host, bits), strict=False))
    return hashlib.sha256(f"{purpose} {network}".encode()).hexdigest()
