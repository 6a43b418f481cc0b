"""Style transfer: the structure of a content image with the texture of style images."""

import dataclasses
import functools
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, NamedTuple, Unpack

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.backbone.extractor import Extractor, shared_extractor
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import BACKBONES, parse_layers, whole_layers
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import LARGE, plan
from vectormix_tf.config.options import MixOptions
from vectormix_tf.config.setting import files, named_files
from vectormix_tf.errors import InputError
from vectormix_tf.io import drawings, images
from vectormix_tf.io.digest import digest
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.progress import check_callback
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
from vectormix_tf.objectives.tone import tone
from vectormix_tf.ops import masks, regions
from vectormix_tf.ops.abstraction import abstract
from vectormix_tf.ops.border import (
    PADDING,
    clip_and_pad,
    fit_padded,
    pad,
    unpadded_size,
)
from vectormix_tf.ops.chroma import Palette, limit_chroma, palette
from vectormix_tf.ops.color import color_with, recolor
from vectormix_tf.ops.placement import place_colors
from vectormix_tf.ops.resize import cover, long_side, resize, to_size
from vectormix_tf.ops.slabs import by_rows
from vectormix_tf.optim.canvas import Canvas, fourier, masked, pixels, tileable
from vectormix_tf.optim.checkpoint import check_place
from vectormix_tf.optim.observer import Observer, at_scales
from vectormix_tf.optim.optimizers import Optimizer, adam, lbfgs
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transforms, draw_transforms
from vectormix_tf.recipes.amplify import build_amplify, read_guide
from vectormix_tf.recipes.objectives import (
    check_objectives,
    layers_of,
    objective_digests,
)
from vectormix_tf.recipes.pieces import in_pieces
from vectormix_tf.recipes.run import KEPT, OnProgress, run, show_first, without_steps
from vectormix_tf.recipes.scene import MASK, Scene, Style, read_scene

# Weight of the content loss relative to the style loss:
# alpha * CONTENT_SCALE * |f1 - f1*| + (1 - alpha) * |f2 - f2*|. Found by eye: with it,
# content and style are about equally visible at alpha 0.5.
CONTENT_SCALE = 0.24
# alpha / beta of Gatys et al. 2015 (equation 7), used with `loss="gatys"`.
GATYS_CONTENT_SCALE = 1e-3

# Number of random transforms. Few, because the content needs a target for each of them
# and the style one for each combination of flips.
MIX_TRANSFORMS = 8

# Least short side of an image at one of the scales at which styles are compared, in
# units of the network's smallest input. On smaller images the layers have so few cells
# that a mix ends further from both content and style.
LEAST_LEVEL = 1.5
# Factor on the content loss where the style is compared at one scale only. The style
# loss then has fewer terms; the factor keeps the balance that `alpha` stands for.
SMALL_CONTENT = 0.5

# Exponent of the Fourier canvas. Above that of natural images (1), so that the lowest
# frequencies, and with them large strokes, change first.
FOURIER_DECAY = 1.5
NOISE = 0.1  # standard deviation of the noise that `init="noise"` starts from
LEARNING_RATES = {"fourier": 0.06, "pixels": 0.01}  # of Adam, by canvas
# Root mean square of L-BFGS's first step and of its longest one, by canvas. There is no
# line search, so that a long step on the Fourier canvas could destroy the image.
LBFGS = {
    "fourier": {"first": 0.005, "longest": 0.02},
    "pixels": {"first": 0.01, "longest": 0.1},
}
# Of Adam. Below the usual 0.999, so that the large gradients of the first steps are
# forgotten within the few steps of a run.
MIX_BETA2 = 0.99


