"""Feature visualization: images that maximize a channel, optimized from noise."""

import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Iterator, Sequence
from typing import Literal, Unpack

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.classes import channel_label
from vectormix_tf.config.options import VisualizeOptions
from vectormix_tf.config.setting import combined
from vectormix_tf.config.visualize import VisualizeSettings, parse_channels
from vectormix_tf.errors import InputError, NotFiniteError
from vectormix_tf.io import sheets
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.objectives.amplification import amplify_each
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.regularization import differ, total_variation_each
from vectormix_tf.ops.border import crop_padding
from vectormix_tf.optim.canvas import Canvas, fourier, pixels
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.observer import Observer, middle
from vectormix_tf.optim.optimizers import (
    Optimizer,
    adam,
    blurred,
    normalized_descent,
)
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import NO_TRANSFORM, draw_transforms
from vectormix_tf.recipes.run import OnProgress

# Random transforms: how many, and their greatest shift, change of size and rotation, as
# in lucid (Olah et al. 2017, "Feature visualization", Distill).
TRANSFORMS = 256
JITTER, PERCENT, DEGREES = 8, 10, 10  # pixels, percent, degrees
# Pixels on each side that are optimized too and cropped at the end. A departure from
# lucid, which pads with gray. A little more than what `Observer.margins` excludes, so
# that the outermost cells of the loss see the border of the image.
WIDE_PADDING = 32

# Exponent of the Fourier canvas. Above lucid's 1, for more contrast of large shapes and
# less fine noise.
DECAY = 1.25
# Standard deviation of the initial noise: of Fourier coefficients, or of pixels.
NOISE = 0.01
GRAY = 0.5  # mean of the initial image
RATES = {"fourier": 0.06, "pixels": 0.01}  # learning rates, by canvas
FINAL_SHARE = 0.02  # learning rate at the last step, relative to the first
# Weight of the diversity objective. With a larger one, some facets no longer show the
# channel.
DIVERSITY = 15.0

Member = tuple[int, int]  # an image of a batch: its channel and facet, both from 0


@dataclasses.dataclass(kw_only=True)
class Visualization(PictureResult):
    """An image that maximizes one channel.

    Attributes:
        channel: Number of the channel in its layer, from 0.
        facet: Number of the facet of the channel, from 0.
        losses: `{term: [steps]}`, summed over all images of the batch.
    """

    channel: int
    facet: int


def visualize(  # type: ignore[misc]  # `VisualizeOptions` has layer and channels too
    layer: str | None = None,
    channels: str | int | Sequence[int] | None = None,
    *,
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    settings: VisualizeSettings | None = None,
    **options: Unpack[VisualizeOptions],
) -> list[Visualization]:
    """Makes images that maximize channels of a layer (feature visualization).

    Olah et al. 2017, "Feature visualization", Distill. Images are optimized in batches,
    from noise. Except for rounding, an image does not depend on the others of its
    batch.

    Args:
        layer: Name of a layer of the backbone. None takes the first of the layers that
            `dream` amplifies by default.
        channels: Number of a channel, a sequence of numbers, or a text such as "0-31"
            or "all". None takes the first eight.
        on_progress: Called with a `Progress` about every second. The batches count as
            octaves, and the preview is a whole batch [B, H, W, 3]. "bar" shows a
            progress bar, None shows nothing.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `VisualizeSettings`.
            They take precedence over `settings`.

    Returns:
        A result for each channel and facet, in their order; `image` is float32
        [H, W, 3] in [0, 1]. After Ctrl-C the results so far, the last ones with
        `finished` False.

    Raises:
        InputError: If a setting cannot be used.
        NotFiniteError: If a picture became NaN; its `result` has those before.
    """
    arguments = {"layer": layer, "channels": channels}
    options |= {name: value for name, value in arguments.items() if value is not None}
    settings = combined(VisualizeSettings, settings, options)
    visualizer = Visualizer(settings)
    results = []
    bar = ProgressBar("batch") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        try:
            for batch in visualizer.make(visualizer.channels, bar or on_progress):
                results += batch
        except KeyboardInterrupt:
            if not results:
                raise
            results[-1].finished = False
        except NotFiniteError as error:
            error.result = results or None
            raise
    return results


