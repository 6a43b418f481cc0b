"""A small town of people, workers and pictures for the studio's tests."""

import itertools

import sqlalchemy as sa

from vectormix_tf.studio import accounts, blobs, leases, queue, schema, uploads

PASSWORD = "correct horse"
WORKER = leases.Worker("w1", ("served",), 1024, {"mix": "a", "dream": "a"})
QUOTA = 10**9
_keys = itertools.count()


class Town:
    """What tests do all the time, in few words."""

    def __init__(self, database, store, settings):
        self.database, self.store, self.settings = database, store, settings

    def person(self, name, link=None):
        return accounts.sign_up(
            self.database, self.settings, name, PASSWORD, link=link
        ).id

    def administrator(self, name="boss"):
        return self.person(name, accounts.administrator_link(self.database))

    def keep(self, user, kind, data=b"pixels"):
        file = blobs.File(kind, data, "image/png")
        return blobs.keep(self.database, self.store, user, [file])[0]

    def upload(self, user, data=b"photograph"):
        picture = self.keep(user, "upload", data)
        return uploads.add(
            self.database, user, picture, self.keep(user, "small"), 4, 3, QUOTA
        ).id

    def order(self, user, cost=60.0, size=512, steps=100, inputs=None, **others):
        """An order of a person; by default of one new photograph."""
        inputs = inputs or {"content": queue.Picked(upload=self.upload(user))}
        values = {
            "key": f"key-{next(_keys)}",
            "kind": "mix",
            "settings": {"alpha": 0.5},
        }
        return queue.Order(
            **values
            | {"inputs": inputs, "size": size, "steps": steps, "cost": cost}
            | others
        )

    def submit(self, user, *args, **kwargs):
        order = self.order(user, *args, **kwargs)
        return queue.submit(self.database, self.store, self.settings, user, order).id

    def claim(self, worker=WORKER):
        return leases.claim(self.database, worker, self.settings)

    def beat(self, lease, fraction=0.5, preview=None):
        step = int(lease.steps * fraction)
        progress = leases.Progress(step, fraction)
        return leases.heartbeat(self.database, lease, progress, self.settings, preview)

    def save(self, lease, fraction):
        progress = leases.Progress(int(lease.steps * fraction), fraction)
        state = self.keep(lease.user, "checkpoint", b"state" * 9)
        leases.checkpoint(self.database, lease, progress, state)
        return state.key

    def pass_time(self, seconds):
        """As if someone had looked at the clock of leases all the time."""
        on = sa.update(schema.clock).values(
            lease_time=schema.clock.c.lease_time + seconds
        )
        self.database.transaction(lambda c: c.execute(on))

    def result(self, user):
        kinds = ("picture", "large", "small")
        return leases.Result(*(self.keep(user, kind) for kind in kinds), 4, 3)

    def finish(self, lease):
        return leases.finish(self.database, lease, self.result(lease.user))

    def work(self, user, **options):
        """A finished work of a person, who has nothing else in the queue."""
        job = self.submit(user, **options)
        lease = self.claim()
        assert lease.job == job
        return self.finish(lease)