def mix(
    content: ImageLike | None = None,
    style: ImageLike | Sequence[ImageLike] | None = None,
    *,
    mask: ImageLike | None = None,
    style_mask: ImageLike | Sequence[ImageLike] | None = None,
    guide: ImageLike | None = None,
    start: ImageLike | None = None,
    objectives: Sequence[Objective] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    settings: MixSettings | None = None,
    **options: Unpack[MixOptions],
) -> PictureResult[MixSettings]:
    """Combines the structure of one image with the texture of another, or of several.

    Minimizes, over the image x,

        alpha * 0.24 * |f1(x) - f1(content)| + (1 - alpha) * |f2(x) - f2(style)|,

    the loss of Gatys et al. 2015, arXiv:1508.06576, equation 7, with other distances,
    another network and another canvas. f1 compares layers cell by cell: the squared
    difference, relative to the content; below alpha 1 each channel is standardized
    first. f2 compares a statistic of layers: by default mean and covariance, by the
    2-Wasserstein distance. 0.12 takes the place of 0.24 where the short side of an
    image is below three times what the network needs (224 pixels for InceptionV3).
    With both pictures, alpha * `tone` times the loss of `objectives.tone` keeps the
    lightness of large areas, and `ops.chroma` limits the chroma to that of the styles.
    `preset="gatys2015"` has the distances, network, canvas and optimizer of the paper.

    With 0 `steps` nothing is minimized: the image that x would start from is finished
    and returned, without progress. What the optimization alone uses is checked, and has
    no effect. So `preset="instant"` takes a second or two.

    Args:
        content: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
            None makes a texture from the style alone.
        style: Image, as `content`, or a list of images. None reconstructs the content
            from its f1 layers.
        mask: Image: white is mixed, black keeps the content, gray blends the two. It is
            resized to the result.
        style_mask: An image for each style: white where that style is applied. It is
            resized to the result.
        guide: Image whose patterns are amplified; needs the setting `amplify`.
        start: Image that the optimization starts from, in place of the setting `init`.
        objectives: Further objectives, from `vectormix_tf.objectives`. Their losses are
            added to the loss above.
        on_progress: Called with a `Progress` before the network is loaded, whose
            picture is that of `preview` (or `start`), except with `resume`; then about
            every second. "bar" shows a progress bar, None shows nothing.
        pause_every: If not 0, `on_progress` is also called at each multiple of this
            number of steps.
        checkpoint: Path of a file to which the state of the run is saved every few
            seconds, and at its end.
        resume: Whether to continue from the file `checkpoint`. The result has the same
            bytes as that of a run without interruption.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `MixSettings`. They
            take precedence over `settings`.

    Returns:
        The mix: `image` is float32 [H, W, 3] in [0, 1]. After Ctrl-C it is the image so
        far, with `finished` False.

    Raises:
        InputError: If an image or a setting cannot be used.
    """
    check_caller()
    styles = images.several(style, "style")
    settings = MixSettings.of(options, content is not None, len(styles), settings)
    if guide is not None and not settings.amplify:
        raise InputError("`guide` needs `amplify`: the layers in which it is matched.")
    names = _objective_names(settings, guide is not None)
    user_objectives = check_objectives(objectives, settings, names)
    style_masks = images.several(style_mask, "style_mask")
    sources = [content, *styles, mask, *style_masks, guide, start, *files(settings)]
    check_place(checkpoint, sources, resume)
    if settings.steps == 0 and (checkpoint is not None or resume):
        raise InputError("with `steps` 0 there is no `checkpoint`; leave it out.")
    scene = read_scene(settings, content, styles, mask, style_masks)
    guide_image = read_guide(settings, guide)
    if start is not None:
        start = drawings.read(start, settings.max_pixels, "start picture").pixels
    if settings.steps == 0:
        check_callback(on_progress)
        settings = resolve_precision(settings, _layers(settings))
        first = functools.partial(_masked, scene, build_start(settings, scene, start))
        finish = build_finish(settings, scene)
        return without_steps(first, finish, settings, scene.transparency)
    octaves = plan(scene.size, settings, scene.shortest)
    if not resume:  # that goes on from another picture
        show_first(
            on_progress, octaves, functools.partial(scene.preview, settings, start)
        )
    settings = resolve_precision(settings, _layers(settings, user_objectives))
    steps = [octave.steps for octave in octaves]
    problem = build_problem(settings, scene, steps, guide_image, user_objectives)
    shared = None
    if _depends_on_settings_alone(settings, scene, guide_image, user_objectives):
        shared = _shared_by(settings, scene)
        problem = _with_parameters(problem, settings, scene, shared)
    first = build_start(settings, scene, start)
    further = to_size if start is not None else build_further(settings, scene)
    inputs = scene.pictures | {"start": start, "guide": guide_image}
    inputs |= named_files(settings)
    return run(
        problem,
        lambda size, image: first(size) if image is None else further(image, size),
        octaves,
        settings,
        scene.transparency,
        on_progress,
        pause_every,
        build_finish(settings, scene),
        checkpoint,
        resume,
        lambda: fingerprint("mix", _run_record(settings, user_objectives), inputs),
        shared.traces if shared else None,
    )