def sheet(results: Sequence[Visualization]) -> np.ndarray:
    """Arranges visualizations on one image, labeled with their channels or classes.

    Args:
        results: From `visualize`. A single one is returned as it is, without a label.
            If channels have several facets, each channel is a row.

    Returns:
        Image [1, H, W, 3] in [0, 1].
    """
    facets = results[0].settings.diversity
    if len(results) == 1:
        return results[0].x
    layer = str(results[0].settings.layer)
    labels = [channel_label(layer, result.channel) for result in results[::facets]]
    pictures = [result.pil for result in results]
    if facets == 1:
        image = sheets.wrap(pictures, labels)
    else:
        rows = [pictures[i : i + facets] for i in range(0, len(pictures), facets)]
        image = sheets.compose(rows, labels, [""] * facets)
    return sheets.as_image(image)


class Visualizer:
    """Makes visualizations in batches, all with the same traced functions.

    Attributes:
        settings: The settings.
        channels: Numbers of the channels that the settings name.
    """

    def __init__(self, settings: VisualizeSettings):
        """Loads the network.

        Args:
            settings: Settings of all visualizations.

        Raises:
            InputError: If the network cannot be loaded, or has no such channel.
        """
        check_caller()
        self.settings = settings
        layer = settings.layer
        # A channel may be 0 all over the initial image. ReLU has no gradient there, so
        # that nothing would ever increase it.
        self._extractor = Extractor(
            [layer], settings.weights, settings.backbone, redirect_relu=True
        )
        count = self._extractor.info[layer].channels
        channels = parse_channels(settings.channels)
        self.channels = list(range(count)) if channels is None else channels
        for channel in self.channels:
            if channel >= count:
                raise InputError(
                    f"`channels` names {channel}, but {layer} has {count}: from 0 to"
                    f" {count - 1}."
                )
        self._traces = {}

    def make(
        self, channels: Sequence[int], on_progress: OnProgress | None = None
    ) -> Iterator[list[Visualization]]:
        """Yields the results of one batch after another.

        After Ctrl-C in a batch its results have `finished` False and are the last.

        Args:
            channels: Numbers of the channels.
            on_progress: Called with a `Progress`, in which the batches count as
                octaves.
        """
        largest = max(1, self.settings.batch // self.settings.diversity)
        batches = math.ceil(len(channels) / largest)
        # All batches have the same number of channels, so that the optimization is
        # traced once; the last batch is filled with copies of its last channel.
        length = math.ceil(len(channels) / max(1, batches))
        progress = _BatchProgress(batches, on_progress) if on_progress else None
        for number in range(batches):
            batch = list(channels[number * length :][:length])
            filled = batch + batch[-1:] * (length - len(batch))
            facets = range(self.settings.diversity)
            members = [(channel, facet) for channel in filled for facet in facets]
            callback = functools.partial(progress, number) if progress else None
            result = self._optimize(members, callback)
            yield self._split(result, members[: len(batch) * len(facets)])
            if not result.finished:
                return

    def _optimize(
        self, members: Sequence[Member], on_progress: OnProgress | None
    ) -> Result:
        """Optimizes the images of a batch together; `x` is [B, H, W, 3], padded."""
        settings = self.settings
        canvas, optimizer = self._canvas_and_optimizer(len(members))
        transforms = NO_TRANSFORM
        if settings.transforms:
            transforms = draw_transforms(
                settings.seed, TRANSFORMS, JITTER, percent=PERCENT, degrees=DEGREES
            )
        problem = Problem(
            observe=Observer(self._extractor),
            objectives=self._objectives([channel for channel, _ in members]),
            canvas=canvas,
            optimizer=optimizer,
            transforms=transforms,
            seed=settings.seed,
            steps=settings.steps,
        )
        return optimize(
            problem,
            lambda octave, previous: self._start(members, canvas),
            on_progress=on_progress,
            traces=self._traces,
        )

    def _canvas_and_optimizer(self, count: int) -> tuple[Canvas, Optimizer]:
        """Returns both for a batch of `count` images."""
        settings = self.settings
        rate = settings.learning_rate or RATES[settings.canvas]
        if settings.canvas == "pixels":
            optimizer = normalized_descent(rate, final=FINAL_SHARE, axes=(1, 2, 3))
            return pixels(count), optimizer
        optimizer = adam(rate, FINAL_SHARE)
        if settings.blur:
            side = settings.size + 2 * WIDE_PADDING
            optimizer = blurred(optimizer, settings.blur, (side, side))
        return fourier(DECAY, count), optimizer

    def _start(self, members: Sequence[Member], canvas: Canvas) -> tf.Tensor:
        """Returns the initial images of a batch, padded, [B, H, W, 3]."""
        noise = np.stack([self._noise(member) for member in members])
        if self.settings.canvas == "pixels":
            return tf.constant(GRAY + noise)
        parameters = np.concatenate([*noise], axis=1)  # [2, 3 B, H, W // 2 + 1]
        side = noise.shape[3]
        shape = tf.constant([len(members), side, side, 3])
        return canvas.decode(tf.constant(parameters), shape)

    def _noise(self, member: Member) -> np.ndarray:
        """Returns the noise of one image; it does not depend on the batch.

        Of Fourier parameters [2, 3, H, W // 2 + 1], or of pixels [H, W, 3].
        """
        side = self.settings.size + 2 * WIDE_PADDING
        parameters = [2, 3, side, side // 2 + 1]
        shape = parameters if self.settings.canvas == "fourier" else [side, side, 3]
        random = np.random.default_rng([self.settings.seed, *member])
        return NOISE * random.standard_normal(shape, np.float32)

    def _objectives(self, channels: list[int]) -> list[Objective]:
        settings = self.settings
        where = middle if settings.neuron else None
        squared = settings.objective == "square"
        objectives = [amplify_each(settings.layer, channels, where, squared)]
        if settings.diversity > 1:
            diversity = differ(settings.layer, settings.diversity)
            objectives.append(diversity.times(DIVERSITY))
        if settings.tv > 0:
            objectives.append(total_variation_each().times(settings.tv))
        return objectives

    def _split(self, result: Result, members: Sequence[Member]) -> list[Visualization]:
        """Returns a result for each of the first images of a batch."""
        images = _without_padding(result.x)
        fields = {**vars(result), "settings": self.settings}
        return [
            Visualization(**fields | {"x": images[i : i + 1]}, channel=c, facet=f)
            for i, (c, f) in enumerate(members)
        ]


def _without_padding(images: np.ndarray) -> np.ndarray:
    """Crops images [B, H, W, 3] to those of the results, in [0, 1]."""
    return np.clip(crop_padding(images, WIDE_PADDING), 0.0, 1.0)


class _BatchProgress:
    """Turns the progress of one batch into that of all batches."""

    def __init__(self, batches: int, callback: OnProgress):
        self._batches, self._callback = batches, callback
        self._first = None  # time and steps done at the first call

    def __call__(self, number: int, progress: Progress) -> None:
        """Calls the callback with the progress of batch `number`, from 0."""
        now, done = time.monotonic(), number * progress.steps + progress.step
        remaining = self._batches * progress.steps - done
        seconds = None if remaining else 0.0
        if self._first is None:  # the time before it includes the tracing
            self._first = now, done
        elif remaining:
            started, done_then = self._first
            seconds = remaining * (now - started) / (done - done_then)
        self._callback(
            dataclasses.replace(
                progress,
                octave=number + 1,
                octaves=self._batches,
                seconds_left=seconds,
                preview=lambda: _without_padding(progress.preview()),
            )
        )
