"""Workloads: recipes at one size and precision, otherwise with their defaults.

Their pictures are noise. This module does not import TensorFlow, so mistakes in flags
are reported at once.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_SIZE, MAX_STEPS, PRECISIONS, Settings
from vectormix_tf.errors import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
)
from vectormix_tf.io import images

RECIPES = {"mix": MixSettings, "dream": DreamSettings}
SIZES = (256, 512)
# Precisions of the matrix products that measure the machine's peak. They are always
# these two: they show what another precision of the network could gain.
PEAK_PRECISIONS = ("float32", "bfloat16")
ROUNDS = 3
STEPS = 4
MAX_ROUNDS = 1000

NOISE_CELLS = 8  # a side of the noise before it is enlarged: as smooth as a photograph
SEEDS = {"content": 1, "style": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """What a benchmark measures.

    Attributes:
        recipes: Some of `RECIPES`.
        sizes: Sides of square pictures in pixels.
        precisions: In which the network computes: some of `PRECISIONS`.
        rounds: How often each workload is measured.
        steps: That each workload takes in a round.
        startup: Whether startup and peak memory are measured too, in a new process for
            each workload.
    """

    recipes: tuple[str, ...] = tuple(RECIPES)
    sizes: tuple[int, ...] = SIZES
    precisions: tuple[str, ...] = PRECISIONS
    rounds: int = ROUNDS
    steps: int = STEPS
    startup: bool = True

    def __post_init__(self):
        for name in ("recipes", "sizes", "precisions"):
            if not getattr(self, name):
                raise InputError(f"`{name}` must have at least one value.")
        for recipe in self.recipes:
            check_choice("recipes", recipe, RECIPES)
        for size in self.sizes:
            check_integer("sizes", size, BACKBONES[DEFAULT].minimum, MAX_SIZE)
        for precision in self.precisions:
            check_choice("precisions", precision, PRECISIONS)
        check_integer("rounds", self.rounds, 1, MAX_ROUNDS)
        check_integer("steps", self.steps, 1, MAX_STEPS // (MAX_ROUNDS + 1))
        check_boolean("startup", self.startup)

    def workloads(self) -> "list[Workload]":
        """Returns every combination of recipe, size and precision."""
        return [
            Workload(recipe, size, precision)
            for recipe in self.recipes
            for size in self.sizes
            for precision in self.precisions
        ]


class Workload(NamedTuple):
    """A recipe with its default settings at one size and precision.

    Attributes:
        recipe: A key of `RECIPES`.
        size: Side of the square picture in pixels.
        precision: In which the network computes.
    """

    recipe: str
    size: int
    precision: str

    def __str__(self) -> str:
        return f"{self.recipe} {self.size} px {self.precision}"

    def settings(self, **overrides) -> Settings:
        """Returns the recipe's settings.

        Args:
            **overrides: Settings that differ from their defaults.
        """
        size, precision = self.size, self.precision
        return RECIPES[self.recipe](size=size, precision=precision, **overrides)

    def run(self, on_progress, pause_every: int = 0, **overrides) -> Any:
        """Calls the recipe on noise, as a user would.

        Args:
            on_progress: As in the recipe.
            pause_every: As in the recipe.
            **overrides: Settings that differ from their defaults.

        Returns:
            The recipe's result.
        """
        options = {"on_progress": on_progress, "pause_every": pause_every}
        options |= dataclasses.asdict(self.settings(**overrides))
        if self.recipe == "mix":
            from vectormix_tf.recipes.mix import mix

            pictures = [noise(self.size, seed) for seed in SEEDS.values()]
            return mix(*pictures, **options)
        from vectormix_tf.recipes.dream import dream

        return dream(noise(self.size), **options)


def noise(size: int, seed: int = SEEDS["content"]) -> np.ndarray:
    """Returns smooth noise, an image [1, size, size, 3] in [0, 1].

    The time of a step does not depend on the content of a picture, so a benchmark needs
    no photographs.
    """
    shape = (1, NOISE_CELLS, NOISE_CELLS, 3)
    coarse = np.random.default_rng(seed).random(shape, np.float32)
    return np.clip(images.resize(coarse, (size, size)), 0.0, 1.0)


def parse_sizes(texts: Sequence[str]) -> tuple[int, ...]:
    """Parses the values of a repeated flag of comma-separated sizes.

    Returns:
        Each size once, in increasing order.

    Raises:
        InputError: If one is not a whole number.
    """
    try:
        return tuple(sorted({int(part) for part in split(texts)}))
    except ValueError:
        raise InputError(
            "`sizes` must be whole numbers with commas between them, such as 256,512;"
            f" received {','.join(texts)!r}."
        ) from None


def split(texts: Sequence[str]) -> list[str]:
    """Splits the values of a repeated flag at their commas."""
    return [part.strip() for text in texts for part in text.split(",")]