class Values(NamedTuple):
    """Settings that may be tensors: an exported graph gets them with each request.

    Attributes:
        alpha: Weight of the content in [0, 1]; a number, or a float32 scalar tensor.
        tv: Weight of the total variation, likewise.
        learning_rate: Of the first step, likewise; None takes the default of the
            canvas.
        seed: Of all random numbers; a number, or an int32 scalar tensor.
    """

    alpha: float | tf.Tensor
    tv: float | tf.Tensor
    learning_rate: float | tf.Tensor | None
    seed: int | tf.Tensor

    @classmethod
    def of(cls, settings: MixSettings) -> "Values":
        """Returns the values that the settings have."""
        return cls(*(getattr(settings, name) for name in cls._fields))


def _is_constant(value: float | tf.Tensor, number: float) -> bool:
    """Whether a value is no tensor and equals a number; a tensor may have any value."""
    return not tf.is_tensor(value) and value == number


def build_problem(
    settings: MixSettings,
    scene: Scene,
    steps: int | Sequence[int] | tf.Tensor,
    guide_image: tf.Tensor | None = None,
    user_objectives: Sequence[Objective] = (),
    observer: Observer | None = None,
    transforms: Transforms | None = None,
    values: Values | None = None,
) -> Problem:
    """Returns the optimization problem of a mix, of padded images.

    Args:
        settings: Settings of the mix.
        scene: Its images.
        steps: Steps of each octave; see `Problem.steps`.
        guide_image: From `amplify.read_guide`, [1, h, w, 3], or None.
        user_objectives: Objectives that are added to those of the settings.
        observer: Computes the activations of x; None builds it from the settings.
        transforms: Of which each step takes one; None draws them by the seed.
        values: None takes those of the settings.
    """
    values = values or Values.of(settings)
    if observer is None:
        extractor = build_extractor(settings, user_objectives)
        observer = Observer(extractor, scene.masks, settings.tile_side)
    if transforms is None:
        transforms = draw_transforms(
            settings.seed, MIX_TRANSFORMS, settings.jitter, settings.flips
        )
    objectives = _objectives(settings, scene, observer.extractor, guide_image, values)
    return Problem(
        observe=observer,
        objectives=[*objectives, *user_objectives],
        canvas=_canvas(settings, scene),
        optimizer=_optimizer(settings, values),
        transforms=transforms,
        seed=values.seed,
        steps=steps,
    )


# --- What mixes share -----------------------------------------------------------------


def _depends_on_settings_alone(
    settings: MixSettings,
    scene: Scene,
    guide_image: tf.Tensor | None,
    user_objectives: Sequence[Objective],
) -> bool:
    """Whether the graph of a mix does, and not on what is given.

    That of a large picture is not kept, because its pictures would be kept with it.
    """
    given = scene.masks or user_objectives or guide_image is not None
    large = max(scene.size) > LARGE
    return not (given or large or STATISTICS[settings.statistic].made_from)


