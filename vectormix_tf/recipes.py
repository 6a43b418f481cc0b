"""Recipes: what this package makes. Each is a list of terms handed to the one loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf import images, octaves, rules
from vectormix_tf.canvas import as_it_is, fourier, pixels
from vectormix_tf.colors import hold_light, recolor
from vectormix_tf.features import Extractor
from vectormix_tf.loop import Problem, Result, optimize
from vectormix_tf.objectives import (
    Term,
    amplify,
    match,
    plain_norm,
    relative_squared,
    squared_norm,
    total_variation,
)
from vectormix_tf.pictures import (
    OnProgress,
    PictureResult,
    check_size,
    draw_shifts,
    frame,
    inner_size,
    inside,
    observer,
    plan,
    run,
    to_size,
)
from vectormix_tf.settings import (
    MAX_STEPS,
    NORMS,
    DreamSettings,
    InputError,
    MixSettings,
    build,
    check_choice,
    check_integer,
    check_number,
    parse_layers,
)
from vectormix_tf.statistics import gram

# At alpha 0.5 the relative match of f1 counts this much of the relative Gram distance
# of f2: there photograph and painting balance to the eye. It is how `alpha` keeps the
# mission's meaning: h = alpha * CONTENT_SCALE * |f1 - f1*| + (1 - alpha) * |f2 - f2*|.
CONTENT_SCALE = 0.225

# A mix looks through one of a few windows, at most so many pixels apart, at every step:
# the grid of the network's strides averages out. The content has a target for each.
MIX_SHIFTS, MIX_SHIFT = 8, 8
DREAM_SHIFTS = 256  # a dream has no target that moves, so it may have many

# A dream's gradient loses its finest waves: the speckles of the plain recipe.
DREAM_DECAY, DREAM_CUTOFF = 0.5, 0.25

FOURIER_DECAY = 1.5  # steeper than natural pictures (1): broad strokes move first
NOISE = 0.1  # standard deviation of the noise that --init=noise starts from
VECTOR_RATE, VECTOR_FINAL = 0.05, 1e-4  # of Adam, for vectors: share of the distance
LEARNING_RATES = {"fourier": 0.04, "pixels": 0.01}
MIX_BETA2 = 0.99  # Adam forgets large early gradients within the few steps of a run

# --- Mixing of pictures ---------------------------------------------------------------


def mix(
    content: Any,
    style: Any,
    *,
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    **settings,
) -> PictureResult:
    """Gives the shapes of one picture the texture of another.

    Minimizes alpha * 0.225 * |f1(x) - f1(content)| + (1 - alpha) * |f2(x) - f2(style)|,
    with f1 layers of InceptionV3 compared cell by cell (relative, squared), f2 the Gram
    matrices of layers (relative, L1); Gatys et al. 2015, arXiv:1508.06576, with other
    distances, canvas and network.

    Args:
        content: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        style: Likewise.
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        **settings: Those of `MixSettings`.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    chosen = build(MixSettings, settings)
    painting = images.read(style, chosen.max_pixels, "style picture").pixels
    photograph = images.read(content, chosen.max_pixels, "content picture")
    size = images.fitted_size(*photograph.pixels.shape[1:3], chosen.size)
    style_size = images.fitted_size(*painting.shape[1:3], max(size))
    check_size(size, "content picture")
    check_size(style_size, "style picture")
    photograph = images.fit(photograph, size)
    scene = tf.constant(photograph.pixels)
    texture = tf.constant(images.resize(painting, style_size))
    sizes = plan(size, chosen, min(size + style_size))

    f1, f2 = parse_layers(chosen.f1), parse_layers(chosen.f2)
    dreamt = parse_layers(chosen.amplify) if chosen.amplify else {}
    extractor = Extractor({**f1, **f2, **dreamt}, chosen.weights)
    problem = Problem(
        observe=observer(extractor),
        terms=_mix_terms(chosen, scene, texture, f1, f2, dreamt, inside(extractor)),
        canvas=_CANVASES[chosen.canvas](),
        rule=rules.adam(
            chosen.learning_rate or LEARNING_RATES[chosen.canvas], beta2=MIX_BETA2
        ),
        shifts=draw_shifts(chosen.seed, MIX_SHIFTS, MIX_SHIFT),
        seed=chosen.seed,
        steps=chosen.steps,
    )
    first = _mix_start(chosen, scene, texture)

    def start(size, before):
        return first(size) if before is None else to_size(before, size)

    return run(
        problem, start, sizes, chosen, photograph.alpha, on_progress, pause_every
    )


_CANVASES = {"fourier": lambda: fourier(FOURIER_DECAY), "pixels": pixels}


def _mix_terms(chosen, scene, texture, f1, f2, dreamt, where) -> list[Term]:
    """The terms that count; at alpha 0 or 1 one of the pictures has no say at all."""

    def exactly(x):  # cell by cell: the size of the canvas
        return frame(to_size(scene, inner_size(x)))

    def in_its_aspect(x):  # texture: the long side of the canvas
        long = octaves.long_side(texture, tf.reduce_max(inner_size(x)))
        return frame(tf.clip_by_value(long, 0.0, 1.0))

    terms = []
    if chosen.alpha > 0:
        weight = chosen.alpha * CONTENT_SCALE
        content = match("content", f1, exactly, distance=relative_squared, where=where)
        terms.append(content.times(weight))
    if chosen.alpha < 1:
        style = match("style", f2, in_its_aspect, gram, where=where)
        terms.append(style.times(1 - chosen.alpha))
    if dreamt:
        terms.append(amplify(dreamt, where=where))
    if chosen.tv:
        terms.append(total_variation().times(chosen.tv))
    return terms


