"""Client: mixes and dreams of a server, step by step, without TensorFlow here.

from vectormix_tf import client

client.mix("photo.jpg", "painting.jpg", server="grpc://host:8500").save("mix.png")
"""

import contextlib
import io
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.client.connection import Connection, connect
from vectormix_tf.config.backbones import parse_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.presets import PRESETS
from vectormix_tf.config.setting import settings_of, trusted
from vectormix_tf.config.settings import MAX_STEPS, MixSettings, Settings
from vectormix_tf.errors import (
    InputError,
    Notice,
    ServerError,
    check_choice,
    check_integer,
    is_known_or_file,
)
from vectormix_tf.io import images, output
from vectormix_tf.io import masks as mask_files
from vectormix_tf.io.fingerprint import as_json
from vectormix_tf.io.progress import Bar, Progress
from vectormix_tf.io.results import PictureResult

__all__ = ["Connection", "Run", "ServerError", "connect", "dream", "mix"]

# A chunk takes about so long: previews come soon, and a server with REST, which ends
# requests after 30 seconds, is far from its limit even where others compute as well.
CHUNK_SECONDS = 5.0
LAYERS = ("f1", "f2", "layers", "amplify")
# Pictures that need not be there.
OPTIONAL = ("mask_bytes", "start_bytes", "guide_bytes")

OnProgress = Callable[[Progress], None]


class Run:
    """A run on a server, which keeps nothing of it: the state is here.

    Attributes:
        terms: Names of the losses.
        losses: [n, terms]: weighted, before each step that was taken so far.
        octave: From 1.
        octaves: How many there are.
        step: Steps done in this octave.
        steps: Of this octave.
        finished: Whether all steps of all octaves are done.
        preview: What there is now, as JPEG.
        image: The same as PNG.
    """

    def __init__(self, connection: Connection, recipe: str, inputs: Mapping[str, Any]):
        """Starts it: no step is taken yet.

        Args:
            connection: To the model.
            recipe: "mix" or "dream".
            inputs: Of the signature "mix_start" or "dream_start", by name; settings
                that are not among them are the model's own.
        """
        self._connection, self._recipe = connection, recipe
        about = connection.about(recipe)
        self.terms = tuple(about["terms"])
        self.losses = np.zeros([0, len(self.terms)], np.float32)
        dtypes = connection.signatures()[f"{recipe}_start"]["inputs"]
        values = dict.fromkeys(OPTIONAL, b"") | about["open"]
        values = {name: v for name, v in values.items() if name in dtypes} | inputs
        self._take("start", {n: _cast(v, dtypes.get(n)) for n, v in values.items()})

    def advance(self, steps: int = 1) -> None:
        """Takes so many steps, or as many as are left or the model takes at once."""
        if not self.finished:
            most = self._connection.about("limits")["steps"]
            count = min(int(steps), most)
            self._take("steps", {"state_bytes": self._state, "steps": count})

    def _take(self, what: str, inputs: Mapping[str, Any]) -> None:
        chunk = self._connection.predict(f"{self._recipe}_{what}", inputs)
        self._state = chunk["state_bytes"]
        self.octave, self.octaves = int(chunk["octave"]), int(chunk["octaves"])
        self.step, self.steps = int(chunk["step"]), int(chunk["steps"])
        self.finished = bool(chunk["finished"])
        self.preview, self.image = chunk["preview_bytes"], chunk["image_bytes"]
        # JSON has no shape for an array without entries.
        losses = np.reshape(chunk["losses"], [-1, len(self.terms)])
        if what == "steps" and not len(losses) and not self.finished:
            raise ServerError("INTERNAL", "the model takes no steps; export it anew.")
        self.losses = np.concatenate([self.losses, losses])