def _with_parameters(
    problem: Problem, settings: MixSettings, scene: Scene, shared: "_Shared"
) -> Problem:
    """Returns a problem whose graph serves mixes with other values of some settings.

    They are those of `Values` but for the seed, which the transforms depend on, and the
    numbers of steps. An alpha of 0 or 1 and a `tv` of 0 leave objectives out.
    """
    own = Values.of(settings)
    own = own._replace(learning_rate=_learning_rate(settings, own))
    parameters = {"steps": tf.constant(np.atleast_1d(problem.steps), tf.int32)}
    parameters |= {
        name: tf.constant(getattr(own, name), tf.float32)
        for name in _parameters(settings)
    }

    def bind(parameters):
        values = {n: each for n, each in parameters.items() if n != "steps"}
        return build_problem(
            settings,
            scene,
            parameters["steps"],
            observer=problem.observe,
            transforms=problem.transforms,
            values=own._replace(**values),
        )

    return dataclasses.replace(
        problem,
        parameters=parameters,
        bind=bind,
        known=shared.targets,
        identity=problem.observe.extractor.identity("mix", *shared.key),
    )


def _parameters(settings: MixSettings) -> list[str]:
    """Names of the `Values` that are inputs of a shared graph."""
    names = ["learning_rate"]
    names += ["alpha"] if 0 < settings.alpha < 1 else []
    return names + (["tv"] if settings.tv else [])


class _Shared(NamedTuple):
    """What mixes of the same settings share.

    Attributes:
        traces: See `optimize`.
        targets: See `Problem.known`.
        key: What they share: all that makes their graph besides the shapes.
    """

    traces: dict
    targets: dict
    key: tuple


def _shared_by(settings: MixSettings, scene: Scene) -> _Shared:
    """Returns what a mix shares with others; see `_with_parameters`."""
    free = dict.fromkeys([*_parameters(settings), "steps", "finish_steps"])
    return _shared(
        repr(dataclasses.asdict(settings) | free),
        max_style_levels(scene.shortest, settings.backbone),
        tuple(style.share for style in scene.styles),
        scene.content is None,
    )


@functools.lru_cache(KEPT)
def _shared(*key) -> _Shared:
    return _Shared({}, {}, key)


def build_extractor(
    settings: MixSettings, user_objectives: Sequence[Objective] = ()
) -> Extractor:
    """Returns the extractor of all layers that a mix and `user_objectives` need."""
    return shared_extractor(settings, _layers(settings, user_objectives))


def _layers(
    settings: MixSettings, user_objectives: Sequence[Objective] = ()
) -> list[str]:
    named = [text for text in (settings.f1, settings.f2, settings.amplify) if text]
    layers = whole_layers(named, settings.backbone)
    return list(dict.fromkeys([*layers, *layers_of(user_objectives)]))


def _objective_names(settings: MixSettings, has_guide: bool) -> list[str]:
    """Names that the user's objectives may not have ("style 1", ... apart)."""
    names = ["content", "style", "tone"]
    if settings.amplify:
        names.append("guide" if has_guide else "amplify")
    return names if settings.tv == 0 else [*names, "total_variation"]


def _run_record(
    settings: MixSettings, user_objectives: Sequence[Objective]
) -> dict[str, Any]:
    """What determines the bytes of a mix besides its images, for checkpoints."""
    record = dataclasses.asdict(settings) | objective_digests(user_objectives)
    made_from = STATISTICS[settings.statistic].made_from
    if made_from:
        record[f"statistic {settings.statistic}"] = digest(made_from)
    return record


# --- Canvas, optimizer and final colors -----------------------------------------------


def _canvas(settings: MixSettings, scene: Scene) -> Canvas:
    canvas = fourier(FOURIER_DECAY) if settings.canvas == "fourier" else pixels()
    if settings.tileable:
        canvas = tileable(canvas, PADDING)
    if scene.mask is None:
        return canvas

    return masked(
        canvas,
        lambda shape: fit_padded(scene.content, shape),
        lambda shape: fit_padded(scene.mask, shape),
    )


