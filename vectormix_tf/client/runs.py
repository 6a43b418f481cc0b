"""Mixes and dreams that a server computes, some steps with each request.

from vectormix_tf import client

client.mix("photo.jpg", "painting.jpg", server="grpc://host:8500").save("mix.png")
"""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.client import checkpoint
from vectormix_tf.client.connection import Connection, connect, reading
from vectormix_tf.config.backbones import parse_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import INITS, MixSettings
from vectormix_tf.config.presets import PRESETS
from vectormix_tf.config.setting import settings_of, trusted
from vectormix_tf.config.settings import MAX_STEPS, Settings
from vectormix_tf.errors import (
    InputError,
    Notice,
    ServerError,
    check_choice,
    check_integer,
    is_known_or_file,
)
from vectormix_tf.filters.preview import Pictures, render
from vectormix_tf.io import drawings, images, output
from vectormix_tf.io.fingerprint import json_round_trip
from vectormix_tf.io.masks import read_mask
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.sizes import Need, result_size, style_size

__all__ = ["Connection", "Run", "ServerError", "connect", "dream", "mix"]

# Target duration of a request: previews come often, and the limit of 30 seconds that
# servers have for REST is not reached even if other requests are computed as well.
CHUNK_SECONDS = 5.0
LAYERS = ("f1", "f2", "layers", "amplify")  # settings that name layers
RECIPES = ("mix", "dream")
COUNTS = ("octave", "octaves", "step", "steps")
_ABOUT = ("recipe", "terms", "finished")  # what else a checkpoint says of a run
MOST_COUNT = 2**31 - 1  # the API has an int32
OPTIONAL = ("mask_bytes", "start_bytes", "guide_bytes")  # pictures that may be empty

OnProgress = Callable[[Progress], None]


class Run:
    """A run on a server. Its state is kept here, not there, and sent with each request.

    So it can be stored at any time (`checkpoint`) and continued later, by another
    process and on another server with the same model (`from_checkpoint`).

    Attributes:
        recipe: "mix" or "dream".
        terms: Names of the losses.
        losses: [n, terms], float32: weighted losses before each of the n steps so far.
        octave: Number of the octave, from 1.
        octaves: How many octaves the run has.
        step: Steps done in this octave.
        steps: Steps of this octave.
        finished: Whether all steps of all octaves are done.
        preview: The picture so far, a JPEG file.
        image: The picture so far, a PNG file.
    """

    def __init__(self, connection: Connection, recipe: str, inputs: Mapping[str, Any]):
        """Starts a run; no step is taken yet.

        Args:
            connection: Connection to the model.
            recipe: "mix" or "dream".
            inputs: Inputs of the signature "mix_start" or "dream_start", by name.
                Settings left out have the model's defaults, pictures left out of
                `OPTIONAL` are empty.

        Raises:
            InputError: If an input has no TensorFlow type, or is 2.5 where the model
                takes whole numbers.
            ServerError: If the server refuses the inputs, or cannot be reached.
        """
        check_choice("recipe", recipe, RECIPES)
        self._connection, self.recipe = connection, recipe
        about, signatures = connection.about(recipe), connection.signatures()
        with reading(connection.address):
            self.terms = tuple(about["terms"])
            dtypes = signatures[f"{recipe}_start"]["inputs"]
            defaults = dict.fromkeys(OPTIONAL, b"") | about["open"]
        self.losses = np.zeros([0, len(self.terms)], np.float32)
        values = {name: v for name, v in defaults.items() if name in dtypes} | inputs
        typed = {n: _as_dtype(n, v, dtypes.get(n)) for n, v in values.items()}
        self._update("start", typed)

    def advance(self, steps: int = 1) -> None:
        """Takes this many steps, or as many as are left or the model takes at once.

        Raises:
            InputError: If `steps` is not a whole number of at least 1.
            ServerError: If the server refuses the state, or cannot be reached. The run
                is then as it was before.
        """
        check_integer("steps", steps, 1, MOST_COUNT)
        if not self.finished:
            count = min(int(steps), self._connection.about("limits")["steps"])
            self._update("steps", {"state_bytes": self._state, "steps": count})

    def checkpoint(self) -> bytes:
        """Returns all of the run, for `from_checkpoint`.

        About as large as its state, which every request sends, and its picture: some
        50 MB for a mix of 512 pixels, 3 MB for a dream.
        """
        about = {name: getattr(self, name) for name in (*COUNTS, *_ABOUT)}
        parts = {
            "losses": self.losses.astype("<f4").tobytes(),
            "preview": self.preview,
            "image": self.image,
            "state": self._state,
        }
        return checkpoint.encode(about, parts)

    @classmethod
    def from_checkpoint(cls, connection: Connection, data: bytes) -> "Run":
        """Returns a run as it was when `checkpoint` returned these bytes.

        Nothing is sent. Its further steps have the results of a run that was never
        interrupted, if the model is the same and the machine is of the same kind.

        Args:
            connection: Connection to the model with which the run began.
            data: What `checkpoint` returned.

        Raises:
            InputError: If the bytes are no checkpoint of a run on a server.
        """
        about, parts = checkpoint.decode(data)
        run = cls.__new__(cls)
        vars(run).update(about)
        run.terms = tuple(about["terms"])
        losses = np.frombuffer(parts["losses"], "<f4").astype(np.float32)
        run.losses = losses.reshape([-1, len(run.terms)])
        run.preview, run.image = parts["preview"], parts["image"]
        run._connection, run._state = connection, parts["state"]
        return run

    def _update(self, what: str, inputs: Mapping[str, Any]) -> None:
        chunk = self._connection.predict(f"{self.recipe}_{what}", inputs)
        with reading(self._connection.address):
            # JSON writes [0, terms] as an empty list, without the number of terms.
            losses = np.reshape(chunk["losses"], [-1, len(self.terms)])
            new = {name: int(chunk[name]) for name in COUNTS}
            new["finished"] = bool(chunk["finished"])
            new |= {name: chunk[f"{name}_bytes"] for name in ("preview", "image")}
            state = chunk["state_bytes"]
        if what == "steps" and not len(losses):
            raise ServerError("INTERNAL", "the model takes no steps; export it again.")
        vars(self).update(new)
        self._state, self.losses = state, np.concatenate([self.losses, losses])


