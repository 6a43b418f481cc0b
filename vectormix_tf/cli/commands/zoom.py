"""`vectormix zoom`: makes a film that zooms into a dream."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_guide,
    define_output_path,
    define_settings,
    given_settings,
    input_files,
    picture_paths,
    read_pictures,
)
from vectormix_tf.cli.job import check_backend, load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.cli.paths import define_path
from vectormix_tf.cli.preview import Preview, define_preview
from vectormix_tf.config.dream import ZoomSettings
from vectormix_tf.errors import InputError
from vectormix_tf.filters.preview import unchanged
from vectormix_tf.io import images, output, video
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series
from vectormix_tf.recipes.zoom import FPS, to_film, to_folder, zoom


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `zoom`."""
    define_path("image", None, "the picture to zoom into", flag_values=values)
    define_guide(values)
    endings = " or ".join(video.FORMATS)
    define_output_path(
        values, f"a film, {endings}, or without ending a folder of pictures"
    )
    define_preview(values, "zoom")
    flags.DEFINE_float("fps", FPS, "frames per second of a film", flag_values=values)
    define_settings(ZoomSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Makes a zoom, as a film or in a folder; returns the exit code."""
    required_flag(values, "image")
    if not values["frames"].present:
        raise InputError(f"--frames is missing: {values['frames'].help}.")
    settings = ZoomSettings(**given_settings(ZoomSettings, values))
    pictures = picture_paths(values, "image", "guide")
    path = required_flag(values, "output")
    video.check_fps(values.fps, path)
    inputs = input_files(pictures, settings)
    names = [f"{i:04}.png" for i in range(1, settings.frames + 1)]
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
        taken = [path]
    else:
        check_kept(inputs, "a folder that can go on")
        taken = [path, *(os.path.join(path, name) for name in names)]
    preview = Preview(values.preview, [*inputs, *taken], values.overwrite)
    read = read_pictures(pictures, settings)
    recipe = functools.partial(zoom, **read, settings=settings)
    watched = functools.partial(_watched, recipe, preview)
    check_backend()
    with preview.begun(functools.partial(_first_picture, read["image"], settings)):
        load_tensorflow()
        if video.is_film(path):
            finished = to_film(path, watched, values.fps, values.overwrite)
            return exit_code(finished, f"wrote the film so far to {path}")
        record = dataclasses.asdict(settings) | pictures
        folder, items = os.path.normpath(path), dict.fromkeys(names, record)
        series = Series(folder, "zoom", {}, items, inputs, values.overwrite)
        finished = to_folder(series, watched)
        return exit_code(finished, f"the same command goes on in {folder}")


def _first_picture(image: ImageLike, settings: ZoomSettings) -> PictureResult:
    """Returns the picture that a zoom starts from, opaque as all frames are."""
    return dataclasses.replace(unchanged(image, settings), transparency=None)


def _watched(
    recipe: Callable[..., Iterator[PictureResult]],
    preview: Preview,
    made: Sequence[str] = (),
) -> Iterator[PictureResult]:
    """Yields the frames of a zoom, with a bar, and a preview that ends with the last.

    Args:
        recipe: `zoom` with its image and settings as a partial function.
        preview: The preview.
        made: Paths of the frames that exist already.
    """
    bar = ProgressBar("frame" if made else "octave")
    last = images.read(made[-1]).pixels[0] if made else None

    def show(progress):
        bar(progress)
        preview.show(progress)

    try:
        for result in recipe(made=made, on_progress=show):
            last = result.image
            yield result
            bar.close()
            bar = ProgressBar("frame")  # the first one is a dream with its octaves
    finally:
        bar.close()
        if last is not None:
            preview.replace(last)


COMMAND = Command(
    "films",
    "vectormix zoom --image=PHOTO --frames=N --output=FILM.mp4 [flags]",
    "Go ever deeper into a dream: a film, or a folder of frames in which the same\n"
    "command goes on where it stopped.",
    _define,
    _run,
)
