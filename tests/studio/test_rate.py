"""How fast jobs are claimed and finished with many rows; run with -s to see it."""

import dataclasses
import threading
import time

import pytest
import sqlalchemy as sa
from studio_places import opened
from studio_town import WORKER

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import leases, schema

OLD, PEOPLE, QUEUED = 50_000, 200, 2_000
THREADS = 4
LEAST_RATE = 8  # jobs a second, also on a machine that does much else
SECONDS = 10


def fill(connection):
    """Writes people with many jobs that ended and some that wait."""
    people = [
        {"id": f"u{i}", "name": f"n{i}", "name_key": f"n{i}", "created_at": 0}
        for i in range(PEOPLE)
    ]
    connection.execute(sa.insert(schema.users), people)
    same = {"digest": "", "kind": "mix", "engine": "served", "settings": "{}"}
    same |= {"size": 512, "cost_ms": 60_000, "steps": 100}
    jobs = [
        same
        | {"id": f"j{i}", "user_id": f"u{i % PEOPLE}", "idempotency_key": f"k{i}"}
        | {"created_at": float(i), "state": "queued" if i >= OLD else "stopped"}
        | {"ended_at": None if i >= OLD else float(i)}
        for i in range(OLD + QUEUED)
    ]
    connection.execute(sa.insert(schema.jobs), jobs)


@pytest.mark.slow
def test_claims_are_fast_among_many_rows(address):
    settings = StudioSettings(running=1000)
    with opened(address, patience=60) as database:
        database.transaction(fill)
        if not database.is_sqlite:
            database.transaction(lambda c: c.execute(sa.text("ANALYZE")))
        claims, counts, end = [], [], time.monotonic() + SECONDS

        def work(number):
            worker, done = dataclasses.replace(WORKER, id=f"w{number}"), 0
            while time.monotonic() < end:
                began = time.perf_counter()
                lease = leases.claim(database, worker, settings)
                claims.append(time.perf_counter() - began)
                leases.stop(database, lease, 1.0)
                done += 1
            counts.append(done)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rate = sum(counts) / SECONDS
    median = sorted(claims)[len(claims) // 2]
    kind = address.split(":")[0]
    print(f"\n{kind}: {rate:.0f} jobs/s, claim median {1000 * median:.1f} ms")
    assert rate > LEAST_RATE
