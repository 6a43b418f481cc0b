"""Runs the optimization of an image: padding, octaves, progress and checkpoints."""

import contextlib
import dataclasses
import functools
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from vectormix_tf.config.octaves import Octave
from vectormix_tf.config.settings import DEFAULT_SIZE, MAX_STEPS, Settings
from vectormix_tf.errors import (
    InputError,
    NotFiniteError,
    Notice,
    OutputError,
    check_integer,
)
from vectormix_tf.io import images, sizes
from vectormix_tf.io.progress import Progress, ProgressBar, check_callback
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.optim import estimates
from vectormix_tf.optim.checkpoint import load, save
from vectormix_tf.optim.loop import Checkpoint, optimize
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.recipes.objectives import check_problem

KEPT = 4  # graphs of a recipe that are kept for further runs

OnProgress = Callable[[Progress], None]
ImageFunction = Callable[[tf.Tensor], tf.Tensor]  # [1, H, W, 3] -> [1, H, W, 3]


def run(
    problem: Problem,
    start: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor],
    octaves: list[Octave],
    settings: Settings,
    transparency: np.ndarray | None,
    on_progress: OnProgress | Literal["bar"] | None,
    pause_every: int,
    finish: ImageFunction = lambda image: image,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    fingerprint: Callable[[], Mapping[str, Any]] | None = None,
    traces: dict | None = None,
) -> PictureResult:
    """Minimizes a problem of padded images; `start` and the result are not padded.

    Args:
        problem: What is minimized. It gets images with their reflected padding.
        start: (height and width of an octave as int32 [2], the image at the end of the
            octave before it or None) -> the octave's initial image [1, H, W, 3].
        octaves: From `octaves.plan`; `problem.steps` must be their steps.
        settings: Become those of the result.
        transparency: Of the content, [1, h, w, 1] in [0, 1], or None; it is resized to
            the result.
        on_progress: Called with a `Progress`; "bar" shows a progress bar.
        pause_every: See `optimize`.
        finish: Applied to the result, and to the previews of progress.
        checkpoint: Path of a file to which the state of the run is saved every few
            seconds and at its end; None saves none.
        resume: Whether to continue from that file.
        fingerprint: Returns what `checkpoint.load` compares. Only called if there is a
            checkpoint, because it computes the digests of all images.
        traces: See `optimize`.

    Raises:
        InputError: If the run does not fit into memory, an objective cannot be used, or
            the checkpoint cannot be read or is of another run.
        NotFiniteError: As `optimize`; its result is the picture so far.
    """
    check_callback(on_progress)
    costs = _step_costs(problem, octaves, settings, checkpoint is not None)
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    if resume and checkpoint is None:
        raise InputError("`resume` needs `checkpoint`: the file to continue from.")
    expected = fingerprint() if checkpoint is not None else None
    saved = load(checkpoint, expected) if resume else None
    bar = ProgressBar() if on_progress == "bar" else None
    callback = bar or on_progress

    def padded_start(octave, image):
        image = None if image is None else crop_padding(image)
        return pad(start(tf.constant(octaves[octave].size), image))

    as_picture = functools.partial(_picture, finish, settings, transparency)
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        try:
            result = optimize(
                problem,
                padded_start,
                costs,
                _with_finished_preview(callback, finish) if callback else None,
                pause_every,
                saved,
                _saver(checkpoint, expected) if checkpoint is not None else None,
                traces=traces,
            )
        except NotFiniteError as error:
            error.result = error.result and as_picture(error.result)
            raise
    return as_picture(result)


def without_steps(
    make: Callable[[], tf.Tensor],
    finish: ImageFunction,
    settings: Settings,
    transparency: np.ndarray | None,
) -> PictureResult:
    """Returns the result of a run that takes no step.

    Args:
        make: Returns the image that it would start from, [1, H, W, 3].
        finish: As of `run`.
        settings: As of `run`.
        transparency: As of `run`.
    """
    begun = time.monotonic()
    x = pad(make()).numpy()
    seconds = time.monotonic() - begun
    result = Result(x=x, losses={}, seconds=seconds, finished=True, steps=(0,))
    return _picture(finish, settings, transparency, result)


