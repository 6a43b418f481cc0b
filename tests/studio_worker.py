"""A worker of the studio's crash tests: `python studio_worker.py DATABASE STORE NAME`.

Its jobs are numbers of steps of a few milliseconds. A checkpoint holds the step; each
step that is made is a line of the log, so that a test can count repetitions.
"""

import os
import sys
import time

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import blobs, leases
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import LostLease, Unavailable
from vectormix_tf.studio.store import Store

LEASE_SECONDS = 4.0
STEP_SECONDS = 0.02
SAVED_EVERY = 4  # steps
SETTINGS = StudioSettings(running=50, daily=10**6, waiting=10**4)
PATIENCE = 60


def work(database, store, lease, log):
    step = int(store.get(lease.checkpoint)) if lease.checkpoint else 0
    while step < lease.steps:
        time.sleep(STEP_SECONDS)
        step += 1
        log.write(f"{lease.job} {step}\n")
        progress = leases.Progress(step, step / lease.steps)
        orders = leases.heartbeat(database, lease, progress, SETTINGS)
        if orders.cancel:
            leases.stop(database, lease, progress.fraction)
            return
        if step % SAVED_EVERY == 0 or orders.give_way:
            state = b"%d" % step
            kept = blobs.keep(database, store, lease.user, "checkpoint", state)
            if orders.give_way:
                leases.release(database, lease, progress, kept)
                return
            leases.checkpoint(database, lease, progress, kept)
    kinds = ("picture", "large", "small")
    pictures = [
        blobs.keep(database, store, lease.user, kind, lease.job.encode())
        for kind in kinds
    ]
    leases.finish(database, lease, leases.Result(*pictures, 4, 3))


def main(address, folder, name):
    leases.LEASE_SECONDS, leases.SLICE_SECONDS = LEASE_SECONDS, 1.0
    database, store = Database(address, patience=PATIENCE), Store(folder, free_bytes=0)
    worker = leases.Worker(
        f"{name}-{os.getpid()}", ("served",), 4096, {"mix": "a", "dream": "a"}
    )
    with open(f"{folder}.{name}.log", "a", buffering=1) as log:
        while True:
            try:
                lease = leases.claim(database, worker, SETTINGS)
                if lease is None:
                    time.sleep(0.1)
                else:
                    work(database, store, lease, log)
            except (LostLease, Unavailable) as error:
                log.write(f"# {error}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
