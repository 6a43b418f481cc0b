"""Mixing: the shapes of one picture with the texture of others."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import BACKBONES, parse_layers, whole_layers
from vectormix_tf.config.octaves import plan
from vectormix_tf.config.settings import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images
from vectormix_tf.io.digest import digest
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.io.results import PictureResult
from vectormix_tf.objectives.base import Objective, Where
from vectormix_tf.objectives.distances import (
    gatys_content,
    gatys_style,
    relative_squared,
)
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.regularization import total_variation
from vectormix_tf.objectives.statistics import STATISTICS, identity, structure
from vectormix_tf.ops import masks, regions
from vectormix_tf.ops.border import PADDING, fit_padded, pad, unpadded_size
from vectormix_tf.ops.color import color_with, recolor
from vectormix_tf.ops.resize import cover, long_side, to_size
from vectormix_tf.optim.canvas import Canvas, fourier, masked, pixels, tileable
from vectormix_tf.optim.observer import Observer, at_scales
from vectormix_tf.optim.optimizers import Optimizer, adam, lbfgs
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transforms, draw_transforms
from vectormix_tf.recipes import scene as scenes
from vectormix_tf.recipes.amplify import amplified, read_guide
from vectormix_tf.recipes.objectives import check_objectives, layers_of, record
from vectormix_tf.recipes.run import OnProgress, run
from vectormix_tf.recipes.scene import Scene

# At alpha 0.5 the relative match of f1 counts this much of the relative distance of f2:
# there photograph and painting balance to the eye. It is how `alpha` keeps the
# mission's meaning: h = alpha * CONTENT_SCALE * |f1 - f1*| + (1 - alpha) * |f2 - f2*|.
CONTENT_SCALE = 0.24
# alpha / beta of Gatys et al. 2015, for the losses that the paper adds up.
GATYS_CONTENT_SCALE = 1e-3

# Number of random transforms. The content has a target for each of them, the style one
# for each combination of flips, so there are few.
MIX_TRANSFORMS = 8

# Shortest side at which a style is seen once more, in units of what the network needs.
# Below it layers have so few cells that a mix ends further from both pictures.
LEAST_LEVEL = 1.5
# A picture too small for that keeps its strength at the same alpha if its content
# counts less by this factor.
SMALL_CONTENT = 0.5

FOURIER_DECAY = 1.5  # steeper than natural pictures (1): broad strokes move first
NOISE = 0.1  # standard deviation of the noise that --init=noise starts from
LEARNING_RATES = {"fourier": 0.042, "pixels": 0.01}  # of Adam
# Lengths of L-BFGS's steps, root mean square: the first one and the longest. Without a
# line search a bold step on the Fourier canvas loses what was there.
LBFGS = {
    "fourier": {"first": 0.005, "longest": 0.02},
    "pixels": {"first": 0.01, "longest": 0.1},
}
MIX_BETA2 = 0.99  # Adam forgets large early gradients within the few steps of a run


def mix(
    content: Any = None,
    style: Any = None,
    *,
    mask: Any = None,
    style_mask: Any = None,
    guide: Any = None,
    start: Any = None,
    objectives: Sequence[Objective] = (),
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    settings: MixSettings | None = None,
    **options,
) -> PictureResult:
    """Gives the shapes of one picture the texture of another, or of several.

    Minimizes alpha * 0.24 * |f1(x) - f1(content)| + (1 - alpha) * |f2(x) - f2(style)|,
    with f1 layers of a network compared cell by cell (squared; below alpha 1 with each
    channel standardized), f2 a statistic of layers, by default their mean and
    covariance (2-Wasserstein); Gatys et al. 2015, arXiv:1508.06576, with other
    distances, canvas and network. Pictures under 224 px a side take 0.12 for 0.24.
    `preset="gatys2015"` is the paper's own.

    Args:
        content: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1];
            None makes a texture of the style alone.
        style: Likewise, or a list of them; None rebuilds the content from what f1 knows
            of it.
        mask: A picture: white is mixed, black stays the photograph, gray is between.
        style_mask: A picture for each style: where it goes.
        guide: A picture whose patterns are dreamt, where `amplify` names layers.
        start: A picture to start from, instead of what `init` says.
        objectives: More of them, from `vectormix_tf.objectives`, whose losses are added
            to the mix's own.
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        checkpoint: A file that keeps, every few seconds, where the run stands.
        resume: Whether to go on from there, to the very same bytes.
        settings: All settings as an object; None starts from the defaults.
        **options: Settings by name, those of `MixSettings`; they win.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    styles = _listed(style)
    settings = MixSettings.of(options, content is not None, len(styles), settings)
    if guide is not None and not settings.amplify:
        raise InputError("a guide needs `amplify`: the layers in which it leads.")
    own = check_objectives(objectives, settings, _names(settings, guide is not None))
    scene = scenes.read(settings, content, styles, mask, _listed(style_mask))
    guided = read_guide(settings, guide)
    settings = resolve_precision(settings, _layers(settings, own))
    octaves = plan(scene.size, settings, scene.shortest)
    problem = build_problem(
        settings, scene, [octave.steps for octave in octaves], guided, own
    )
    if start is not None:
        start = images.read(start, settings.max_pixels, "start picture").pixels
    first = starter(settings, scene, start)
    inputs = scene.pictures | {"start": start, "guide": guided}
    return run(
        problem,
        lambda size, before: first(size) if before is None else to_size(before, size),
        octaves,
        settings,
        scene.transparency,
        on_progress,
        pause_every,
        finisher(settings, scene),
        checkpoint,
        resume,
        lambda: fingerprint("mix", _record(settings, own), inputs),
    )


