"""A worker or a web process, for tests that kill it: quick, with short leases.

python studio_child.py worker DATABASE STORE DIARY SERVER-OR-DASH
python studio_child.py web DATABASE STORE PORT
"""

import contextlib
import logging
import pathlib
import sys
import time

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import clock, leases, shift, worker
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.store import Store

LEASE = 3.0  # seconds
CHECKPOINT = 1.0
STEP = 0.02
SETTINGS = StudioSettings(waiting=1000, running=1000, daily=1000, quota=10_000)


def hurry(assign=setattr):
    """Everything that takes a minute takes a few seconds."""
    for module, names in {
        leases: {"LEASE_SECONDS": LEASE, "GONE_SECONDS": 2 * LEASE},
        clock: {"LONGEST_STEP": LEASE / 4},
        shift: {
            "HEARTBEAT_SECONDS": LEASE / 8,
            "PREVIEW_SECONDS": 0.5,
            "CHECKPOINT_SECONDS": CHECKPOINT,
            "RETRY_SECONDS": 0.5,
            "LONGEST_PAUSE": 1.0,
        },
        worker: {"LONGEST_PAUSE": 1.0, "ASK_SECONDS": 0.2, "KEEPING_SECONDS": 2.0},
    }.items():
        for name, value in names.items():
            assign(module, name, value)


def found(address):
    """The store, once it is there."""
    while True:
        with contextlib.suppress(Unavailable):
            return Store(address, 0, make=False)
        time.sleep(0.1)


def fill(store):
    """Makes a store that is full while a file FULL is beside its folder."""
    put, sign = store.put, pathlib.Path(store.address).with_name("FULL")

    def putting(key, data):
        if sign.exists():
            raise Unavailable("the disk is full.")
        put(key, data)

    store.put = putting
    return store


def run_web(database, store, port):
    from vectormix_tf.studio.web import server
    from vectormix_tf.studio.web.options import Options

    options = Options(port=int(port))
    server.serve(Database(database), fill(found(store)), SETTINGS, options)


def run_worker(database, store, diary, server):
    logging.basicConfig(level=logging.INFO, format="%(process)d %(message)s")
    if server == "-":
        from studio_engine import Quick

        engine = Quick(STEP, diary)
    else:
        from vectormix_tf.studio import served

        served.CHUNK_SECONDS = 0.1
        engine = served.Served(server)
        note_steps(served, diary)
    made = worker.Worker(Database(database), fill(found(store)), SETTINGS, engine)
    with worker.ending_by_signals(made):
        made.run()


def note_steps(served, diary):
    """Writes down each step that a model server took."""
    from studio_engine import Quick

    note, report = Quick(diary=diary).note, served._Job._report
    last = {}

    def noting(job, run):
        name, count = job._shift.lease.job, len(run.losses)
        for step in range(last.get(id(run), count), count):
            note(name, step + 1)
        last.clear()
        last[id(run)] = count
        return report(job, run)

    served._Job._report = noting


if __name__ == "__main__":
    hurry()
    {"worker": run_worker, "web": run_web}[sys.argv[1]](*sys.argv[2:])