def _as_dtype(name: str, value: Any, dtype: str | None) -> Any:
    """Converts a number to the signature's dtype, e.g. 1 to 1.0 for DT_FLOAT.

    Raises:
        InputError: If the dtype is DT_INT32 and the number is not whole.
    """
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]  # `style_scale` is a tuple, but a model has one style
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return value
    if dtype == "DT_INT32" and value % 1 != 0:  # also true of NaN
        raise InputError(f"`{name}` must be a whole number; received {value!r}.")
    return {"DT_FLOAT": float, "DT_INT32": int}.get(dtype, lambda v: v)(value)


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
) -> PictureResult[MixSettings]:
    """Mixes two pictures on a server: the shapes of one, the texture of the other.

    Args:
        content: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        style: Path, Pillow image or array, as `content`.
        server: Address (see `connect`), or a connection, which is left open.
        mask: A picture; white is mixed, black keeps the content, gray is in between.
        start: A picture to start from, instead of `init`.
        on_progress: Called with a `Progress` before the server starts, whose picture is
            that of `vectormix_tf.preview` (or `start`), made here; then about every 5
            seconds. "bar" shows a bar.
        pause_every: If not 0, `on_progress` is also called at each multiple of this
            number of steps.
        **settings: Fields of `MixSettings`; those left out have the model's defaults.

    Returns:
        The mix; after Ctrl-C, or if the server went away during the run, the picture
        so far, with `finished` False.

    Raises:
        InputError: If a picture or a setting cannot be used.
        ServerError: If the server refuses the run, or cannot be reached at its start.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    styles = images.several(style, "style")
    if content is None or len(styles) != 1:
        raise InputError("a server mixes one content with one style; give both.")
    settings, start = _mix_options(settings, start)
    with _connected(server) as connection:
        prepared = prepare_mix(connection, content, styles[0], mask, start, settings)
        if callable(on_progress):
            steps = prepared.settings.all_steps
            on_progress(Progress.first(len(steps), steps[0], prepared.preview))
        full = prepared.settings
        run = Run(connection, "mix", prepared.inputs)
        without_weight = {
            "content": full.alpha == 0,
            "style": full.alpha == 1,
            "total_variation": not full.tv,
        }
        terms = [name for name in run.terms if not without_weight.get(name)]
        return _complete(
            run, full, terms, on_progress, pause_every, prepared.transparency
        )


def dream(
    image: Any,
    *,
    server: str | Connection,
    guide: Any = None,
    mask: Any = None,
    on_progress: OnProgress | None | str = None,
    pause_every: int = 0,
    **settings,
) -> PictureResult[DreamSettings]:
    """Makes a dream of a picture on a server: amplifies what the network sees in it.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        server: Address (see `connect`), or a connection, which is left open.
        guide: A picture whose patterns are amplified, as `image`.
        mask: A picture; white is changed, black keeps the image, gray is in between.
        on_progress: Called with a `Progress` about every 5 seconds; "bar" shows a bar.
        pause_every: If not 0, `on_progress` is also called at each multiple of this
            number of steps.
        **settings: Fields of `DreamSettings`; those left out have the model's defaults.

    Returns:
        The dream; after Ctrl-C, or if the server went away during the run, the picture
        so far, with `finished` False.

    Raises:
        InputError: If a picture or a setting cannot be used.
        ServerError: If the server refuses the run, or cannot be reached at its start.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    with _connected(server) as connection:
        prepared = prepare_dream(connection, image, guide, mask, settings)
        run = Run(connection, "dream", prepared.inputs)
        without_weight = {"amplify": guide is not None, "guide": guide is None}
        terms = [name for name in run.terms if not without_weight[name]]
        return _complete(
            run,
            prepared.settings,
            terms,
            on_progress,
            pause_every,
            prepared.transparency,
        )


