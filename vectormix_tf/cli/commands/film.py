"""`vectormix film`: gives a film the texture of a painting, or dreams it."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_guide,
    define_output_path,
    define_settings,
    define_styles,
    given_settings,
    input_files,
    mix_inputs,
    picture_paths,
    read_pictures,
)
from vectormix_tf.cli.job import check_backend, load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code, print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.cli.preview import Preview, define_preview
from vectormix_tf.config.film import (
    KEYED,
    DreamFilmSettings,
    FilmSettings,
    Key,
    check_keys,
)
from vectormix_tf.config.setting import field_of, settings_of
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError
from vectormix_tf.filters.flow import check_opencv
from vectormix_tf.io import clips, output, video
from vectormix_tf.io.completion import complete
from vectormix_tf.io.images import Picture
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
    flags.DEFINE_boolean(
        "dream",
        False,
        "dream the film, in place of a style: with the flags of `dream`",
        flag_values=values,
    )
    define_guide(values)
    define_path(
        "mask",
        None,
        "a picture or a film: white is changed, black stays the film, gray is between",
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
    define_settings(DreamFilmSettings, values, without=settings_of(FilmSettings))
    for field in dataclasses.fields(DreamFilmSettings):
        flag, default = values[field.name], field.default
        if field.name not in settings_of(FilmSettings):
            flag.help += "; of --dream"
        elif default != field_of(FilmSettings, field.name).default:
            flag.help += f"; of --dream {default} by default"


class _Work(NamedTuple):
    """What a film is made by, with its flags checked.

    Attributes:
        settings: All settings.
        pictures: Flag -> path, list of paths or None.
        keys: Key frames.
    """

    settings: FilmSettings | DreamFilmSettings
    pictures: dict[str, Any]
    keys: list[Key]


def _work(values: flags.FlagValues) -> _Work:
    """Checks the flags that say how frames look."""
    _check_kind(values)
    if values.dream:
        options = given_settings(DreamFilmSettings, values)
        if str(options.get("size")).isdecimal():  # that of a mix may be a pair
            options["size"] = int(values["size"].value)
        dream = DreamFilmSettings(**options)
        return _Work(dream, picture_paths(values, "video", "guide", "mask"), [])
    required_flag(values, "style")
    pictures, options = mix_inputs(values, ("video", "style", "mask"), FilmSettings)
    count = len(pictures["style"])
    settings = FilmSettings.of(options, True, count)
    keys = [Key.parse(key) for key in values.key]
    check_keys(keys, settings, count)
    return _Work(settings, pictures, keys)


def _check_kind(values: flags.FlagValues) -> None:
    """Refuses flags that only the other kind of film has."""
    mix, dream = (set(settings_of(k)) for k in (FilmSettings, DreamFilmSettings))
    others, what = (dream - mix) | {"guide"}, "is of --dream; add that, or leave it"
    if values.dream:
        others, what = (mix - dream) | {"style", "key"}, "is not of --dream; leave one"
    for flag in sorted(others & set(values)):
        if values[flag].present:
            raise InputError(f"--{flag} {what} out.")


def _run(values: flags.FlagValues) -> int:
    """Makes a film, or a folder of its frames; returns the exit code."""
    required_flag(values, "video")
    work = _work(values)
    settings, pictures = work.settings, work.pictures
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
    read = _read(pictures, values.fps, settings)
    check_backend()
    load_tensorflow()
    about = {flag: values[flag].value for flag in ("dream", "key", "every", "fps")}
    items = dict.fromkeys(
        frame_names(len(clip.times)), dataclasses.asdict(settings) | pictures
    )
    files = [*inputs, *clip.files, *getattr(read["mask"], "files", ())]
    files = [file for file in dict.fromkeys(files) if not os.path.isdir(file)]
    series = Series(folder, "film", about, items, files, values.overwrite)
    reel = Reel(series, clip, values.every)
    from vectormix_tf.recipes.film import film_of

    start = film_of(settings, work.keys)
    recipe = functools.partial(start, clip.only(reel.chosen), **read)
    finished = reel.make(functools.partial(_watched, recipe, preview)) and reel.fill()
    if not finished:
        return exit_code(False, f"the same command goes on in {folder}")
    if is_film:
        complete(reel.write, path, values.overwrite)
        complete(reel.remove)
    if reel.flicker:
        print_result(f"{path}: {reel.flicker}")
    return 0


def _read(pictures: dict[str, Any], fps: float, settings: Settings) -> dict[str, Any]:
    """Reads all but the film itself; the mask may be a film too."""
    others = {name: each for name, each in pictures.items() if name != "video"}
    path = others.pop("mask")
    mask = path if path is None else _read_mask(path, fps, settings)
    return read_pictures(others, settings) | {"mask": mask}


def _read_mask(path: str, fps: float, settings: Settings) -> Picture | clips.Clip:
    if clips.is_clip(path):
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
    "Give a film the texture of a painting, or with --dream in its place let the\n"
    "network dream it: without flicker, and with its sound. The same command goes on\n"
    "where it stopped.",
    _define,
    _run,
)
