"""Sweeping: what alpha does, each mix started from the one before."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from vectormix_tf.config.settings import MAX_FRAMES, MAX_STEPS, MixSettings
from vectormix_tf.errors import InputError, check_integer, check_number
from vectormix_tf.io import output, video
from vectormix_tf.io.progress import print_line
from vectormix_tf.io.series import Series

ALPHAS = "0:1:25"
# A third of a mix's own steps: the one before is most of the way already.
FURTHER_STEPS = 36
DIGITS = 6  # of what lies between the ends of a range: fit to be read

_RANGE = re.compile(r"([^:,]+):([^:,]+):(\d{1,6})")


def parse_alphas(value: str | Sequence[float]) -> list[float]:
    """Reads which alphas a sweep goes through.

    Args:
        value: "FIRST:LAST:COUNT", evenly from the first to the last; or numbers, with
            commas between them where it is a text.

    Returns:
        At least one, in [0, 1], in their order.

    Raises:
        InputError: If there are none, too many, or others.
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
            "`alphas` must be FIRST:LAST:COUNT, such as 0:1:25, or numbers with commas"
            f" between them; received {value!r}."
        )
    count = int(range_[3]) if range_ else len(numbers)
    for number in numbers:
        check_number("alphas", number, 0, 1)
    check_integer("count of alphas", count, 1, MAX_FRAMES)
    if range_:
        return [round(x, DIGITS) for x in np.linspace(*numbers, count).tolist()]
    return numbers


def plan(
    given: Mapping[str, Any],
    alphas: Sequence[float],
    further_steps: int,
    styles: int,
    started: bool = False,
    settings: MixSettings | None = None,
) -> list[MixSettings]:
    """Returns the settings of each mix of a sweep.

    Args:
        given: Settings of all of them, by name.
        alphas: From `parse_alphas`.
        further_steps: Of all but the first.
        styles: How many styles there are.
        started: Whether the first one, too, starts from the one before.
        settings: See `MixSettings.of`.

    Raises:
        InputError: If they are wrong.
    """
    if "alpha" in given:
        raise InputError("`alpha` comes from `alphas`; leave it out.")
    check_integer("further_steps", further_steps, 1, MAX_STEPS)
    further = {"steps": further_steps}
    return [
        MixSettings.of(
            {**given, **(further if i or started else {}), "alpha": alpha},
            True,
            styles,
            settings,
        )
        for i, alpha in enumerate(alphas)
    ]


def sweep(
    content: Any,
    style: Any,
    *,
    alphas: str | Sequence[float] = ALPHAS,
    further_steps: int = FURTHER_STEPS,
    mask: Any = None,
    style_mask: Any = None,
    guide: Any = None,
    start: Any = None,
    on_progress: Any = "bar",
    settings: MixSettings | None = None,
    **options,
) -> Iterator[Any]:
    """Shows what alpha does: a mix for each, started from the one before.

    The one before is taken as a file holds it, in 8 bits: so a sweep that goes on from
    files gives the same bytes as one that was never stopped.

    Args:
        content: As `mix` takes it.
        style: As `mix` takes it.
        alphas: "FIRST:LAST:COUNT", or numbers.
        further_steps: Steps per octave of all but the first, which takes `steps`.
        mask: As `mix` takes it.
        style_mask: As `mix` takes it.
        guide: As `mix` takes it.
        start: The picture before the first, which then takes `further_steps` as well.
        on_progress: As `mix` takes it.
        settings: All settings as an object, but for `alpha` and `steps`.
        **options: Settings by name, those of `MixSettings` but for `alpha`; they win.

    Returns:
        An iterator over a `PictureResult` for each alpha; after Ctrl-C the last one is
        that which there was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    if content is None or style is None:
        raise InputError("a sweep needs a content and a style; give both.")
    numbers = parse_alphas(alphas)
    styles = len(style) if isinstance(style, list | tuple) else 1
    planned = plan(options, numbers, further_steps, styles, start is not None, settings)
    others = {"mask": mask, "style_mask": style_mask, "guide": guide}
    others |= {"on_progress": on_progress}
    return _mixes(content, style, planned, start, others)


def _mixes(content, style, planned, before, others) -> Iterator[Any]:
    from vectormix_tf.recipes.mix import mix

    for settings in planned:
        result = mix(content, style, start=before, settings=settings, **others)
        yield result
        if not result.finished:
            return
        before = result.pil


# --- Into files -----------------------------------------------------------------------


def to_film(
    path: str,
    planned: Sequence[MixSettings],
    recipe: Callable[..., Any],
    fps: float,
    overwrite: bool,
) -> bool:
    """Makes a sweep and writes it as a film.

    Args:
        path: Of the film.
        planned: Settings of all mixes, from `plan`.
        recipe: `mix`, with its pictures; called with `settings` and `start`.
        fps: Pictures per second.
        overwrite: Whether a file may be replaced.

    Returns:
        Whether all of it was made; False after Ctrl-C, with the film so far.

    Raises:
        KeyboardInterrupt: If there was no picture yet.
    """

    def make(keep):
        return _make(planned, recipe, lambda i: None, lambda i, made: keep(made))

    return video.record(path, make, fps, overwrite)


def to_folder(
    series: Series, planned: Sequence[MixSettings], recipe: Callable[..., Any]
) -> bool:
    """Makes what a folder lacks of a sweep.

    Args:
        series: With a name for each mix.
        planned: Settings of all mixes, from `plan`.
        recipe: `mix`, with its pictures; called with `settings` and `start`.

    Returns:
        Whether all is there; False after Ctrl-C.
    """
    names = series.names
    series.begin()
    return _make(
        planned,
        recipe,
        lambda i: series.path(names[i]) if series.has(names[i]) else None,
        lambda i, made: series.add(
            names[i], output.encode(made.image, ".png", made.transparency)
        ),
    )


def _make(
    planned: Sequence[MixSettings],
    recipe: Callable[..., Any],
    stored: Callable[[int], Any],
    keep: Callable[[int, Any], None],
) -> bool:
    """Makes what is not stored, each picture from the one before."""
    before = None
    with contextlib.suppress(KeyboardInterrupt):
        for i, settings in enumerate(planned):
            picture = stored(i)
            if picture is None:
                print_line(
                    f"picture {i + 1}/{len(planned)}: alpha={settings.alpha:.4g}"
                )
                made = recipe(settings=settings, start=before)
                if not made.finished:
                    return False
                keep(i, made)
                picture = made.pil
            before = picture
        return True
    return False