def _cast(value: Any, dtype: str | None) -> Any:
    """A number as the model takes it: it has no ear for 1 where it wants 1.0."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]  # scales of all styles, of which there is one
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return {"DT_FLOAT": float, "DT_INT32": int}.get(dtype, lambda v: v)(value)
    return value


def mix(
    content: Any,
    style: Any,
    *,
    server: str | Connection,
    mask: Any = None,
    start: Any = None,
    on_progress: OnProgress | None | str = None,
    pause_every: int = 0,
    **settings,
) -> PictureResult:
    """Gives the shapes of one picture the texture of another, on a server.

    Args:
        content: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        style: Likewise.
        server: Its address, see `connect`, or a connection, which stays open.
        mask: A picture: white is mixed, black stays the photograph, gray is between.
        start: A picture to start from, instead of what `init` says.
        on_progress: Called with a `Progress` every few seconds; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        **settings: Those of `MixSettings`; what is not given is the model's own.

    Returns:
        A `PictureResult`; after Ctrl-C, or if the server went away, the one that there
        was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
        ServerError: If the server refuses it, or is not there.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    style = style[0] if isinstance(style, list | tuple) and len(style) == 1 else style
    if content is None or style is None or isinstance(style, list | tuple):
        raise InputError("a server mixes one content with one style; give both.")
    preset, file = settings.get("preset"), settings.get("init")
    if preset is not None:
        check_choice("preset", preset, PRESETS)
        settings = PRESETS[preset] | settings
    if is_known_or_file(file, ()):  # which the server does not have
        settings, start = settings | {"init": None}, file if start is None else start
    with _connected(server) as connection:
        chosen = _choose(connection, "mix", MixSettings, settings)
        picture, size = _content(connection, content, chosen, "content picture")
        strokes = max(1, round(max(size) * chosen.style_scale[0]))
        inputs = _open(connection, "mix", chosen) | {
            "size": max(size),
            "content_bytes": output.encode(picture.pixels, ".png"),
            "style_bytes": _png(style, strokes, chosen, "style picture"),
        }
        if mask is not None:
            inputs["mask_bytes"] = _mask(mask, size, chosen)
        if start is not None:
            inputs["start_bytes"] = _png(start, max(size), chosen, "start picture")
        run = Run(connection, "mix", inputs)
        idle = {
            "content": chosen.alpha == 0,
            "style": chosen.alpha == 1,
            "total_variation": not chosen.tv,
        }
        counting = [name for name in run.terms if not idle.get(name)]
        return _descend(run, chosen, counting, on_progress, pause_every, picture.alpha)


