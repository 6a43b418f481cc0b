"""An engine of quick steps for the studio's tests: its state is how many it took."""

import io
import json
import os
import time

from PIL import Image

from vectormix_tf.studio import leases, schema
from vectormix_tf.studio.shift import Verdict
from vectormix_tf.studio.worker import Outcome

VERSIONS = dict.fromkeys(schema.JOB_KINDS, "quick/1")


def png(steps, job=""):
    """A picture that tells how many steps made it, and of what."""
    file = io.BytesIO()
    color = (steps % 256, len(job), 7)
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


class Quick:
    """Takes steps of some milliseconds, and writes down each of them.

    Args:
        seconds: Of a step.
        diary: File to which each step is written, as "JOB STEP"; None for none.
    """

    def __init__(self, seconds=0.0, diary=None):
        self.seconds, self.diary = seconds, diary
        self.before_step = lambda shift, step: None

    def describe(self, name):
        return leases.Worker(name, ("served",), 1024, VERSIONS)

    def warm_up(self):
        pass

    def work(self, shift):
        for each in shift.lease.inputs.values():
            if each.key is not None:  # else it is one of the package's own
                shift.read(each.key)
        state = shift.read_state()
        step = 0 if state is None else json.loads(state)["step"]
        while True:
            verdict = shift.report(
                self.progress(shift, step),
                lambda: b"preview",
                lambda: self.state(step),  # noqa: B023
            )
            if step == shift.lease.steps or verdict != Verdict.GO_ON:
                break
            self.before_step(shift, step)
            time.sleep(self.seconds)
            step += 1
            self.note(shift.lease.job, step)
        done = Verdict.GO_ON if step == shift.lease.steps else verdict
        return Outcome(
            done,
            self.progress(shift, step),
            lambda: png(step, shift.lease.job),
            lambda: self.state(step),
        )

    def progress(self, shift, step):
        return leases.Progress(step, step / shift.lease.steps)

    def state(self, step):
        return json.dumps({"step": step}).encode()

    def note(self, job, step):
        if self.diary is not None:
            line = os.open(self.diary, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(line, f"{job} {step}\n".encode())
            os.close(line)
