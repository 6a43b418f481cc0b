"""Makes a clip of pictures of the examples, and measures how much its mix flickers.

    python benchmarks/films.py clip CLIP.mp4
    python benchmarks/films.py flicker CLIP.mp4 [STYLE.jpg]
    python benchmarks/films.py strip STRIP.jpg CLIP.mp4 FILM.mp4 --frames=1,9,17

The clip is a camera that moves over a photograph and comes nearer, while a flower
passes in front; then there is a cut to another photograph. The second command makes the
film as `vectormix film` does, then each frame by itself, and compares both with the
clip; without a style these are dreams. The third one shows frames of films beside each
other, a row for each film.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import vectormix_tf as vm
from vectormix_tf.filters import flow
from vectormix_tf.io import clips, video

PICTURES = Path(__file__).parents[1] / "examples/images"
FIRST, SECOND = PICTURES / "content_pavilion.jpg", PICTURES / "content_cat.jpg"
PASSING, ITS_MASK = PICTURES / "content_flower.jpg", PICTURES / "mask_flower.png"

SIZE, FPS = (512, 288), 25  # width, height; frames per second
FRAMES, CUT = 125, 90  # how many, and the first one of the second photograph
NEARER = 0.9, 0.7  # share of the photograph's width that is seen, at first and last
PASSING_SIZE = 170  # pixels
SHOWN, QUALITY = 384, 88  # of a strip: pixels of a frame's width; of JPEG


def main(arguments: list[str] | None = None) -> None:
    """Runs one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("clip", help="make the clip")
    make.add_argument("path")
    make.add_argument("--frames", type=int, default=FRAMES)
    judge = commands.add_parser("flicker", help="measure a film of it")
    judge.add_argument("path")
    judge.add_argument("style", nargs="?")
    judge.add_argument("--size", type=int, default=SIZE[0])
    judge.add_argument("--frames", type=int, default=12)
    judge.add_argument("--first", type=int, default=0, help="of the frames, from 0")
    show = commands.add_parser("strip", help="show frames beside each other")
    show.add_argument("path")
    show.add_argument("films", nargs="+")
    show.add_argument("--frames", default="1,9,17")
    given = parser.parse_args(arguments)
    if given.command == "clip":
        write_clip(given.path, given.frames)
    elif given.command == "strip":
        write_strip(given.path, given.films, map(int, given.frames.split(",")))
    else:
        measure(given.path, given.style, given.size, given.first, given.frames)


# --- The clip -------------------------------------------------------------------------


def write_clip(path: str, count: int = FRAMES) -> None:
    """Writes the first frames of the clip as an MP4."""
    film = video.Film(".mp4", FPS)
    first, second = (Image.open(picture).convert("RGB") for picture in (FIRST, SECOND))
    passing = Image.open(PASSING).convert("RGB")
    mask = Image.open(ITS_MASK).convert("L").resize(passing.size)
    passing.putalpha(mask)
    passing.thumbnail((PASSING_SIZE, PASSING_SIZE))
    for number in range(count):
        is_first = number < CUT
        begin, end = (0, CUT) if is_first else (CUT, FRAMES)
        share = (number - begin) / (end - begin)
        frame = seen(first if is_first else second, share)
        if is_first:
            x = (SIZE[0] + passing.width) * share - passing.width
            frame.paste(*shifted(passing, x, SIZE[1] * (0.35 + 0.2 * share)))
        film.add(frame)
    Path(path).write_bytes(film.close())


def seen(picture: Image.Image, share: float) -> Image.Image:
    """What the camera sees of a photograph; `share` of its way is done."""
    near = NEARER[0] + (NEARER[1] - NEARER[0]) * share
    width = picture.width * near
    height = min(width * SIZE[1] / SIZE[0], picture.height * near)
    width = height * SIZE[0] / SIZE[1]
    left = (picture.width - width) * share
    top = (picture.height - height) * (0.5 - 0.3 * share)
    box = left, top, left + width, top + height
    return picture.resize(SIZE, Image.Resampling.LANCZOS, box)


def shifted(
    picture: Image.Image, x: float, y: float
) -> tuple[Image.Image, tuple[int, int], Image.Image]:
    """A picture with alpha for `paste`, at a place between pixels."""
    whole = int(np.floor(x)), int(np.floor(y))
    size = picture.width + 1, picture.height + 1
    place = (1, 0, whole[0] - x, 0, 1, whole[1] - y)
    way = Image.Transform.AFFINE, place, Image.Resampling.BILINEAR
    moved = picture.convert("RGBa").transform(size, *way).convert("RGBA")
    return moved.convert("RGB"), whole, moved.getchannel("A")


def write_strip(path: str, films: Sequence[str], numbers: Iterable[int]) -> None:
    """Writes a picture of some frames, numbered from 1: a row for each film."""
    places = [number - 1 for number in numbers]
    rows = [np.hstack(list(clips.read(film, FPS).frames(places))) for film in films]
    strip = Image.fromarray(np.vstack(rows))
    strip.thumbnail((SHOWN * len(places), strip.height))
    strip.save(path, quality=QUALITY)


# --- Flicker --------------------------------------------------------------------------


def measure(path: str, style: str | None, size: int, first: int, count: int) -> None:
    """Prints warping errors of a film, of its frames by themselves and of the clip.

    And the seconds of its first frame, with the start of TensorFlow, and of others.
    """
    clip = clips.read(path, FPS)
    clip = clip.only(range(first, min(first + count, len(clip.times))))
    settings = {"size": size, "on_progress": None}
    frames, seconds, began = [], [], time.perf_counter()
    start = functools.partial(vm.film, style=style) if style else vm.dream_film
    for frame in start(clip, **settings):
        frames.append(frame)
        seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
    now = [frame.past[-1] for frame in frames]
    make = functools.partial(vm.mix, style=style) if style else vm.dream
    alone = [np.float32(make(x.source, **settings).pil) / 255 for x in now]
    errors = {"film": [], "each frame by itself": [], "clip": []}
    for i, frame in enumerate(frames):
        if not frame.begins:
            motion = flow.motion(now[i].source, now[i - 1].source)
            by_itself = flow.warping_error(alone[i], alone[i - 1], *motion)
            each = frame.error, by_itself, frame.source_error
            for name, error in zip(errors, each, strict=True):
                errors[name].append(error)
    for name, values in errors.items():
        print(f"warping error, {name:20} {statistics.mean(values):.6f}")
    others = [s for s, frame in zip(seconds, frames, strict=True) if not frame.begins]
    print(
        f"seconds, first frame {seconds[0]:.1f}, others {statistics.median(others):.2f}"
    )


if __name__ == "__main__":
    main()