def _optimizer(settings: MixSettings, values: Values) -> Optimizer:
    rate = _learning_rate(settings, values)
    if settings.optimizer == "adam":
        return adam(rate, beta2=MIX_BETA2)
    return lbfgs(rate, **LBFGS[settings.canvas])


def _learning_rate(settings: MixSettings, values: Values) -> float | tf.Tensor:
    if values.learning_rate is not None:
        return values.learning_rate
    return LEARNING_RATES[settings.canvas] if settings.optimizer == "adam" else 1.0


def build_finish(
    settings: MixSettings, scene: Scene, values: Values | None = None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function from the optimized image to the result, [1, H, W, 3]."""
    if settings.color == "content":
        return functools.partial(_in_colors_of, scene.original)
    alpha = (values or Values.of(settings)).alpha
    if settings.chroma == "free" or not scene.styles or _is_constant(alpha, 1):
        return lambda image: image
    palettes = [palette(style.image) for style in scene.styles]
    return functools.partial(_in_colors_of_styles, settings, scene, palettes)


def _in_colors_of(original: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    return by_rows(color_with, image, to_size(original, tf.shape(image)[1:3]))


def _in_colors_of_styles(
    settings: MixSettings, scene: Scene, palettes: Sequence[Palette], image: tf.Tensor
) -> tf.Tensor:
    """Limits the chroma of an image to the styles', where they apply."""
    size = tf.shape(image)[1:3]
    names = {style.mask for style in scene.styles}
    applied = {
        name: 1.0 if name is None else to_size(scene.masks[name], size)
        for name in names
    }
    weights = [
        (applied[style.mask] + masks.FLOOR) * (style.share if len(names) == 1 else 1.0)
        for style in scene.styles
    ]
    limited = limit_chroma(image, palettes, weights, periodic=settings.tileable)
    if names == {None}:
        return limited
    return image + tf.minimum(sum(applied.values()), 1.0) * (limited - image)


# --- Objectives -----------------------------------------------------------------------


def _objectives(
    settings: MixSettings,
    scene: Scene,
    extractor: Extractor,
    guide_image: tf.Tensor | None,
    values: Values,
) -> list[Objective]:
    """Returns the objectives of the settings, without those of weight 0."""
    objectives = []
    levels = max_style_levels(scene.shortest, settings.backbone)
    if not _is_constant(values.alpha, 0):
        objectives.append(_content_objective(settings, scene, levels, values))
        if settings.tone and not _is_constant(values.alpha, 1):
            first = functools.partial(_recolored, settings, scene)
            objectives.append(tone(first).times(values.alpha * settings.tone))
    if not _is_constant(values.alpha, 1):
        objectives += _style_objectives(settings, scene, levels, values)
    if settings.amplify:
        objectives.append(build_amplify(settings, "amplify", extractor, guide_image))
    if not _is_constant(values.tv, 0):
        objectives.append(total_variation().times(values.tv))
    return objectives


def max_style_levels(shortest: int, backbone: str) -> int:
    """Returns at how many scales styles can be compared, at least 1.

    Each scale is half of the one before. At the smallest one, the short side is still
    at least `LEAST_LEVEL` times the network's smallest input.

    Args:
        shortest: Shortest side of any image at full size, pixels.
        backbone: Name of the network.
    """
    least = round(LEAST_LEVEL * BACKBONES[backbone].minimum)
    return max(1, (shortest // least).bit_length())


def _content_objective(
    settings: MixSettings, scene: Scene, levels: int, values: Values
) -> Objective:
    """Compares f1 layers cell by cell, with the content resized to the canvas."""
    scale = CONTENT_SCALE
    if settings.loss == "gatys":
        statistic, distance, scale = identity, gatys_content, GATYS_CONTENT_SCALE
    elif not _is_constant(values.alpha, 1):
        statistic, distance = structure, None
        scale *= 1 if levels > 1 else SMALL_CONTENT
    else:
        # Standardized channels say nothing of brightness and contrast. In a mix the
        # style determines both; without one they must be compared.
        statistic, distance = identity, relative_squared
    objective = match(
        "content",
        parse_layers(settings.f1, backbone=settings.backbone),
        functools.partial(_padded_content, settings, scene),
        statistic,
        distance,
        None if scene.mask is None else _mask_weights(MASK),
    )
    return objective.times(values.alpha * scale)


def _style_objectives(
    settings: MixSettings, scene: Scene, levels: int, values: Values
) -> list[Objective]:
    """One objective for all styles if their targets can be averaged, else one each."""
    statistic = STATISTICS[settings.statistic]
    layers = parse_layers(settings.f2, backbone=settings.backbone)
    layers = at_scales(layers, min(settings.style_levels, levels))
    one_mask = len({style.mask for style in scene.styles}) == 1
    together = len(scene.styles) == 1 or (statistic.blends and one_mask)
    groups = [scene.styles] if together else [[style] for style in scene.styles]
    return [
        match(
            "style" if together else f"style {i}",
            layers,
            [_style_reference(style) for style in group],
            statistic,
            None if settings.loss == "relative" else gatys_style,
            here=None if group[0].mask is None else _mask_weights(group[0].mask),
            shares=[style.share for style in group],
        )
        # A texture depends on how the image is flipped, not on how it is shifted.
        ._replace(
            depends_on=("flip",),
            target_key=functools.cache(functools.partial(_style_key, group)),
        )
        .times((1 - values.alpha) * sum(style.share for style in group))
        for i, group in enumerate(groups, start=1)
    ]


def _style_key(styles: Sequence[Style]) -> Hashable:
    """What decides the target of styles besides the settings."""
    return tuple(
        (digest([style.image.numpy()]), style.share, style.scale) for style in styles
    )


def _style_reference(style: Style) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from padded x to the padded style.

    The style keeps its aspect ratio. Its long side is `style.scale` times that of x.
    """

    def reference(x):
        long = tf.cast(tf.reduce_max(unpadded_size(x)), tf.float32) * style.scale
        image = long_side(style.image, tf.cast(tf.round(long), tf.int32))
        return clip_and_pad(image)

    return reference


def _mask_weights(mask: str) -> Where:
    """Weights cells by an observed mask; cells of the reflected padding have 0."""

    def where(layer, observed):
        weights = regions.inside(layer, observed)
        return weights * observed[masks.at(mask, layer)]

    return where


# --- Initial images -------------------------------------------------------------------


def build_start(
    settings: MixSettings,
    scene: Scene,
    picture: np.ndarray | None = None,
    seed: int | tf.Tensor | None = None,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function from the size of the first octave to its initial image.

    Args:
        settings: With `init`, which says what the initial image is.
        scene: The images of the mix.
        picture: Initial image [1, H, W, 3] in place of `init`, or None.
        seed: Of `init="noise"`; None takes that of the settings.

    Returns:
        (height and width, int32 [2]) -> image [1, height, width, 3] in [0, 1].

    Raises:
        InputError: If `init` is a file that cannot be read.
    """
    if picture is not None:
        return lambda size: to_size(tf.constant(picture), size)
    base = _base(settings, scene)
    if settings.init in ("recolored", "content"):
        return base
    if settings.init == "pieces":
        return lambda size: in_pieces(settings, scene, base(size))
    if settings.init == "style":
        return lambda size: cover(scene.styles[0].image, size)
    if settings.init == "noise":
        seed = settings.seed if seed is None else seed
        return lambda size: _noise(size, scene.styles, seed)
    image = drawings.read(settings.init, settings.max_pixels, "init picture").pixels
    return lambda size: to_size(tf.constant(image), size)


def build_further(
    settings: MixSettings, scene: Scene
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns the function from the image at the end of an octave to the next start.

    Args:
        settings: With `octave_mode`. "enlarge" resizes the image of the octave before.
            "detail" resizes only what that octave has changed, and adds it to the
            content that the mix started from, which has the full detail of this size.
        scene: The images of the mix.

    Returns:
        (image [1, h, w, 3], height and width of the next octave as int32 [2]) -> image
        [1, height, width, 3] in [0, 1].
    """
    has_both = scene.content is not None and len(scene.styles) > 0
    from_content = settings.init in ("recolored", "content")
    if settings.octave_mode == "enlarge" or not (has_both and from_content):
        return to_size
    base = _base(settings, scene)

    def detailed(image, size):
        source = base(size)
        change = image - to_size(source, tf.shape(image)[1:3])
        return tf.clip_by_value(source + resize(change, size), 0.0, 1.0)

    return detailed


def _base(settings: MixSettings, scene: Scene) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns the function from a size to the content that a mix starts from."""
    # With `color="match"` the styles already have the colors of the content.
    in_own_colors = settings.init == "content" or settings.color == "match"
    return functools.partial(_content if in_own_colors else _recolored, settings, scene)


def _masked(scene: Scene, first: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Returns the start at full size, and the content where the mask is black."""
    size = tf.constant(scene.size)
    image = first(size)
    if scene.mask is None:
        return image
    return scene.mask * image + (1 - scene.mask) * to_size(scene.content, size)


def _content(settings: MixSettings, scene: Scene, size: tf.Tensor) -> tf.Tensor:
    """Returns the content at a size, with the detail that is to be mixed."""
    return abstract(to_size(scene.content, size), settings.abstraction)


def _padded_content(settings: MixSettings, scene: Scene, x: tf.Tensor):
    """Returns the content as `_content` in the size of a padded x, padded."""
    size = unpadded_size(x)
    if settings.abstraction == 0:
        return clip_and_pad(resize(scene.content, size))
    return pad(_content(settings, scene, size))


def _recolored(settings: MixSettings, scene: Scene, size: tf.Tensor) -> tf.Tensor:
    """Returns the content in the colors of the styles, where they apply."""
    content = _content(settings, scene, size)
    # A style of weight 0 gives no colors, also where only it would apply.
    names = {style.mask for style in scene.styles if style.share > 0}
    if names == {None}:
        return _in_palette_of(settings, scene.styles, content)
    weights = {name: to_size(scene.masks[name], size) + masks.FLOOR for name in names}
    parts = []
    for name, weight in weights.items():
        styles = [style for style in scene.styles if style.mask == name]
        parts.append(weight * _in_palette_of(settings, styles, content, weight))
    total = tf.add_n(list(weights.values()))  # [1, H, W, 1]
    rest = tf.maximum(1 - total, 0.0)  # where no style applies
    return (tf.add_n(parts) + rest * content) / (total + rest)


def _in_palette_of(
    settings: MixSettings,
    styles: Sequence[Style],
    image: tf.Tensor,
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Returns an image with the color statistics of styles; weighs its pixels."""
    palettes = [style.image for style in styles]
    shares = [style.share for style in styles]
    recolored = recolor(image, palettes, shares, weights)
    if settings.placement == 0:
        return recolored
    placed = place_colors(recolored, palettes, shares, weights)
    return recolored + settings.placement * (placed - recolored)


def _noise(
    size: tf.Tensor, styles: Sequence[Style], seed: int | tf.Tensor
) -> tf.Tensor:
    """Returns white noise around the mean color of the styles, or around gray."""
    noise = tf.random.stateless_normal([1, size[0], size[1], 3], [seed, 0])
    means = [
        style.share * tf.reduce_mean(style.image, axis=[1, 2], keepdims=True)
        for style in styles
    ]
    mean = tf.add_n(means) if means else 0.5
    return tf.clip_by_value(mean + NOISE * noise, 0.0, 1.0)
