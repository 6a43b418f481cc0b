"""The clock of leases: it goes on while someone looks at it, and never jumps.

A lease says until when a worker holds a job, so it must be measured by one clock for
all machines, and the only one that they share is the database's. That is a wall clock:
an administrator, NTP or a laptop that wakes up sets it. If it jumped forward by an
hour, all leases would end at once and every job would run twice; back by an hour, the
jobs of a dead worker would stay its own for an hour. A monotonic clock does not help:
it begins anew when the machine is started, and each machine has its own.

So the lease clock is a number in the database, to which the time that the wall clock
went on since the last look is added, but at least 0 and at most `LONGEST_STEP`. While
workers ask for jobs or tell of them every few seconds, it goes as the wall clock does,
and a jump in either direction costs it at most `LONGEST_STEP`: a sixth of a lease, less
than is left to a worker that extends it every few seconds. While everything is down or
asleep it stands still, which is right too: for the workers that wake up with it no time
has passed, and a database that was gone for a minute ends no lease.
"""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import now, reads, writes

LONGEST_STEP = 10.0  # seconds


@writes
def tick(source: Connection) -> float:
    """Brings the lease clock on, and returns its seconds.

    Locks its row until the end of the transaction: claims take turns by that.
    """
    clock = schema.clock.c
    lease = sa.select(clock.lease_time, clock.wall_time).with_for_update()
    before = source.execute(lease).one()
    wall = now(source)  # after others' turns
    time = before.lease_time + _step(wall - before.wall_time)
    source.execute(sa.update(schema.clock).values(lease_time=time, wall_time=wall))
    return time


@writes
def look(source: Connection) -> float:
    """The lease clock's seconds, brought on if no one did so lately.

    For heartbeats: when all workers are busy, these alone keep the clock going. Most of
    them lock nothing. Call it before anything else is locked.
    """
    clock = schema.clock.c
    before = source.execute(sa.select(clock.lease_time, clock.wall_time)).one()
    passed = now(source) - before.wall_time
    if 0 <= passed < LONGEST_STEP / 2:
        return before.lease_time + passed
    return tick(source)


@reads
def read(source: Connection) -> float:
    """The lease clock's seconds, without a lock."""
    clock = schema.clock.c
    before = source.execute(sa.select(clock.lease_time, clock.wall_time)).one()
    return before.lease_time + _step(now(source) - before.wall_time)


def _step(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_STEP)