def _mix_start(chosen, scene, texture) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the first octave's size (int32 [2]) to an image."""
    if chosen.init == "recolored":
        return lambda size: recolor(to_size(scene, size), texture)
    if chosen.init == "content":
        return lambda size: to_size(scene, size)
    if chosen.init == "style":
        return lambda size: octaves.cover(texture, size)
    if chosen.init == "noise":
        return lambda size: _noise(size, texture, chosen.seed)
    picture = images.read(chosen.init, chosen.max_pixels, "init picture")
    return lambda size: to_size(tf.constant(picture.pixels), size)


def _noise(size, texture, seed):
    """White noise around the mean color of the texture: nothing of the content."""
    noise = tf.random.stateless_normal([1, size[0], size[1], 3], [seed, 0])
    mean = tf.reduce_mean(texture, axis=[1, 2], keepdims=True)
    return tf.clip_by_value(mean + NOISE * noise, 0.0, 1.0)


# --- Dreaming -------------------------------------------------------------------------


def dream(
    image: Any,
    *,
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    **settings,
) -> PictureResult:
    """Lets the network exaggerate what it sees in a picture (inceptionism).

    Mordvintsev et al. 2015, "Inceptionism: Going deeper into neural networks"; octaves
    with lost detail given back and jitter are those of google/deepdream's notebook.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        **settings: Those of `DreamSettings`.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If the picture or a setting cannot be used; one line says why.
    """
    chosen = build(DreamSettings, settings)
    picture = images.read(image, chosen.max_pixels)
    size = images.fitted_size(*picture.pixels.shape[1:3], chosen.size)
    check_size(size, "picture")
    picture = images.fit(picture, size)
    scene = tf.constant(picture.pixels)
    sizes = plan(size, chosen, min(size))

    layers = parse_layers(chosen.layers)
    extractor = Extractor(layers, chosen.weights)
    problem = Problem(
        observe=observer(extractor),
        terms=[amplify(layers, where=inside(extractor))],
        canvas=pixels(),
        rule=rules.smoothed(
            rules.normalized_descent(chosen.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        shifts=draw_shifts(chosen.seed, DREAM_SHIFTS, chosen.jitter),
        seed=chosen.seed,
        steps=chosen.steps,
    )

    def start(size, before):
        now = to_size(scene, size)
        if before is None:
            return now
        # What was dreamt so far, on a picture that has this octave's detail.
        dreamt = light(before) - to_size(scene, tf.shape(before)[1:3])
        return tf.clip_by_value(now + octaves.resize(dreamt, size), 0.0, 1.0)

    def light(image):
        return hold_light(image, to_size(scene, tf.shape(image)[1:3]))

    return run(
        problem, start, sizes, chosen, picture.alpha, on_progress, pause_every, light
    )


# --- Mixing of vectors ----------------------------------------------------------------


def mix_vectors(
    x1: Any,
    x2: Any,
    f1: Callable[[tf.Tensor], tf.Tensor],
    f2: Callable[[tf.Tensor], tf.Tensor],
    alpha: float = 0.5,
    *,
    norm: str = "plain",
    init: Any = None,
    steps: int = 500,
    learning_rate: float | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Minimizes alpha * ||f1(x) - f1(x1)|| + (1 - alpha) * ||f2(x) - f2(x2)||.

    Pictures are one use of it, through the same loop.

    Args:
        x1: Tensor of any shape; made float32.
        x2: Likewise; another shape is fine where f1 and f2 allow it.
        f1: Differentiable TensorFlow function of x; its value has the same shape for x
            and x1.
        f2: Likewise for x and x2.
        alpha: In [0, 1].
        norm: "plain" for the Euclidean norm, "squared" for its square. With identities
            as f1 and f2 the square has its minimum at alpha * x1 + (1 - alpha) * x2,
            the plain norm at one end of the segment unless alpha is 0.5.
        init: Where x starts; None for x1.
        steps: Of Adam.
        learning_rate: Of Adam at the first step, in units of x; None takes a share of
            the distance between x1 and x2.
        on_progress: Called with a `Progress` about every second.

    Returns:
        A `Result`; its `x` is the mix.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_number("alpha", alpha, 0, 1)
    check_integer("steps", steps, 1, MAX_STEPS)
    check_choice("norm", norm, NORMS)
    x1, x2 = _vector("x1", x1), _vector("x2", x2)
    first = x1 if init is None else _vector("init", init)
    distance = plain_norm if norm == "plain" else squared_norm
    pairs = {"f1": (f1, x1, alpha), "f2": (f2, x2, 1 - alpha)}
    problem = Problem(
        observe=lambda x, shift, names: {n: pairs[n][0](x) for n in names},
        terms=[
            match(n, {n: 1.0}, lambda _, x=x: x, distance=distance).times(weight)
            for n, (_, x, weight) in pairs.items()
        ],
        canvas=as_it_is(),
        rule=rules.adam(learning_rate or _reach(x1, x2) * VECTOR_RATE, VECTOR_FINAL),
        steps=steps,
    )
    return optimize(problem, lambda octave, before: first, on_progress=on_progress)


def _vector(name, values) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(np.asarray(values, np.float32))
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"`{name}` must be a tensor of numbers: {reason}") from error
    if not np.isfinite(tensor.numpy()).all():
        raise InputError(f"`{name}` must be finite; it holds NaN or infinity.")
    return tensor


def _reach(x1, x2) -> float:
    """Root mean square of x1 - x2, or of both where shapes differ."""
    if x1.shape == x2.shape:
        reach = np.sqrt(np.mean((x1 - x2) ** 2))
    else:
        reach = np.sqrt(np.mean(x1**2)) + np.sqrt(np.mean(x2**2))
    return float(reach) or 1.0
