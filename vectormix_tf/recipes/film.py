"""Films in the style of a painting, and films that are dreamt: frame by frame."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Literal, Unpack

import numpy as np

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings, Key, check_keys
from vectormix_tf.config.options import DreamFilmOptions, FilmOptions
from vectormix_tf.config.setting import combined
from vectormix_tf.config.settings import Settings
from vectormix_tf.filters import flow
from vectormix_tf.filters.frames import WHITE, Past, to_bytes
from vectormix_tf.io import clips, images
from vectormix_tf.io.clips import Clip
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.progress import ProgressBar, check_callback
from vectormix_tf.recipes.film_dream import DreamFilm
from vectormix_tf.recipes.film_frames import FilmFrame, FilmRecipe, FrameMaker
from vectormix_tf.recipes.film_mix import MixFilm
from vectormix_tf.recipes.run import OnProgress

# Whatever frames are read from.
Video = str | os.PathLike[str] | Clip | Sequence[ImageLike]


def film(
    video: Video,
    style: ImageLike | Sequence[ImageLike],
    *,
    mask: ImageLike | Clip | None = None,
    keys: Sequence[Key | str] = (),
    made: int = 0,
    past: Sequence[Past] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    settings: FilmSettings | None = None,
    **options: Unpack[FilmOptions],
) -> Iterator[FilmFrame]:
    """Makes the frames of a film in the style of a painting, without flicker.

    Args:
        video: Path of a video or of a folder of pictures, a `Clip`, or the frames.
        style: As of `mix`.
        mask: Image or film: white is mixed, black keeps the film, gray blends the two.
            As a departure from `mix` the statistics are those of whole frames.
        keys: Values that settings have at some frames (`Key`, or texts as
            "25:alpha=0.3"); between them they change evenly.
        made: How many frames are done already: the film continues after them.
        past: `FilmFrame.past` of the last one of them.
        on_progress: Called with a `Progress` about every second, in which the frames
            count as octaves; "bar" shows a progress bar, None shows nothing.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `FilmSettings`. They
            take precedence over `settings`.

    Returns:
        An iterator over the frames that are not done yet; each is made when it is
        requested. With `past`, the bytes are those of a film that was not interrupted.

    Raises:
        InputError: If a picture or a setting cannot be used.
        KeyboardInterrupt: By the iterator, after Ctrl-C. There are no unfinished
            frames.
    """
    check_caller()
    styles = images.several(style, "style")
    settings = FilmSettings.of(options, True, len(styles), settings)
    keys = [Key.parse(key) if isinstance(key, str) else key for key in keys]
    check_keys(keys, settings, len(styles))

    def recipe(first):
        return MixFilm(settings, first, styles, keys)

    return _film(recipe, video, mask, made, past, on_progress, settings)


def dream_film(
    video: Video,
    *,
    guide: ImageLike | None = None,
    mask: ImageLike | Clip | None = None,
    made: int = 0,
    past: Sequence[Past] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    settings: DreamFilmSettings | None = None,
    **options: Unpack[DreamFilmOptions],
) -> Iterator[FilmFrame]:
    """Makes the frames of a film that is dreamt, without flicker.

    Args:
        video: As of `film`.
        guide: As of `dream`.
        mask: As of `film`.
        made: As of `film`.
        past: As of `film`.
        on_progress: As of `film`.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `DreamFilmSettings`.
            They take precedence over `settings`.

    Returns:
        As `film`.

    Raises:
        InputError: As `film`.
        KeyboardInterrupt: As `film`.
    """
    check_caller()
    settings = combined(DreamFilmSettings, settings, options)

    def recipe(first):
        return DreamFilm(settings, first, guide)

    return _film(recipe, video, mask, made, past, on_progress, settings)


def film_of(
    settings: FilmSettings | DreamFilmSettings, keys: Sequence[Key | str] = ()
) -> Callable[..., Iterator[FilmFrame]]:
    """Returns `film` or `dream_film` with these settings, by their class.

    Args:
        settings: All settings.
        keys: As of `film`; a dream has none.
    """
    if isinstance(settings, DreamFilmSettings):
        return functools.partial(dream_film, settings=settings)
    return functools.partial(film, keys=keys, settings=settings)


def _film(
    recipe: Callable[[np.ndarray], FilmRecipe],
    video: Video,
    mask: ImageLike | Clip | None,
    made: int,
    past: Sequence[Past],
    on_progress: OnProgress | Literal["bar"] | None,
    settings: Settings,
) -> Iterator[FilmFrame]:
    """Checks the rest of what `film` is given, and returns its frames.

    Args:
        recipe: The first frame of the film, uint8 [H, W, 3] -> how frames are made.
        video: As of `film`, and so the others.
    """
    check_callback(on_progress)
    flow.check_opencv()
    if isinstance(video, str | os.PathLike):
        video = clips.read(os.fspath(video), clips.FPS, settings.max_pixels)
    first = _frames(video, 0, settings)
    frames = zip(
        _numbers(video)[made:],
        _frames(video, made, settings),
        _masks(mask, video, made, settings),
        strict=False,
    )
    picture = None if isinstance(mask, Clip) else mask

    def maker():
        maker = FrameMaker(recipe(next(first)), picture, len(_numbers(video)) - made)
        maker.past = list(past)
        maker.announce()
        return maker

    return _made(frames, maker, on_progress)


def _made(
    frames: Iterable[tuple[int, np.ndarray, np.ndarray | None]],
    prepare: Callable[[], FrameMaker],
    on_progress: OnProgress | Literal["bar"] | None,
) -> Iterator[FilmFrame]:
    """Yields frames; see `film`.

    Args:
        frames: Number of each, the frame, and its mask if that is a film.
        prepare: Returns what makes them; called if there is a frame.
        on_progress: As of `film`.
    """
    maker = None
    bar = ProgressBar("frame") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        for number, frame, mask in frames:
            maker = maker or prepare()
            yield maker.make(frame, mask, number, bar or on_progress)


def _numbers(video: Clip | Sequence[ImageLike]) -> list[int]:
    """Numbers of the frames, from 1; those of a part of a film are as in the film."""
    if not isinstance(video, Clip):
        return list(range(1, len(video) + 1))
    return [number + 1 for number in video.numbers or range(len(video.times))]


def _frames(video, made, settings) -> Iterator[np.ndarray]:
    """Yields the frames of a film after those that are done, uint8 [H, W, 3]."""
    if isinstance(video, Clip):
        yield from video.frames(range(made, len(video.times)))
        return
    for frame in video[made:]:
        pixels = images.read(frame, settings.max_pixels, "frame").pixels
        yield to_bytes(pixels[0])


def _masks(mask, video, made, settings) -> Iterator[np.ndarray | None]:
    """Yields the mask of each of these frames, [1, h, w, 1] in [0, 1].

    None, if they do not have one each.
    """
    if isinstance(mask, Clip):
        if isinstance(video, Clip):
            times = video.times
        else:
            times = tuple(Fraction(i) / Fraction(clips.FPS) for i in range(len(video)))
        for frame in mask.frames([mask.at(time) for time in times[made:]]):
            yield np.float32(frame).mean(axis=2)[np.newaxis, ..., np.newaxis] / WHITE
        return
    while True:
        yield None