class Values(NamedTuple):
    """Numbers of a mix that an exported graph knows only when it runs.

    Attributes:
        alpha: Share of the content; a number, or in a graph a float32 scalar tensor.
        tv: Weight of the total variation, likewise.
        learning_rate: Of the first step, likewise; None takes the default.
        seed: Of everything random; a number or an int32 scalar tensor.
    """

    alpha: float | tf.Tensor
    tv: float | tf.Tensor
    learning_rate: float | tf.Tensor | None
    seed: int | tf.Tensor

    @classmethod
    def of(cls, settings: MixSettings) -> "Values":
        """Those of the settings."""
        return cls(*(getattr(settings, name) for name in cls._fields))


def _is(value, number: float) -> bool:
    """Whether a value is known before a graph runs, and is that number."""
    return not tf.is_tensor(value) and value == number


def build_problem(
    settings: MixSettings,
    scene: Scene,
    steps: int | Sequence[int] | tf.Tensor,
    guided: tf.Tensor | None = None,
    own: Sequence[Objective] = (),
    observer: Observer | None = None,
    transforms: Transforms | None = None,
    values: Values | None = None,
) -> Problem:
    """Returns the problem that a mix solves, of padded images.

    Args:
        settings: Of the mix.
        scene: Its pictures.
        steps: As those of a `Problem`.
        guided: The guide, from `amplify.read_guide`, or None.
        own: Objectives of the user's.
        observer: What observes x; None makes it from the settings.
        transforms: Of x, one for each step; None draws them by the seed.
        values: None takes those of the settings.
    """
    values = values or Values.of(settings)
    if observer is None:
        extractor = build_extractor(settings, own)
        observer = Observer(extractor, scene.masks, settings.tile_side)
    if transforms is None:
        transforms = draw_transforms(
            settings.seed, MIX_TRANSFORMS, settings.jitter, settings.flips
        )
    objectives = _objectives(settings, scene, observer.extractor, guided, values)
    return Problem(
        observe=observer,
        objectives=[*objectives, *own],
        canvas=_canvas(settings, scene),
        optimizer=_optimizer(settings, values),
        transforms=transforms,
        seed=values.seed,
        steps=steps,
    )


def build_extractor(settings: MixSettings, own: Sequence[Objective] = ()) -> Extractor:
    """Returns the extractor of a mix; `own` are objectives of the user's."""
    return Extractor(
        _layers(settings, own),
        settings.weights,
        settings.backbone,
        settings.pooling,
        precision=settings.precision,
        xla=settings.xla,
    )