def show_first(
    on_progress: OnProgress | Literal["bar"] | None,
    octaves: Sequence[Octave],
    preview: Callable[[], np.ndarray],
) -> None:
    """Calls a function back with a first picture, before there is a network.

    Args:
        on_progress: As of `run`. A bar begins with the first steps.
        octaves: As of `run`.
        preview: Returns the picture, [H, W, 3] in [0, 1].
    """
    check_callback(on_progress)
    if callable(on_progress):
        on_progress(Progress.first(len(octaves), octaves[0].steps, preview))


def _picture(
    finish: ImageFunction,
    settings: Settings,
    transparency: np.ndarray | None,
    result: Result,
) -> PictureResult:
    """Returns the picture of a result with its padding; see `run`."""
    image = _finished(result.x, finish)
    if transparency is not None:  # an interrupted run may end at a smaller octave
        transparency = images.resize(transparency, image.shape[1:3])[0]
    fields = {**vars(result), "x": image, "settings": settings}
    return PictureResult(**fields, transparency=transparency)


def _step_costs(
    problem: Problem, octaves: list[Octave], settings: Settings, saves: bool
) -> list[float]:
    """Returns the relative cost of a step in each octave, after checks of the run."""
    if not isinstance(problem.observe, Observer):  # its cost is not known
        return [math.prod(octave.size) for octave in octaves]
    check_problem(problem, octaves)
    cost = estimates.step_cost(problem, settings.precision, saves)
    estimates.announce(cost, octaves, size_choice(settings))
    return [cost.seconds(octave, estimates.RELATIVE) for octave in octaves]


def _finished(x: Any, finish: ImageFunction) -> np.ndarray:
    """Returns the result [1, H, W, 3] in [0, 1] for an optimized x with its padding."""
    image = tf.constant(crop_padding(np.asarray(x)))
    return np.clip(np.asarray(finish(image)), 0.0, 1.0)


def _with_finished_preview(callback: OnProgress, finish: ImageFunction) -> OnProgress:
    """Wraps a callback so that its previews are made as the result is."""

    def on_progress(progress):
        preview = progress.preview
        callback(
            dataclasses.replace(
                progress, preview=lambda: _finished(preview(), finish)[0]
            )
        )

    return on_progress


def _saver(
    path: str | os.PathLike[str], fingerprint: Mapping[str, Any]
) -> Callable[[Checkpoint], None]:
    """Returns the function that saves a checkpoint, or warns if that fails."""

    def write(checkpoint):
        try:
            save(path, checkpoint, fingerprint)
        except OutputError as error:  # a full disk must not end a run of hours
            text = f"{error} The run goes on without this checkpoint."
            warnings.warn(text, Notice, stacklevel=2)

    return write


def size_choice(settings: Settings, scale: float | None = None) -> estimates.Choice:
    """Returns how the size of a picture is chosen.

    Args:
        settings: With `size` and the network.
        scale: Long side of a style, relative to that of the result; None is the result.
    """
    least = sizes.Need.of(settings.backbone).least
    if scale is None:
        return estimates.Choice(least, is_pair=isinstance(settings.size, str))
    return estimates.Choice(least, scale)


def plan_size(
    settings: Settings,
    sides: tuple[int, int],
    what: str = "picture",
    in_place: bool = False,
) -> tuple[int, int]:
    """Returns the (height, width) of the result that is made of a picture.

    Args:
        settings: With `size` and the network.
        sides: Height and width of the picture.
        what: What errors call the picture.
        in_place: As of `estimates.check_room`.

    Warns:
        Notice: If the result is larger than `size`; see `sizes.result_size`.

    Raises:
        InputError: If it is too small for the network, or too large for the memory.
    """
    need = sizes.Need.of(settings.backbone)
    size = sizes.result_size(sides, int(settings.size), DEFAULT_SIZE, need, what)
    estimates.check_room(size, size_choice(settings), in_place)
    return size
