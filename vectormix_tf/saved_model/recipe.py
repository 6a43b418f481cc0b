"""What an exported model needs of a recipe; `mix` and `dream` provide it.

To export another recipe, derive a class from `ExportedRecipe` and give it to
`signatures.Model` beside these two.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.saved_model.chunks import Run
from vectormix_tf.saved_model.codec import Limits
from vectormix_tf.saved_model.requests import Request


class ExportedRecipe(abc.ABC):
    """A recipe whose requests become runs in a graph.

    Some choices change the graph itself, such as how many scales of a style are
    compared. Each combination of them is a variant: it is traced on its own, and the
    request decides which one computes.

    Attributes:
        inputs: `{name: dtype}` of a full request; every input is a scalar.
        checked_inputs: `{name: dtype}` of what `check_request` returns.
        objectives: Names of the losses, the same for all variants.
        variants: What tells one variant from another, in the order of
            `variant_index`.
        limits: Limits of the model.
        minimum: Fewest pixels of a side that the network accepts.
        extractor: The network.
    """

    inputs: Mapping[str, tf.DType]
    checked_inputs: Mapping[str, tf.DType]
    objectives: Sequence[str]
    variants: Sequence[Any]
    limits: Limits
    minimum: int
    extractor: Extractor

    @abc.abstractmethod
    def check_request(self, request: Request) -> Request:
        """Checks a request, and resizes its pictures to what the run needs.

        Raises:
            tf.errors.InvalidArgumentError: If a value or a picture is beyond a limit;
                one line says which one.
        """

    @abc.abstractmethod
    def variant_index(self, request: Request) -> tf.Tensor:
        """Returns the index in `variants` for a checked request, an int32 scalar."""

    @abc.abstractmethod
    def build_run(self, variant: Any, request: Request) -> Run:
        """Returns what a checked request asks to compute, in the graph of a variant."""