def dream(
    image: Any,
    *,
    server: str | Connection,
    guide: Any = None,
    mask: Any = None,
    on_progress: OnProgress | None | str = None,
    pause_every: int = 0,
    **settings,
) -> PictureResult:
    """Lets a server's network exaggerate what it sees in a picture.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        server: Its address, see `connect`, or a connection, which stays open.
        guide: As `image`: a picture whose patterns are dreamt.
        mask: A picture: white is dreamt, black stays the photograph, gray is between.
        on_progress: Called with a `Progress` every few seconds; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        **settings: Those of `DreamSettings`; what is not given is the model's own.

    Returns:
        A `PictureResult`; after Ctrl-C, or if the server went away, the one that there
        was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
        ServerError: If the server refuses it, or is not there.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    with _connected(server) as connection:
        chosen = _choose(connection, "dream", DreamSettings, settings)
        picture, size = _content(connection, image, chosen, "picture")
        picture = images.fit(picture, size)  # as here: enlarged, too
        inputs = _open(connection, "dream", chosen) | {
            "size": max(size),
            "image_bytes": output.encode(picture.pixels, ".png"),
        }
        if mask is not None:
            inputs["mask_bytes"] = _mask(mask, size, chosen)
        if guide is not None:
            most = chosen.guide_size or connection.about("limits")["size"]
            inputs["guide_bytes"] = _png(guide, most, chosen, "guide picture")
        run = Run(connection, "dream", inputs)
        idle = {"amplify": guide is not None, "guide": guide is None}
        counting = [name for name in run.terms if not idle[name]]
        return _descend(run, chosen, counting, on_progress, pause_every, picture.alpha)


@contextlib.contextmanager
def _connected(server: str | Connection) -> Iterator[Connection]:
    if isinstance(server, Connection):
        yield server
        return
    with connect(server) as connection:
        yield connection


# --- What is asked for ----------------------------------------------------------------


def _choose(
    connection: Connection, recipe: str, kind: type, given: Mapping[str, Any]
) -> Any:
    """Returns the settings of a run, those included that the model has fixed."""
    about, limits = connection.about(recipe), connection.about("limits")
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("precision") == "auto":  # whatever is faster there
        del given["precision"]
    fixed, where = about["fixed"], f"in the model at {connection.address}"
    for name in sorted(given.keys() & fixed.keys()):
        if not _same(name, given.pop(name), fixed[name]):
            raise InputError(
                f"`{name}` is {fixed[name]!r} {where}, fixed when it was exported;"
                " leave it out."
            )
    # The checks of what is open know the network, but not where its weights came from.
    network = {n: fixed[n] for n in ("backbone", "pooling") if n in fixed}
    chosen = kind(**{"weights": "imagenet"} | network | about["open"] | given)
    if isinstance(chosen.size, str):
        raise InputError("`size` is one number, the long side: there is a content.")
    for name in ("size", "steps"):
        value = getattr(chosen, name)
        if value > limits[name]:
            raise InputError(
                f"`{name}` is at most {limits[name]} {where}; received {value}."
            )
    # The model's own values were checked where it was exported; its files are there.
    known = {name: fixed[name] for name in settings_of(kind) if name in fixed}
    return trusted(kind, vars(chosen) | known)


def _same(name: str, one: Any, other: Any) -> bool:
    if name in LAYERS and one and other:
        with contextlib.suppress(InputError):
            one, other = (parse_layers(v, name, channels=True) for v in (one, other))
    return as_json({name: one}) == as_json({name: other})


def _open(connection: Connection, recipe: str, chosen: Settings) -> dict[str, Any]:
    return {name: getattr(chosen, name) for name in connection.about(recipe)["open"]}


def _content(
    connection: Connection, source: Any, chosen: Settings, what: str
) -> tuple[images.Picture, tuple[int, int]]:
    """Reads a picture as `scenes` does; also returns the size of the result."""
    picture = images.read(source, chosen.max_pixels, what)
    height, width = picture.pixels.shape[1:3]
    size = images.fitted_size(height, width, chosen.size)
    most = connection.about("limits")["size"]
    if max(size) > most:  # of --size=0
        raise InputError(
            f"the {what} is {width} x {height} pixels, and the model at"
            f" {connection.address} makes at most {most} a side; choose a `size`."
        )
    return images.reduced(picture, size), size


def _png(source: Any, most: int, chosen: Settings, what: str) -> bytes:
    """A picture as it is sent, with no side larger than what is needed of it."""
    pixels = images.read(source, chosen.max_pixels, what).pixels
    if max(pixels.shape[1:3]) > most:
        pixels = images.resize(pixels, images.fitted_size(*pixels.shape[1:3], most))
    return output.encode(pixels, ".png")


def _mask(source: Any, size: tuple[int, int], chosen: Settings) -> bytes:
    values = mask_files.read(source, size, chosen.max_pixels)
    return output.encode(np.repeat(values, 3, axis=-1), ".png")


# --- How it goes ----------------------------------------------------------------------


def _descend(
    run: Run,
    chosen: Settings,
    counting: Sequence[str],
    on_progress: OnProgress | None | str,
    pause_every: int,
    alpha: np.ndarray | None,
) -> PictureResult:
    """Takes all steps, chunk by chunk; `counting` are the terms that have a say."""
    bar = Bar() if on_progress == "bar" else None
    tell, begun = bar or on_progress, time.monotonic()
    planned = list(chosen.all_steps[: run.octaves])
    # Of a picture so large that a few steps at full size finish it: see `plans`.
    planned += [chosen.finish_steps] * (run.octaves - len(planned))
    pace = None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        try:
            while not run.finished:
                started, before, first = time.monotonic(), len(run.losses), pace is None
                run.advance(_next_count(run, pace, pause_every))
                pace = (time.monotonic() - started) / (len(run.losses) - before)
                planned[run.octave - 1] = run.steps
                if tell:
                    left = _seconds_left(run, planned, chosen.octave_scale, pace)
                    unknown = first and not run.finished  # the server may have woken up
                    tell(_progress(run, counting, None if unknown else left))
        except KeyboardInterrupt:
            pass  # whoever waits gets what there is
        except ServerError as error:
            text = f"{str(error).rstrip('.')}. The picture so far is kept."
            warnings.warn(text, Notice, stacklevel=3)
    image = _decoded(run.image)
    if alpha is not None:
        alpha = images.resize(alpha, image.shape[1:3])  # smaller if interrupted
    return PictureResult(
        x=image,
        losses=dict(_named(run, counting)),
        seconds=time.monotonic() - begun,
        finished=run.finished,
        steps=tuple(planned),
        settings=chosen,
        alpha=alpha,
    )


def _next_count(run: Run, pace: float | None, pause_every: int) -> int:
    left = run.steps - run.step
    if pace is None or not left:  # of the next octave's steps nothing is known
        return 1
    count = min(left, max(1, int(CHUNK_SECONDS / max(pace, 1e-6))))
    if pause_every:
        count = min(count, pause_every - run.step % pause_every)
    return count


def _seconds_left(run: Run, planned: Sequence[int], scale: float, pace: float) -> float:
    """A step takes as long as its octave has pixels."""
    work = [scale ** (2 * i) * steps for i, steps in enumerate(planned)]
    unit = scale ** (2 * (run.octave - 1))
    return pace / unit * (sum(work[run.octave - 1 :]) - unit * run.step)


def _progress(run: Run, counting: Sequence[str], left: float | None) -> Progress:
    image = run.image
    return Progress(
        octave=run.octave,
        octaves=run.octaves,
        step=run.step,
        steps=run.steps,
        losses={name: float(losses[-1]) for name, losses in _named(run, counting)},
        seconds_left=left,
        preview=lambda: _decoded(image),
    )


def _named(run: Run, counting: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    columns = zip(run.terms, run.losses.T, strict=True)
    return ((name, losses) for name, losses in columns if name in counting)


def _decoded(picture: bytes) -> np.ndarray:
    return images.read(Image.open(io.BytesIO(picture)), what="answer").pixels
