"""One lesson for all tests: a network of 94 convolutions is traced once."""

import numpy as np
import pytest
from teaching_toy import SIZE, lite0_arrays, noise_photographs

from vectormix_tf.config.teach import TeachSettings
from vectormix_tf.teaching import lesson, teachers

SETTINGS = {"steps": 4, "size": SIZE, "batch_size": 2, "replays": 2}


class Toy:
    """A lesson that can be put back to its start.

    Attributes:
        lesson: On photographs of noise, with a teacher of random weights.
    """

    def __init__(self):
        settings = TeachSettings(**SETTINGS)
        teacher = teachers.lite0(lite0_arrays())
        self.lesson = lesson.Lesson(settings, noise_photographs(), teacher)
        self.lesson.measure()
        self._start = {k: v.numpy() for k, v in self.lesson.variables().items()}
        self._scale = dict(self.lesson.scale)

    def reset(self):
        """Puts the lesson back to its start."""
        for name, variable in self.lesson.variables().items():
            variable.assign(self._start[name])
        self.lesson.scale = dict(self._scale)
        self.lesson.step = self.lesson.batch = self.lesson.averaged = 0
        self.lesson.frozen, self.lesson.slower = False, 1.0

    def scramble(self):
        """Changes all that a state holds."""
        drawn = np.random.default_rng(9)
        for variable in self.lesson.variables().values():
            variable.assign(drawn.random(variable.shape))
        self.lesson.scale = {}
        self.lesson.step = self.lesson.batch = self.lesson.averaged = 77
        self.lesson.frozen, self.lesson.slower = True, 0.1


@pytest.fixture(scope="session")
def shared_toy():
    return Toy()


@pytest.fixture
def toy(shared_toy):
    """The lesson at its start."""
    shared_toy.reset()
    return shared_toy
