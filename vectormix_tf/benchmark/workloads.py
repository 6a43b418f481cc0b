"""Subjects: what a benchmark measures: recipes, as they are by default, on noise.

Nothing here is heavy: a mistake in a flag is found before TensorFlow is loaded.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.settings import (
    MAX_SIZE,
    MAX_STEPS,
    PRECISIONS,
    MixSettings,
    Settings,
)
from vectormix_tf.errors import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
)
from vectormix_tf.io import images

RECIPES = {"mix": MixSettings, "dream": DreamSettings}
SIZES = (256, 512)
# What matrices are multiplied in, whatever networks can do: it says what they might.
PEAKS = ("float32", "bfloat16")
ROUNDS = 3
STEPS = 4
MAX_ROUNDS = 1000

COARSE = 8  # cells a side of the noise that is enlarged: as smooth as a photograph
SEEDS = {"content": 1, "style": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """What is measured.

    Attributes:
        sizes: Sides of square pictures in pixels.
        precisions: What the network computes in: some of `PRECISIONS`.
        rounds: How often everything has its turn.
        steps: Steps in a turn.
        peers: Whether other packages' loops are measured, too.
        children: Whether start and memory are measured, each in a process of its own.
    """

    sizes: tuple[int, ...] = SIZES
    precisions: tuple[str, ...] = PRECISIONS
    rounds: int = ROUNDS
    steps: int = STEPS
    peers: bool = True
    children: bool = True

    def __post_init__(self):
        for name in ("sizes", "precisions"):
            if not getattr(self, name):
                raise InputError(f"`{name}` must have at least one value.")
        for size in self.sizes:
            check_integer("sizes", size, BACKBONES[DEFAULT].minimum, MAX_SIZE)
        for precision in self.precisions:
            check_choice("precisions", precision, PRECISIONS)
        check_integer("rounds", self.rounds, 1, MAX_ROUNDS)
        check_integer("steps", self.steps, 1, MAX_STEPS // (MAX_ROUNDS + 1))
        check_boolean("peers", self.peers)
        check_boolean("children", self.children)

    def subjects(self) -> "list[Subject]":
        """Returns all that is measured of this package."""
        return [
            Subject(recipe, size, precision)
            for recipe in RECIPES
            for size in self.sizes
            for precision in self.precisions
        ]


class Subject(NamedTuple):
    """A recipe with its default settings at one size.

    Attributes:
        recipe: A key of `RECIPES`.
        size: Side of the square picture in pixels.
        precision: What the network computes in.
    """

    recipe: str
    size: int
    precision: str

    def __str__(self) -> str:
        return f"{self.recipe} {self.size} px {self.precision}"

    def chosen(self, **others) -> Settings:
        """The settings it runs with.

        Args:
            **others: What is not as by default.
        """
        return RECIPES[self.recipe](size=self.size, precision=self.precision, **others)

    def run(self, on_progress, pause_every: int = 0, **others) -> Any:
        """Runs it on noise, as a user's call would.

        Args:
            on_progress: As for the recipe.
            pause_every: Likewise.
            **others: Settings that are not as by default.
        """
        options = {"on_progress": on_progress, "pause_every": pause_every}
        options |= dataclasses.asdict(self.chosen(**others))
        if self.recipe == "mix":
            from vectormix_tf.recipes.mix import mix

            pictures = [noise(self.size, seed) for seed in SEEDS.values()]
            return mix(*pictures, **options)
        from vectormix_tf.recipes.dream import dream

        return dream(noise(self.size), **options)


def noise(size: int, seed: int = SEEDS["content"]) -> np.ndarray:
    """Returns smooth noise, an image [1, size, size, 3] in [0, 1].

    Time does not depend on what a picture shows, so none needs to be at hand.
    """
    coarse = np.random.default_rng(seed).random((1, COARSE, COARSE, 3), np.float32)
    return np.clip(images.resize(coarse, (size, size)), 0.0, 1.0)


def parse_sizes(texts: Sequence[str]) -> tuple[int, ...]:
    """Reads sizes: whole numbers, with commas between them or one by one.

    Returns:
        Each once, from small to large.

    Raises:
        InputError: If one is no whole number.
    """
    try:
        return tuple(sorted({int(part) for part in split(texts)}))
    except ValueError:
        raise InputError(
            "`sizes` must be whole numbers with commas between them, such as 256,512;"
            f" received {','.join(texts)!r}."
        ) from None


def split(texts: Sequence[str]) -> list[str]:
    """Returns the values of a flag that may be repeated and may have commas."""
    return [part.strip() for text in texts for part in text.split(",")]
