"""Visualizing: what a channel of the network looks for, made out of noise."""

import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.setting import combined
from vectormix_tf.config.visualize import VisualizeSettings, parse_channels
from vectormix_tf.errors import InputError
from vectormix_tf.io import sheets
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.objectives.amplification import amplify_each
from vectormix_tf.objectives.regularization import differ, total_variation_each
from vectormix_tf.ops.border import crop_padding
from vectormix_tf.optim.canvas import fourier, pixels
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.observer import Observer, middle
from vectormix_tf.optim.optimizers import adam, blurred, normalized_descent
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import NO_TRANSFORM, draw_transforms
from vectormix_tf.recipes.run import OnProgress

# Transforms of lucid (Olah et al. 2017, "Feature visualization", Distill).
TRANSFORMS = 256
JITTER, PERCENT, DEGREES = 8, 10, 10  # pixels, percent, degrees
# Pixels on each side that are optimized too and cropped at the end, in place of lucid's
# gray padding. A little more than what `Observer.margins` leaves out, so that the
# outermost cells that count look at the borders of the picture.
WIDE_PADDING = 32

DECAY = 1.25  # above lucid's 1: light and shade, and fewer of the finest waves
NOISE = 0.01  # standard deviation of what it starts from: of waves, or of pixels
GRAY = 0.5
RATES = {"fourier": 0.06, "pixels": 0.01}
FINAL_SHARE = 0.02  # of the rate, at the last step
DIVERSITY = 15.0  # weight of what keeps facets apart; with more, some are lost

Member = tuple[int, int]  # channel and facet, both from 0


@dataclasses.dataclass(kw_only=True)
class Visualization(PictureResult):
    """A picture of one channel.

    Attributes:
        channel: Its number in the layer.
        facet: Which of its facets, from 0.
        losses: Of all the pictures that were made at once, added up.
    """

    channel: int
    facet: int


def visualize(
    layer: str | None = None,
    channels: str | int | Sequence[int] | None = None,
    *,
    on_progress: OnProgress | None | str = "bar",
    settings: VisualizeSettings | None = None,
    **options,
) -> list[Visualization]:
    """Makes pictures of what channels look for, out of noise (feature visualization).

    Olah et al. 2017, "Feature visualization", Distill. A picture is (but for rounding)
    the same whatever others are made beside it.

    Args:
        layer: Of the backbone; None takes the first of what it dreams of.
        channels: A number, several, or a text such as "0-31" or "all"; None takes the
            first eight.
        on_progress: Called with a `Progress` about every second: batches stand in the
            place of octaves, and its preview has a whole batch; "bar" shows a bar.
        settings: All settings as an object; None starts from the defaults.
        **options: Settings by name, those of `VisualizeSettings`; they win.

    Returns:
        One for each channel and facet, in their order; after Ctrl-C what there was
        then, of which the last ones are not finished.

    Raises:
        InputError: If a setting cannot be used; one line says why.
    """
    named = {"layer": layer, "channels": channels}
    options |= {name: value for name, value in named.items() if value is not None}
    settings = combined(VisualizeSettings, settings, options)
    visualizer = Visualizer(settings)
    made = []
    bar = ProgressBar("batch") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        try:
            for results in visualizer.make(visualizer.channels, bar or on_progress):
                made += results
        except KeyboardInterrupt:
            if not made:
                raise
            made[-1].finished = False
    return made


def sheet(made: Sequence[Visualization]) -> np.ndarray:
    """Lays pictures out with the numbers of their channels.

    Args:
        made: From `visualize`. One alone is no sheet and has no label; with several
            facets each channel is a row.

    Returns:
        Image [1, H, W, 3] in [0, 1].
    """
    facets = made[0].settings.diversity
    if len(made) == 1:
        return made[0].x
    labels = [str(each.channel) for each in made[::facets]]
    pictures = [each.pil for each in made]
    if facets == 1:
        found = sheets.wrap(pictures, labels)
    else:
        rows = [pictures[i : i + facets] for i in range(0, len(made), facets)]
        found = sheets.compose(rows, labels, [""] * facets)
    return sheets.as_image(found)


