"""Settings of films: those of a mix or a dream, how frames follow, and key frames."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import (
    integer,
    number,
    same,
    settings_class,
    settings_of,
)
from vectormix_tf.config.settings import MAX_RATE, MAX_STEPS, MIN_RATE
from vectormix_tf.errors import InputError, close_names

MAX_FRAMES = 99_999  # an hour at 25 frames per second; names of files have five digits

# Settings that key frames may change: all others are part of the graph of a step.
KEYED = ("alpha", "tv", "style_weights")


@settings_class
class FilmSettings(MixSettings):
    """Settings of `film`: those of the first frame of a scene, and how it goes on."""

    steps: int = same(
        MixSettings,
        "steps",
        low=1,
        help="steps of the first octave, for the first frame of a scene",
        unserved=(),
    )
    further_steps: int = integer(
        6,
        1,
        MAX_STEPS,
        "steps of every frame but the first of a scene, at its full size",
    )
    further_rate: float = number(
        0.05, MIN_RATE, MAX_RATE, "learning rate of these steps, at the first of them"
    )
    hold: float = number(
        100.0,
        0,
        1e6,
        "how much frames are held to those before them, along the optical flow; 0"
        " leaves them free",
    )
    inertia: float = number(
        0.95,
        0,
        0.99,
        "share of the frame before that stays where nothing moves; a third of it where"
        " something does",
    )


@settings_class
class DreamFilmSettings(DreamSettings):
    """Settings of `dream_film`: those of the first frame of a scene, a dream."""

    further_steps: int = same(FilmSettings, "further_steps")
    further_step_size: float = number(
        0.005, 1e-9, 10, "length of these steps, as `step_size`"
    )
    inertia: float = same(FilmSettings, "inertia")


class Key(NamedTuple):
    """A value that a setting has at a frame; between keys it changes evenly.

    Attributes:
        frame: Number of the frame, from 1.
        name: One of `KEYED`.
        values: One number, or one for each style.
    """

    frame: int
    name: str
    values: tuple[float, ...]

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Returns the key of a text FRAME:NAME=VALUE, e.g. 25:alpha=0.3.

        Raises:
            InputError: If it is none.
        """
        frame, colon, rest = text.partition(":")
        name, equals, value = rest.partition("=")
        try:
            if not (colon and equals):
                raise ValueError
            return cls(int(frame), name, tuple(float(v) for v in value.split(",")))
        except ValueError:
            raise InputError(
                "`key` must be FRAME:NAME=VALUE, such as 25:alpha=0.3; received"
                f" {text!r}."
            ) from None


def check_keys(keys: Iterable[Key], settings: FilmSettings, styles: int) -> None:
    """Refuses keys that no frame can have.

    Args:
        keys: The keys.
        settings: Of the film.
        styles: How many styles there are.

    Raises:
        InputError: If a key is wrong.
    """
    seen = set()
    for key in keys:
        if key.name not in KEYED:
            raise InputError(
                f"`key` can change {', '.join(KEYED)}; received {key.name!r}:"
                f" {close_names(key.name, KEYED)}"
            )
        if not 1 <= key.frame <= MAX_FRAMES:
            raise InputError(
                f"the frame of a `key` must be in [1, {MAX_FRAMES}]; received"
                f" {key.frame}."
            )
        several = key.name == "style_weights"
        if len(key.values) != (styles if several else 1):
            raise InputError(
                f"a `key` of {key.name} has {len(key.values)} values, and"
                f" {styles if several else 1} are needed; received"
                f" {','.join(f'{value:g}' for value in key.values)}."
            )
        setting = settings_of(FilmSettings)[key.name]
        setting.check(key.name, key.values if several else key.values[0])
        if several and not sum(key.values) > 0:
            raise InputError(
                f"the weights of the styles at frame {key.frame} sum to zero; raise one"
                " of them."
            )
        if (key.frame, key.name) in seen:
            raise InputError(f"frame {key.frame} has two keys of {key.name}.")
        seen.add((key.frame, key.name))
    if settings.tv == 0 and any(key.name == "tv" for key in keys):
        raise InputError("a `key` of tv needs `tv` above 0.")


def settings_at(
    settings: FilmSettings, keys: Sequence[Key], frame: int
) -> FilmSettings:
    """Returns the settings of a frame: before its first key a setting has that value.

    Args:
        settings: Of the film.
        keys: Checked by `check_keys`.
        frame: Number of the frame, from 1.
    """
    changed: dict[str, list[Key]] = {}
    for key in sorted(keys):
        changed.setdefault(key.name, []).append(key)
    values: dict[str, Any] = {}
    for name, own in changed.items():
        frames = [key.frame for key in own]
        columns = zip(*(key.values for key in own), strict=True)
        now = tuple(float(np.interp(frame, frames, column)) for column in columns)
        values[name] = now if name == "style_weights" else now[0]
    return dataclasses.replace(settings, **values) if values else settings
