"""`vectormix film`: gives a film the texture of a painting, without flicker."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_output_path,
    define_settings,
    define_styles,
    input_files,
    mix_inputs,
    read_pictures,
)
from vectormix_tf.cli.job import check_backend, load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code, print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.cli.preview import Preview, define_preview
from vectormix_tf.config.film import KEYED, FilmSettings, Key, check_keys
from vectormix_tf.filters.flow import check_opencv
from vectormix_tf.io import clips, images, output, video
from vectormix_tf.io.clips import Clip
from vectormix_tf.io.completion import complete
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series
from vectormix_tf.recipes.reel import Reel, frame_names

FRAMES = ".frames"  # ending of the folder in which a film is made


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `film`."""
    define_path(
        "video",
        None,
        "the film whose shapes are kept: a video, or a folder of pictures",
        flag_values=values,
    )
    define_styles(values)
    define_path(
        "mask",
        None,
        "a picture or a film: white is mixed, black stays the film, gray is between",
        flag_values=values,
    )
    endings = " or ".join(video.FORMATS)
    define_output_path(
        values, f"a film, {endings}, or without ending a folder of pictures"
    )
    define_preview(values, "film")
    flags.DEFINE_multi_string(
        "key",
        [],
        "FRAME:NAME=VALUE, such as 25:alpha=0.3: a value at a frame, from 1; between"
        f" keys it changes evenly: {' '.join(KEYED)}",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "every",
        1,
        "make each N-th frame, and those between by moving these: a quick look",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps",
        clips.FPS,
        "frames per second of a folder of pictures",
        flag_values=values,
    )
    define_settings(FilmSettings, values)


def _run(values: flags.FlagValues) -> int:
    """Makes a film, or a folder of its frames; returns the exit code."""
    for flag in ("video", "style"):
        required_flag(values, flag)
    pictures, options = mix_inputs(values, ("video", "style", "mask"), FilmSettings)
    settings = FilmSettings.of(options, True, len(pictures["style"]))
    keys = [Key.parse(key) for key in values.key]
    check_keys(keys, settings, len(pictures["style"]))
    path = required_flag(values, "output")
    video.check_fps(values.fps)
    check_opencv()
    is_film = video.is_film(path)
    inputs = input_files(pictures, settings)
    check_kept(inputs, "a film that can go on")
    folder = os.path.normpath(path + FRAMES if is_film else path)
    if is_film:
        output.check_path(path, inputs, values.overwrite)
    preview = Preview(values.preview, [*inputs, path, folder], values.overwrite)
    clip = clips.read(pictures["video"], values.fps, settings.max_pixels)
    if is_film:
        video.check_fps(len(clip.times) / float(clip.end), path)
    mask = _read_mask(pictures["mask"], values.fps, settings)
    style = read_pictures({"style": pictures["style"]}, settings)["style"]
    check_backend()
    load_tensorflow()
    from vectormix_tf.recipes.film import film

    about = {"key": values.key, "every": values.every, "fps": values.fps}
    items = dict.fromkeys(
        frame_names(len(clip.times)), dataclasses.asdict(settings) | pictures
    )
    files = [*inputs, *clip.files, *(mask.files if isinstance(mask, Clip) else ())]
    files = [file for file in dict.fromkeys(files) if not os.path.isdir(file)]
    series = Series(folder, "film", about, items, files, values.overwrite)
    reel = Reel(series, clip, values.every)
    recipe = functools.partial(
        film, clip.only(reel.chosen), style, mask=mask, keys=keys, settings=settings
    )
    finished = reel.make(functools.partial(_watched, recipe, preview)) and reel.fill()
    if not finished:
        return exit_code(False, f"the same command goes on in {folder}")
    if is_film:
        complete(reel.write, path, values.overwrite)
        complete(reel.remove)
    _report(path, reel)
    return 0


def _report(path: str, reel: Reel) -> None:
    """Prints how much the film flickers, if it has two frames of a scene."""
    if reel.mean_errors is not None:
        own, source = reel.mean_errors
        print_result(
            f"{path}: warping error {own:.6f}; of the film that it was made from"
            f" {source:.6f}"
        )


def _read_mask(path: str | None, fps: float, settings: FilmSettings) -> Any:
    """Returns the mask: a picture, a film or None."""
    if path is None:
        return None
    if os.path.isdir(path) or not path.lower().endswith(images.ENDINGS):
        return clips.read(path, fps, settings.max_pixels)
    return read_pictures({"mask": path}, settings)["mask"]


def _watched(
    recipe: Callable[..., Iterator[PictureResult]],
    preview: Preview,
    **made: Any,
) -> Iterator[PictureResult]:
    """Yields the frames of a film, with a bar and a preview.

    Args:
        recipe: `film` with its arguments as a partial function.
        preview: The preview.
        **made: What is done already.
    """
    with preview.begun(None), contextlib.closing(ProgressBar("frame")) as bar:

        def show(progress):
            bar(progress)
            preview.show(progress)

        for result in recipe(on_progress=show, **made):
            preview.replace(result.image)
            yield result


COMMAND = Command(
    "films",
    "vectormix film --video=FILM.mp4 --style=PAINTING --output=MIX.mp4 [flags]",
    "Give a film the texture of a painting, without flicker, and with its sound.\n"
    "The same command goes on where it stopped.",
    _define,
    _run,
)