@contextlib.contextmanager
def _connected(server: str | Connection) -> Iterator[Connection]:
    if isinstance(server, Connection):
        yield server
        return
    with connect(server) as connection:
        yield connection


# --- The request ----------------------------------------------------------------------


class Prepared(NamedTuple):
    """What a run begins with.

    Attributes:
        inputs: Of `Run`.
        settings: All settings of the run.
        size: (height, width) of the result in pixels.
        transparency: That of the content, [1, H, W, 1], or None.
    """

    inputs: Mapping[str, Any]
    settings: Any
    size: tuple[int, int]
    transparency: np.ndarray | None

    def preview(self) -> np.ndarray:
        """Returns what is shown before a mix's first step, [H, W, 3] in [0, 1]."""
        return _preview(self.settings, self.size, self.inputs)


def prepare_mix(
    connection: Connection,
    content: Any,
    style: Any,
    mask: Any = None,
    start: Any = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Prepared:
    """Reads the pictures of a mix, and checks its settings; arguments are `mix`'s.

    Raises:
        InputError: If a picture or a setting cannot be used.
        ServerError: If the server cannot be reached.
    """
    settings, start = _mix_options(settings, start)
    full = _full_settings(connection, "mix", MixSettings, settings)
    picture, size = _content(connection, "mix", content, full)
    style_bytes, scale = _style(connection, style, max(size), full)
    inputs = _open_settings(connection, "mix", full) | {
        "size": max(size),
        "style_scale": scale,
        "content_bytes": output.encode(picture.pixels, ".png"),
        "style_bytes": style_bytes,
    }
    if mask is not None:
        inputs["mask_bytes"] = _mask(mask, size, full)
    if start is not None:
        inputs["start_bytes"] = _png(start, max(size), full, "start picture")
    return Prepared(inputs, full, size, picture.transparency)


def prepare_dream(
    connection: Connection,
    image: Any,
    guide: Any = None,
    mask: Any = None,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Prepared:
    """Reads the pictures of a dream, and checks its settings; arguments are `dream`'s.

    Raises:
        InputError: If a picture or a setting cannot be used.
        ServerError: If the server cannot be reached.
    """
    full = _full_settings(connection, "dream", DreamSettings, settings)
    picture, size = _content(connection, "dream", image, full)
    picture = images.fit(picture, size)  # enlarged as well, as `vm.dream` does
    inputs = _open_settings(connection, "dream", full) | {
        "size": max(size),
        "image_bytes": output.encode(picture.pixels, ".png"),
    }
    if mask is not None:
        inputs["mask_bytes"] = _mask(mask, size, full)
    if guide is not None:
        most = full.guide_size or connection.about("limits")["size"]
        inputs["guide_bytes"] = _png(guide, most, full, "guide picture")
    return Prepared(inputs, full, size, picture.transparency)


def _mix_options(settings: Mapping[str, Any], start: Any) -> tuple[dict[str, Any], Any]:
    """Settings with those of their preset, and the picture to start from."""
    settings, init = dict(settings), settings.get("init")
    preset = settings.get("preset")
    if preset is not None:
        check_choice("preset", preset, PRESETS)
        settings = PRESETS[preset] | settings
    _check_served(MixSettings, settings)
    if init not in INITS and is_known_or_file(init, ()):  # which the server lacks
        settings, start = settings | {"init": None}, init if start is None else start
    return settings, start


def _check_served(kind: type, settings: Mapping[str, Any]) -> None:
    """Refuses values that no model takes."""
    for name, setting in settings_of(kind).items():
        if settings.get(name) in setting.unserved:
            raise InputError(
                f"`{name}` {settings[name]} is not for servers; leave `server` out, or"
                f" choose another `{name}`."
            )


def _full_settings(
    connection: Connection, recipe: str, kind: type, settings: Mapping[str, Any]
) -> Any:
    """Returns all settings of a run as `kind`, those that the model fixes included.

    Raises:
        InputError: If a setting differs from what the model fixes, or is over a limit.
    """
    about, limits = connection.about(recipe), connection.about("limits")
    settings = {name: value for name, value in settings.items() if value is not None}
    if settings.get("precision") == "auto":  # leave it to the server
        del settings["precision"]
    fixed, where = about["fixed"], f"in the model at {connection.address}"
    for name in sorted(settings.keys() & fixed.keys()):
        if not _same(name, settings.pop(name), fixed[name]):
            raise InputError(
                f"`{name}` is {fixed[name]!r} {where}, fixed when it was exported;"
                " leave it out."
            )
    # Checks need the network. Its weights may be a file of the exporting machine, so
    # they are checked as "imagenet", with which every layer exists.
    network = {name: fixed[name] for name in ("backbone", "pooling") if name in fixed}
    network["weights"] = "imagenet"
    full = kind(**network | about["open"] | settings)
    if isinstance(full.size, str):
        raise InputError("`size` must be one number, the long side of the content.")
    for name in ("size", "steps"):
        value = getattr(full, name)
        if value > limits[name]:
            raise InputError(
                f"`{name}` is at most {limits[name]} {where}; received {value}."
            )
    # The model's own values were checked where it was exported; its files are there.
    known = {name: fixed[name] for name in settings_of(kind) if name in fixed}
    return trusted(kind, vars(full) | known)


def _same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a setting mean the same, e.g. "mixed3" and "mixed3:1"."""
    if name in LAYERS and one and other:
        with contextlib.suppress(InputError):
            one, other = (parse_layers(v, name, channels=True) for v in (one, other))
    return json_round_trip({name: one}) == json_round_trip({name: other})


def _open_settings(
    connection: Connection, recipe: str, settings: Settings
) -> dict[str, Any]:
    names = connection.about(recipe)["open"]
    return {name: getattr(settings, name) for name in names}


def _need(connection: Connection) -> Need:
    """Returns what the model accepts; it checks that itself where it does not say."""
    limits = connection.about("limits")
    whose = f"the model at {connection.address}"
    return Need(limits.get("side", 1), whose, limits["size"])


def _content(
    connection: Connection, recipe: str, source: Any, settings: Settings
) -> tuple[images.Picture, tuple[int, int]]:
    """Reads the content and reduces it; returns it and the size of the result."""
    what = "content picture" if recipe == "mix" else "picture"
    picture = drawings.read(source, settings.max_pixels, what)
    height, width = picture.pixels.shape[1:3]
    default = connection.about(recipe)["open"]["size"]
    size = result_size((height, width), settings.size, default, _need(connection), what)
    most = connection.about("limits")["size"]
    if max(size) > most:  # with `size` 0, the picture's own
        raise InputError(
            f"the {what} is {width} x {height} pixels, and the model at"
            f" {connection.address} makes at most {most} a side; set a `size`."
        )
    return images.reduced(picture, size), size


def _style(
    connection: Connection, source: Any, long_side: int, settings: MixSettings
) -> tuple[bytes, float]:
    """Returns a style's PNG file, reduced, and its size relative to the result's."""
    what, scale = "style picture", settings.style_scale[0]
    picture = drawings.read_style(source, settings.max_pixels)
    sides = picture.pixels.shape[1:3]
    size, scale = style_size(sides, long_side, scale, _need(connection))
    drawings.tell_if_flat(picture)
    return _png(picture, max(size), settings, what), scale


def _png(source: Any, most: int, settings: Settings, what: str) -> bytes:
    """Reads a picture and encodes it, reduced to at most `most` pixels a side."""
    pixels = drawings.read(source, settings.max_pixels, what).pixels
    if max(pixels.shape[1:3]) > most:
        pixels = images.resize(pixels, images.fitted_size(*pixels.shape[1:3], most))
    return output.encode(pixels, ".png")


def _mask(source: Any, size: tuple[int, int], settings: Settings) -> bytes:
    values = read_mask(source, size, settings.max_pixels)  # [1, H, W, 1]
    return output.encode(np.repeat(values, 3, axis=-1), ".png")


def _preview(
    settings: MixSettings, size: tuple[int, int], inputs: Mapping[str, Any]
) -> np.ndarray:
    """Returns what is shown before the first step, [H, W, 3] in [0, 1]."""
    if "start_bytes" in inputs:
        return images.resize(_decoded(inputs["start_bytes"]), size)[0]
    content, style = (
        _decoded(inputs[f"{name}_bytes"]) for name in ("content", "style")
    )
    given = "mask_bytes" in inputs
    mask = _decoded(inputs["mask_bytes"])[..., :1] if given else None
    return render(settings, Pictures(size, content, [style], mask=mask))


# --- The steps ------------------------------------------------------------------------


def _complete(
    run: Run,
    settings: Settings,
    terms: Sequence[str],
    on_progress: OnProgress | None | str,
    pause_every: int,
    transparency: np.ndarray | None,
) -> PictureResult:
    """Takes all steps of a run.

    Args:
        run: From its start.
        settings: All settings of the run.
        terms: Names of the losses that have a weight; the others are not reported.
        on_progress: As in `mix`.
        pause_every: As in `mix`.
        transparency: That of the content, [1, H, W, 1], or None.
    """
    bar = ProgressBar() if on_progress == "bar" else None
    report, begun = bar or on_progress, time.monotonic()
    planned = list(settings.all_steps[: run.octaves])
    # A large picture has a second octave at full size; see `config.octaves`.
    planned += [settings.finish_steps] * (run.octaves - len(planned))
    pace = None  # seconds of a step; unknown before the first request
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        try:
            while not run.finished:
                started, before, first = time.monotonic(), len(run.losses), pace is None
                run.advance(_next_count(run, pace, pause_every))
                pace = (time.monotonic() - started) / (len(run.losses) - before)
                planned[run.octave - 1] = run.steps
                if report:
                    left = _seconds_left(run, planned, settings.octave_scale, pace)
                    # The first request may include the server's tracing of the graph.
                    unknown = first and not run.finished
                    report(_progress(run, terms, None if unknown else left))
        except KeyboardInterrupt:
            pass  # the picture so far is returned
        except ServerError as error:
            text = f"{str(error).rstrip('.')}. The picture so far is kept."
            warnings.warn(text, Notice, stacklevel=3)
    image = _decoded(run.image)  # [1, H, W, 3]
    if transparency is not None:  # the image is smaller if interrupted
        transparency = images.resize(transparency, image.shape[1:3])[0]
    return PictureResult(
        x=image,
        losses=dict(_named_losses(run, terms)),
        seconds=time.monotonic() - begun,
        finished=run.finished,
        steps=tuple(planned),
        settings=settings,
        transparency=transparency,
    )


def _next_count(run: Run, pace: float | None, pause_every: int) -> int:
    """Returns the number of steps that take about `CHUNK_SECONDS`."""
    left = run.steps - run.step
    if pace is None or not left:  # the pace of the next octave is unknown
        return 1
    count = min(left, max(1, int(CHUNK_SECONDS / max(pace, 1e-6))))
    if pause_every:
        count = min(count, pause_every - run.step % pause_every)
    return count


def _seconds_left(run: Run, planned: Sequence[int], scale: float, pace: float) -> float:
    """Estimates the rest of a run; a step's time is proportional to its pixels.

    Args:
        run: The run.
        planned: Steps of each octave.
        scale: Factor from the sides of one octave to those of the next.
        pace: Seconds of a step in the run's octave.
    """
    work = [scale ** (2 * i) * steps for i, steps in enumerate(planned)]
    unit = scale ** (2 * (run.octave - 1))
    return pace / unit * (sum(work[run.octave - 1 :]) - unit * run.step)


def _progress(run: Run, terms: Sequence[str], left: float | None) -> Progress:
    image = run.image  # of now: `preview` may be called later
    return Progress(
        octave=run.octave,
        octaves=run.octaves,
        step=run.step,
        steps=run.steps,
        losses={name: float(values[-1]) for name, values in _named_losses(run, terms)},
        seconds_left=left,
        preview=lambda: _decoded(image)[0],
    )


def _named_losses(run: Run, terms: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    columns = zip(run.terms, run.losses.T, strict=True)
    return ((name, values) for name, values in columns if name in terms)


def _decoded(png: bytes) -> np.ndarray:
    """Returns image [1, H, W, 3] of a PNG file."""
    return images.read(png, what="the server's picture").pixels