def _layers(settings: MixSettings, own: Sequence[Objective] = ()) -> list[str]:
    named = [text for text in (settings.f1, settings.f2, settings.amplify) if text]
    layers = whole_layers(named, settings.backbone)
    return list(dict.fromkeys([*layers, *layers_of(own)]))


def _names(settings: MixSettings, guided: bool) -> list[str]:
    """Names of a mix's own objectives, but for those of several styles."""
    names = ["content", "style"]
    if settings.amplify:
        names.append("guide" if guided else "amplify")
    return names if settings.tv == 0 else [*names, "total_variation"]


def _record(settings: MixSettings, own: Sequence[Objective]) -> dict[str, Any]:
    """What decides the bytes of a mix besides its pictures, for a checkpoint."""
    settings = dataclasses.asdict(settings) | record(own)
    made_from = STATISTICS[settings.statistic].made_from
    if made_from:
        settings[f"statistic {settings.statistic}"] = digest(made_from)
    return settings


def _listed(value: Any) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


# --- How it is stored and moved -------------------------------------------------------


def _canvas(settings: MixSettings, scene: Scene) -> Canvas:
    canvas = fourier(FOURIER_DECAY) if settings.canvas == "fourier" else pixels()
    if settings.tileable:
        canvas = tileable(canvas, PADDING)
    if scene.strength is None:
        return canvas

    return masked(
        canvas,
        lambda shape: fit_padded(scene.content, shape),
        lambda shape: fit_padded(scene.strength, shape),
    )


def _optimizer(settings: MixSettings, values: Values) -> Optimizer:
    rate = values.learning_rate
    if settings.optimizer == "adam":
        rate = LEARNING_RATES[settings.canvas] if rate is None else rate
        return adam(rate, beta2=MIX_BETA2)
    return lbfgs(1.0 if rate is None else rate, **LBFGS[settings.canvas])


def finisher(settings: MixSettings, scene: Scene) -> Callable[[tf.Tensor], tf.Tensor]:
    """The last touch to what leaves."""
    if settings.color != "content":
        return lambda image: image

    def finish(image):
        return color_with(image, to_size(scene.original, tf.shape(image)[1:3]))

    return finish


# --- What is minimized ----------------------------------------------------------------


def _objectives(
    settings: MixSettings,
    scene: Scene,
    extractor: Extractor,
    guided: tf.Tensor | None,
    values: Values,
) -> list[Objective]:
    """Those that count; at alpha 0 or 1 one of the pictures has no say at all."""
    objectives = []
    levels = levels_within(scene.shortest, settings.backbone)
    if not _is(values.alpha, 0):
        objectives.append(_content_objective(settings, scene, levels, values))
    if not _is(values.alpha, 1):
        objectives += _style_objectives(settings, scene, levels, values)
    if settings.amplify:
        objectives.append(amplified(settings, "amplify", extractor, guided))
    if not _is(values.tv, 0):
        objectives.append(total_variation().times(values.tv))
    return objectives


