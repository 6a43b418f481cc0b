"""A model for tests of the demo page: a few lines instead of a network."""

import io
import threading
import time

import numpy as np
from PIL import Image

from vectormix_tf.errors import InputError

LIMITS = {"size": 1024, "steps": 500, "pixels": 2**24, "bytes": 2**26}
ABOUT = {
    "limits": LIMITS | {"version": "0.1.0"},
    "mix": {
        "fixed": {"backbone": "inception_v3"},
        "open": {"alpha": 0.5, "steps": 40, "size": 512, "octave_scale": 1.6},
        "terms": ["content", "style"],
    },
    "dream": {
        "fixed": {"backbone": "inception_v3"},
        "open": {"steps": 10, "size": 512, "octaves": 3, "octave_scale": 1.3},
        "terms": ["amplify"],
    },
}


class ServerError(InputError):
    """As the client has it; the text says more than visitors need to know."""

    code = "UNAVAILABLE"

    def __init__(self):
        super().__init__("no server answers at grpc://secret:8500; start it.")


class Connection:
    """Answers as long as it is not `down`; `gate` holds all steps back."""

    def __init__(self, down=False, pause=0.0):
        self.down, self.pause, self.closed = down, pause, False
        self.gate = threading.Event()
        self.gate.set()
        self.breaks_at = None  # a step
        self.inputs = []

    def status(self):
        if self.down:
            raise ServerError
        return 3

    def about(self, key):
        self.status()
        return ABOUT[key]

    def close(self):
        self.closed = True


class Run:
    """Blends, step by step, a picture with another or with its negative."""

    def __init__(self, connection, kind, inputs):
        self.connection, self.kind = connection, kind
        connection.inputs.append(dict(inputs))
        self.octaves = 1 if kind == "mix" else 3
        self.octave, self.step, self.steps = 1, 0, inputs["steps"]
        self.terms, self.losses = ABOUT[kind]["terms"], []
        first = inputs["content_bytes" if kind == "mix" else "image_bytes"]
        self._from = self._read(first, inputs["size"])
        self._to = 255 - self._from
        if kind == "mix":
            other = Image.fromarray(self._read(inputs["style_bytes"], None))
            sides = self._from.shape[1::-1]
            self._to = np.asarray(other.resize(sides))
        self.share = 0.0

    @staticmethod
    def _read(data, size):
        image = Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGB")
        if size:
            scale = size / max(image.size)
            image = image.resize([round(side * scale) for side in image.size])
        return np.asarray(image)

    @property
    def finished(self):
        return self.octave == self.octaves and self.step == self.steps

    def advance(self, steps):
        for _ in range(steps):
            if self.finished:
                return
            assert self.connection.gate.wait(30)
            time.sleep(self.connection.pause)
            if self.step == self.connection.breaks_at:
                raise ServerError
            if self.step == self.steps:
                self.octave, self.step = self.octave + 1, 0
            self.step += 1
            total = self.octaves * self.steps
            done = (self.octave - 1) * self.steps + self.step
            self.share = 0.5 * done / total
            self.losses.append([1 / done] * len(self.terms))

    @property
    def _now(self):
        return Image.fromarray(
            np.uint8(self._from * (1 - self.share) + self._to * self.share)
        )

    @property
    def preview(self):
        return self._encoded("JPEG")

    @property
    def image(self):
        return self._encoded("PNG")

    def _encoded(self, kind):
        file = io.BytesIO()
        self._now.save(file, kind)
        return file.getvalue()
