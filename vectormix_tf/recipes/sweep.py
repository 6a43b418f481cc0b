"""Sweeps: mixes for several values of alpha, each started from the one before."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Unpack

import numpy as np

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.options import MixOptions
from vectormix_tf.config.settings import MAX_FRAMES, MAX_STEPS
from vectormix_tf.errors import InputError, check_integer, check_number
from vectormix_tf.io import images, output, video
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.progress import Progress, print_line
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series

ALPHAS = "0:1:25"
# A third of the default steps of a mix: the previous mix is already near the result.
FURTHER_STEPS = 36
DIGITS = 6  # decimals of the alphas of a range, so that they are easy to read

_RANGE = re.compile(r"([^:,]+):([^:,]+):(\d{1,6})")


def parse_alphas(value: str | Sequence[float]) -> list[float]:
    """Returns the values of alpha of a sweep.

    Args:
        value: "FIRST:LAST:COUNT", e.g. "0:1:25": evenly spaced values, ends included;
            or numbers separated by commas, e.g. "0.2,0.5"; or a sequence of numbers.

    Returns:
        At least one number in [0, 1], in the order given.

    Raises:
        InputError: If a value is no number or out of range, or there are none or more
            than 9999.
    """
    range_ = _RANGE.fullmatch(value) if isinstance(value, str) else None
    try:
        if isinstance(value, str):
            parts = range_.groups()[:2] if range_ else value.split(",")
            numbers = [float(part) for part in parts]
        else:
            numbers = list(value)
    except (TypeError, ValueError):
        numbers = []
    if not numbers:
        raise InputError(
            "`alphas` must be FIRST:LAST:COUNT, such as 0:1:25, or numbers separated by"
            f" commas; received {value!r}."
        )
    count = int(range_[3]) if range_ else len(numbers)
    for number in numbers:
        check_number("alphas", number, 0, 1)
    check_integer("count of alphas", count, 1, MAX_FRAMES)
    if range_:
        return [round(x, DIGITS) for x in np.linspace(*numbers, count).tolist()]
    return numbers


def plan(
    options: Mapping[str, Any],
    alphas: Sequence[float],
    further_steps: int,
    styles: int,
    started: bool = False,
    settings: MixSettings | None = None,
) -> list[MixSettings]:
    """Returns the settings of each mix of a sweep.

    Args:
        options: Settings of all mixes, by name; must not include `alpha`.
        alphas: From `parse_alphas`.
        further_steps: Steps per octave of every mix that starts from another one.
        styles: Number of styles.
        started: Whether the first mix starts from another one as well.
        settings: See `MixSettings.of`.

    Raises:
        InputError: If a setting cannot be used.
    """
    if "alpha" in options:
        raise InputError("`alpha` comes from `alphas`; leave it out.")
    check_integer("further_steps", further_steps, 1, MAX_STEPS)
    make = functools.partial(
        MixSettings.of, content=True, styles=styles, settings=settings
    )
    first = make({**options, "alpha": alphas[0]})
    # Without steps each mix is its own start.
    further = options if first.steps == 0 else {**options, "steps": further_steps}
    return [
        make({**further, "alpha": alpha}) if i or started else first
        for i, alpha in enumerate(alphas)
    ]


def sweep(
    content: ImageLike,
    style: ImageLike | Sequence[ImageLike],
    *,
    alphas: str | Sequence[float] = ALPHAS,
    further_steps: int = FURTHER_STEPS,
    mask: ImageLike | None = None,
    style_mask: ImageLike | Sequence[ImageLike] | None = None,
    guide: ImageLike | None = None,
    start: ImageLike | None = None,
    on_progress: Callable[[Progress], None] | Literal["bar"] | None = "bar",
    settings: MixSettings | None = None,
    **options: Unpack[MixOptions],
) -> Iterator[PictureResult[MixSettings]]:
    """Makes a mix for each of several alphas, each started from the one before.

    With 0 `steps` each is made on its own.

    The initial image of a mix is the previous result rounded to 8 bits, as a PNG file
    holds it. So a sweep that continues from saved files gives the same bytes as one
    without interruption.

    Args:
        content: As of `mix`.
        style: As of `mix`.
        alphas: "FIRST:LAST:COUNT" for evenly spaced values, or numbers; see
            `parse_alphas`.
        further_steps: Steps per octave of all mixes but the first, which takes the
            setting `steps`.
        mask: As of `mix`.
        style_mask: As of `mix`.
        guide: As of `mix`.
        start: Image that the first mix starts from. It then takes `further_steps` as
            well.
        on_progress: As of `mix`.
        settings: All settings as an object; its `alpha` is ignored, and its `steps` are
            those of the first mix.
        **options: Single settings, by the names of the fields of `MixSettings` except
            `alpha`. They take precedence over `settings`.

    Returns:
        An iterator over the results, in the order of `alphas`; each mix is made when
        its result is requested. After Ctrl-C the last result has `finished` False.

    Raises:
        InputError: If an image or a setting cannot be used.
    """
    styles = len(images.several(style, "style"))
    if content is None or not styles:
        raise InputError("a sweep needs a content and a style; give both.")
    numbers = parse_alphas(alphas)
    planned = plan(options, numbers, further_steps, styles, start is not None, settings)
    arguments = {"content": content, "style": style, "mask": mask}
    arguments |= {"style_mask": style_mask, "guide": guide, "on_progress": on_progress}
    return _mixes(planned, start, arguments)


def _mixes(
    planned: Sequence[MixSettings],
    start: ImageLike | None,
    arguments: Mapping[str, Any],
) -> Iterator[PictureResult[MixSettings]]:
    from vectormix_tf.recipes.mix import mix

    for settings in planned:
        result = mix(start=start, settings=settings, **arguments)
        yield result
        if not result.finished:
            return
        start = result.pil if settings.steps else start


# --- Writing files --------------------------------------------------------------------


def to_film(
    path: str,
    planned: Sequence[MixSettings],
    recipe: Callable[..., PictureResult],
    fps: float,
    overwrite: bool,
) -> bool:
    """Makes a sweep and writes it as a film.

    Args:
        path: File to write.
        planned: Settings of all mixes, from `plan`.
        recipe: (settings, start) -> result: `mix` with its images as a partial
            function. Both arguments are passed by name.
        fps: Pictures per second; see `video.check_fps`.
        overwrite: Whether `path` may exist already.

    Returns:
        Whether the sweep is complete. After Ctrl-C it is not, and the film has the
        pictures so far.

    Raises:
        KeyboardInterrupt: After Ctrl-C before the first picture.
    """

    def make(add):
        return _make(planned, recipe, lambda i: None, lambda i, result: add(result))

    return video.record(path, make, fps, overwrite)


def to_folder(
    series: Series,
    planned: Sequence[MixSettings],
    recipe: Callable[..., PictureResult],
) -> bool:
    """Makes those mixes of a sweep that a folder does not have yet.

    Args:
        series: The folder, with a file name for each mix.
        planned: Settings of all mixes, from `plan`.
        recipe: As of `to_film`.

    Returns:
        Whether the folder has all pictures; False after Ctrl-C.
    """
    names = series.names

    def stored(i):
        return series.path(names[i]) if series.has(names[i]) else None

    def store(i, result):
        data = output.encode(result.image, ".png", result.transparency)
        series.add(names[i], data)

    return _make(planned, recipe, stored, store)


def _make(
    planned: Sequence[MixSettings],
    recipe: Callable[..., PictureResult],
    stored: Callable[[int], str | None],
    store: Callable[[int, PictureResult], None],
) -> bool:
    """Makes all mixes that are not stored, each started from the one before.

    Args:
        planned: Settings of all mixes.
        recipe: As of `to_film`.
        stored: Number of a mix -> path of its picture, None if there is none yet.
        store: (number of the mix, result) -> None, called with each new result.

    Returns:
        Whether all were made; False after Ctrl-C.
    """
    previous = None
    with contextlib.suppress(KeyboardInterrupt):
        for i, settings in enumerate(planned):
            picture = stored(i)
            if picture is None:
                print_line(
                    f"picture {i + 1}/{len(planned)}: alpha={settings.alpha:.4g}"
                )
                result = recipe(settings=settings, start=previous)
                if not result.finished:
                    return False
                store(i, result)
                picture = result.pil
            previous = picture if settings.steps else None
        return True
    return False