def levels_within(shortest: int, backbone: str) -> int:
    """At how many sizes a style can be seen, if its shortest side has so many pixels.

    Each is half of the one before; the last one still has `LEAST_LEVEL`.
    """
    least = round(LEAST_LEVEL * BACKBONES[backbone].minimum)
    return max(1, (shortest // least).bit_length())


def _content_objective(settings, scene, levels, values) -> Objective:
    """Cell by cell, so the content comes in the size of the canvas."""
    scale = CONTENT_SCALE
    if settings.loss == "gatys":
        statistic, distance, scale = identity, gatys_content, GATYS_CONTENT_SCALE
    elif not _is(values.alpha, 1):
        statistic, distance = structure, None
        scale *= 1 if levels > 1 else SMALL_CONTENT
    else:  # no style says how light it is
        statistic, distance = identity, relative_squared
    objective = match(
        "content",
        parse_layers(settings.f1, backbone=settings.backbone),
        lambda x: pad(to_size(scene.content, unpadded_size(x))),
        statistic,
        distance,
        None if scene.strength is None else _masked(scenes.MASK),
    )
    return objective.times(values.alpha * scale)


def _style_objectives(settings, scene, levels, values) -> list[Objective]:
    """One for all styles where their statistics can be averaged, else one for each."""
    statistic = STATISTICS[settings.statistic]
    f2 = parse_layers(settings.f2, backbone=settings.backbone)
    f2 = at_scales(f2, min(settings.style_levels, levels))
    alone = len(scene.styles) == 1
    together = alone or (statistic.blends and len({s.mask for s in scene.styles}) == 1)
    groups = [scene.styles] if together else [[style] for style in scene.styles]
    return [
        match(
            "style" if together else f"style {i}",
            f2,
            [_in_its_aspect(style) for style in group],
            statistic,
            None if settings.loss == "relative" else gatys_style,
            here=None if group[0].mask is None else _masked(group[0].mask),
            shares=[style.share for style in group],
        )
        ._replace(depends_on=("flip",))  # the texture of a flipped style differs
        .times((1 - values.alpha) * sum(style.share for style in group))
        for i, group in enumerate(groups, start=1)
    ]


def _in_its_aspect(style) -> Callable[[tf.Tensor], tf.Tensor]:
    """Texture: a style keeps its aspect, its long side follows the canvas's."""

    def reference(x):
        long = tf.cast(tf.reduce_max(unpadded_size(x)), tf.float32) * style.scale
        image = long_side(style.image, tf.cast(tf.round(long), tf.int32))
        return pad(tf.clip_by_value(image, 0.0, 1.0))

    return reference


def _masked(mask: str) -> Where:
    """Weighs cells that look at the picture by a mask that is observed."""

    def where(layer, observed):
        weights = regions.inside(layer, observed)
        return weights * observed[masks.at(mask, layer)]

    return where


# --- What it starts from --------------------------------------------------------------


def starter(
    settings: MixSettings,
    scene: Scene,
    picture: np.ndarray | None = None,
    seed: int | tf.Tensor | None = None,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the first octave's size (int32 [2]) to an image."""
    if picture is not None:
        return lambda size: to_size(tf.constant(picture), size)
    if settings.init == "recolored" and settings.color != "match":
        return lambda size: _recolored(scene, size)
    if settings.init in ("recolored", "content"):  # whose colors the style has, too
        return lambda size: to_size(scene.content, size)
    if settings.init == "style":
        return lambda size: cover(scene.styles[0].image, size)
    if settings.init == "noise":
        seed = settings.seed if seed is None else seed
        return lambda size: _noise(size, scene.styles, seed)
    found = images.read(settings.init, settings.max_pixels, "init picture")
    return lambda size: to_size(tf.constant(found.pixels), size)


def _recolored(scene, size):
    """The content in the styles' colors, each where it counts."""
    content = to_size(scene.content, size)
    names = {style.mask for style in scene.styles}
    if names == {None}:
        palettes = [style.image for style in scene.styles]
        return recolor(content, palettes, [s.share for s in scene.styles])
    where = {name: to_size(scene.masks[name], size) + masks.FLOOR for name in names}
    parts = []
    for name, mask in where.items():
        styles = [style for style in scene.styles if style.mask == name]
        palettes, shares = [s.image for s in styles], [s.share for s in styles]
        parts.append(mask * recolor(content, palettes, shares, mask))
    total = tf.add_n(list(where.values()))
    rest = tf.maximum(1 - total, 0.0)  # where no style counts
    return (tf.add_n(parts) + rest * content) / (total + rest)


def _noise(size, styles, seed):
    """White noise around the mean color of the styles: nothing of the content."""
    noise = tf.random.stateless_normal([1, size[0], size[1], 3], [seed, 0])
    means = [
        style.share * tf.reduce_mean(style.image, axis=[1, 2], keepdims=True)
        for style in styles
    ]
    mean = tf.add_n(means) if means else 0.5
    return tf.clip_by_value(mean + NOISE * noise, 0.0, 1.0)
