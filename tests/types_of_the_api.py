"""Right and wrong calls of the public API, for a type checker; nothing here is run.

`mypy` in strict mode must find every wrong one: it refuses an `ignore` that has no
error.
"""

from collections.abc import Iterator
from typing import Any, assert_type

import numpy as np

import vectormix_tf as vm
from vectormix_tf.io.results import PictureResult


def right() -> None:
    """Options complete, and results are typed."""
    result = vm.mix("photo.jpg", ["a.jpg", "b.jpg"], alpha=0.4, jitter=4)
    assert_type(result, PictureResult[vm.MixSettings])
    assert_type(result.settings.alpha, float)
    first = vm.preview("photo.jpg", "painting.jpg", color="match")
    assert_type(first, PictureResult[vm.MixSettings])
    assert_type(vm.dream("photo.jpg").settings, vm.DreamSettings)
    assert_type(vm.zoom("a.jpg", frames=3), Iterator[PictureResult[vm.ZoomSettings]])
    assert_type(vm.film("a.mp4", "b.jpg", hold=9.0), Iterator[vm.FilmFrame])
    assert_type(vm.dream_film("a.mp4", layers="mixed4"), Iterator[vm.FilmFrame])
    vm.mix("a.jpg", np.zeros([9, 9, 3]), settings=vm.MixSettings(), color="match")
    vm.mix("a.jpg", "b.jpg", objectives=[vm.objectives.amplify({"mixed4": 1.0})])
    vm.visualize("mixed4", [1, 2])
    rows = vm.compare("a.jpg", "b.jpg", ["c.png", "d.png"], size=256)
    assert_type(rows, list[dict[str, float | bool]])
    vm.client.connect("grpc://localhost:8500")
    vm.optim.adam(0.1)


def on_progress(progress: vm.Progress) -> None:
    """A function that is told how far a run has come."""
    assert_type(progress.loss, float)


def wrong(anything: Any) -> None:
    """A wrong option, a wrong type, a value that is none of the choices."""
    vm.mix("a.jpg", "b.jpg", alfa=0.4)  # type: ignore[call-arg]
    vm.mix("a.jpg", "b.jpg", alpha="a half")  # type: ignore[arg-type]
    vm.mix("a.jpg", "b.jpg", color="purple")  # type: ignore[arg-type]
    vm.dream("a.jpg", style="b.jpg")  # type: ignore[call-arg]
    vm.MixSettings(alpha="a half")  # type: ignore[arg-type]
    vm.MixSettings(alfa=0.4)  # type: ignore[call-arg]
    vm.mix("a.jpg", "b.jpg", settings=vm.DreamSettings())  # type: ignore[arg-type]
    vm.mix("a.jpg", "b.jpg", on_progress=3)  # type: ignore[arg-type]
    vm.mix_pictures("a.jpg", "b.jpg")  # type: ignore[attr-defined]
