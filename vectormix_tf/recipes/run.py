"""Pictures: what all recipes for pictures share around the loop."""

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.octaves import Octave
from vectormix_tf.config.settings import MAX_STEPS, Settings
from vectormix_tf.errors import InputError, Notice, OutputError, check_integer
from vectormix_tf.io import images
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.optim import estimates
from vectormix_tf.optim.checkpoint import load, save
from vectormix_tf.optim.loop import Checkpoint, optimize
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.recipes.objectives import check_problem

OnProgress = Callable[[Progress], None]


def run(
    problem: Problem,
    start: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor],
    octaves: list[Octave],
    settings: Settings,
    transparency: np.ndarray | None,
    on_progress: OnProgress | None | str,
    pause_every: int,
    finish: Callable[[tf.Tensor], tf.Tensor] = lambda image: image,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    fingerprint: Callable[[], Mapping[str, Any]] | None = None,
) -> PictureResult:
    """Runs a problem on padded pictures; all results are without the padding.

    Args:
        problem: What is minimized; it sees padded images.
        start: (size of an octave as int32 [2], the image before it or None) -> image.
        octaves: From `resize.plan`; the problem has their steps.
        settings: For the record.
        transparency: Of the content, [1, H, W, 1], or None; resized for the result.
        on_progress: Called with a `Progress`; "bar" shows a bar.
        pause_every: See `optimize`.
        finish: Last change of a result, without the padding.
        checkpoint: File that says every few seconds, and at the end, where the run
            stands; None for none.
        resume: Whether to go on from that file.
        fingerprint: Returns that of the run, from `fingerprint.fingerprint`; called
            only where there is a checkpoint, for it goes through all pictures again.
    """
    work = [math.prod(octave.size) for octave in octaves]
    if isinstance(problem.observe, Observer):  # of anything else nothing is known
        check_problem(problem, octaves)
        cost = estimates.step_cost(problem, settings.precision)
        estimates.announce(cost, octaves)
        work = [cost.seconds(octave, estimates.RELATIVE) for octave in octaves]
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    if resume and checkpoint is None:
        raise InputError("`resume` needs `checkpoint`; name the file to go on from.")
    mark = fingerprint() if checkpoint is not None else None
    begun = load(checkpoint, mark) if resume else None
    bar = ProgressBar() if on_progress == "bar" else None
    tell = bar or on_progress

    def padded_start(octave, before):
        before = None if before is None else crop_padding(before)
        return pad(start(tf.constant(octaves[octave].size), before))

    def leave(x) -> np.ndarray:
        return np.clip(np.asarray(finish(crop_padding(tf.constant(x)))), 0.0, 1.0)

    def cropped_progress(progress):
        preview = progress.preview
        tell(dataclasses.replace(progress, preview=lambda: leave(preview())[0]))

    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        result = optimize(
            problem,
            padded_start,
            work,
            cropped_progress if tell else None,
            pause_every,
            begun,
            _saving(checkpoint, mark) if checkpoint is not None else None,
        )
    image = leave(result.x)
    if transparency is not None:  # the image is smaller if interrupted
        transparency = images.resize(transparency, image.shape[1:3])[0]
    fields = {**vars(result), "x": image, "settings": settings}
    return PictureResult(**fields, transparency=transparency)


def _saving(path, fingerprint) -> Callable[[Checkpoint], None]:
    def write(checkpoint):
        try:
            save(path, checkpoint, fingerprint)
        except OutputError as error:  # hours of work end with a picture all the same
            text = f"{error} The run goes on without this checkpoint."
            warnings.warn(text, Notice, stacklevel=2)

    return write


def check_size(
    size: tuple[int, int], what: str, backbone: str = DEFAULT, flag: str = "size"
) -> None:
    """Refuses a (height, width), set by `flag`, that the network cannot see.

    Or of which not even the pictures would fit into memory.
    """
    network = BACKBONES[backbone]
    if min(size) < network.minimum:
        raise InputError(
            f"the {what} would be {size[1]} x {size[0]} pixels, and {network.title}"
            f" needs {network.minimum} a side; choose a larger `{flag}` or a less"
            " narrow picture."
        )
    if flag == "size":
        estimates.check_room(size)