class Visualizer:
    """Makes pictures of channels in batches, all by one graph.

    Attributes:
        settings: The settings.
        channels: Those of the settings.
    """

    def __init__(self, settings: VisualizeSettings):
        """Loads the network.

        Raises:
            InputError: If it cannot be had, or has no such channel.
        """
        self.settings = settings
        layer = settings.layer
        self._extractor = Extractor(
            [layer], settings.weights, settings.backbone, redirect_relu=True
        )
        count = self._extractor.info[layer].channels
        wanted = parse_channels(settings.channels)
        self.channels = list(range(count)) if wanted is None else wanted
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
        """Yields the pictures of each batch; after Ctrl-C, unfinished, no more.

        Args:
            channels: Of which, in their order.
            on_progress: Called with a `Progress`; its octaves are the batches.
        """
        most = max(1, self.settings.batch // self.settings.diversity)
        batches = math.ceil(len(channels) / most)
        # Evenly, and the last one filled up: one shape needs one graph.
        length = math.ceil(len(channels) / max(1, batches))
        pace = _Pace(batches, on_progress) if on_progress else None
        for number in range(batches):
            these = list(channels[number * length :][:length])
            filled = these + these[-1:] * (length - len(these))
            facets = range(self.settings.diversity)
            members = [(channel, facet) for channel in filled for facet in facets]
            tell = functools.partial(pace, number) if pace else None
            result = self._optimize(members, tell)
            yield self._split(result, members[: len(these) * len(facets)])
            if not result.finished:
                return

    def _optimize(self, members: Sequence[Member], tell) -> Result:
        settings, count = self.settings, len(members)
        rate = settings.learning_rate or RATES[settings.canvas]
        if settings.canvas == "fourier":
            canvas = fourier(DECAY, count)
            optimizer = adam(rate, FINAL_SHARE)
            if settings.blur:
                side = settings.size + 2 * WIDE_PADDING
                optimizer = blurred(optimizer, settings.blur, (side, side))
        else:
            canvas = pixels(count)
            optimizer = normalized_descent(rate, final=FINAL_SHARE, axes=(1, 2, 3))
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

        def start(octave, before):
            noise = np.stack([self._noise(member) for member in members])
            if settings.canvas == "pixels":
                return tf.constant(GRAY + noise)
            waves = np.concatenate([*noise], axis=1)  # [2, 3 B, H, W // 2 + 1]
            side = noise.shape[3]
            shape = tf.constant([count, side, side, 3])
            return canvas.decode(tf.constant(waves), shape)

        return optimize(problem, start, on_progress=tell, traces=self._traces)

    def _noise(self, member: Member) -> np.ndarray:
        """That of one picture, whatever is made beside it."""
        side = self.settings.size + 2 * WIDE_PADDING
        waves = [2, 3, side, side // 2 + 1]
        shape = waves if self.settings.canvas == "fourier" else [side, side, 3]
        random = np.random.default_rng([self.settings.seed, *member])
        return NOISE * random.standard_normal(shape, np.float32)

    def _objectives(self, channels: list[int]) -> list:
        settings = self.settings
        aim = middle if settings.neuron else None
        squared = settings.objective == "square"
        objectives = [amplify_each(settings.layer, channels, aim, squared)]
        if settings.diversity > 1:
            apart = differ(settings.layer, settings.diversity)
            objectives.append(apart.times(DIVERSITY))
        if settings.tv > 0:
            objectives.append(total_variation_each().times(settings.tv))
        return objectives

    def _split(self, result: Result, members: Sequence[Member]) -> list[Visualization]:
        images = _without_padding(result.x)
        fields = {**vars(result), "settings": self.settings}
        return [
            Visualization(**fields | {"x": images[i : i + 1]}, channel=c, facet=f)
            for i, (c, f) in enumerate(members)
        ]


def _without_padding(images: np.ndarray) -> np.ndarray:
    return np.clip(crop_padding(images, WIDE_PADDING), 0.0, 1.0)


class _Pace:
    """Tells the progress of one batch as that of all."""

    def __init__(self, batches: int, tell: OnProgress):
        self._batches, self._tell, self._first = batches, tell, None

    def __call__(self, number: int, progress: Progress) -> None:
        now, done = time.monotonic(), number * progress.steps + progress.step
        left = self._batches * progress.steps - done
        seconds = None if left else 0.0
        if self._first is None:  # what comes before it holds the tracing
            self._first = now, done
        elif left:
            begun, before = self._first
            seconds = left * (now - begun) / (done - before)
        self._tell(
            dataclasses.replace(
                progress,
                octave=number + 1,
                octaves=self._batches,
                seconds_left=seconds,
                preview=lambda: _without_padding(progress.preview()),
            )
        )
