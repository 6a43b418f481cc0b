"""Objectives: what a picture is pulled towards.

Everything is minimized; `amplify` holds the only minus sign. Every distance is relative
to the size of what it compares, so that a weight means the same for every layer,
network and size of picture.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.ops import regions

# `{layer: activations}`, a `regions.Observed` where it may be of a part of a picture.
Parts = Iterable[Mapping[str, tf.Tensor]]
Observe = Callable[[tf.Tensor, Iterable[str]], Parts]
# (layer, observed) -> [1, h, w, 1]; it is 0 for cells that another part owns.
Where = Callable[[str, Mapping[str, tf.Tensor]], tf.Tensor]

# Fields of `optim.transforms.Transform`, which all move activations: a target that is
# compared cell by cell depends on them.
ARRANGEMENT = ("shift", "flip", "percent", "degrees")


class Objective(NamedTuple):
    """What x is pulled towards; make it with `match`, `amplify`, `from_function`, ...

    An objective is minimized. It is made of sums over cells, so that a picture which is
    too large to be seen in one go can be seen part by part.

    Attributes:
        name: Of its losses in progress and results.
        target: (observe, x) -> tensors, called at the start of an octave with the x
            that it starts from. `observe` maps (x, layers) to the parts in which x is
            seen, one after another: each is `{layer: activations [1, h, w, c]}`, of
            some of the layers. Most often there is one part, and it is all of x.
        sums: (x, observed, target) -> tensors, called at every step with what is seen
            of `layers` in a part of x, and with that part's `share` of the target. If
            there are layers it returns a dictionary. The sums of all parts are added up
            (`sums.add`). Without layers an objective sees x alone, always all of it.
        loss: (sums, target) -> scalar; lower is better.
        layers: Names of the layers that it looks at.
        depends_on: Fields of `optim.transforms.Transform` that the target depends on;
            one target is made for every combination of their values. `ARRANGEMENT` if
            cells are compared one by one, `()` for a texture.
        share: (target, layers, number) -> what of the target a part needs that shows
            these layers, the part's number among those that do.
        wakes: Whether it raises what may be dead all over the picture, such as a single
            channel. A dream then uses a network that has a gradient there.
        check: (channels of each layer, whether x is seen in parts) -> None, called
            before a run; raises an `InputError` if the objective cannot be used.
        target_key: Returns what decides the target besides the shape of x and the
            transform, so that it may be kept for further runs (`Problem.known`); None
            keeps none.
        rows: (rows of x [1, h, W, 3], number of the first, height of x) -> sums, for an
            objective without layers whose sums of a large x add up over its rows; None
            needs all of x at once.
        made_from: What decides the losses: names, numbers, arrays, functions. A
            checkpoint keeps its digest; empty takes the functions above.
    """

    name: str
    target: Callable[[Observe, tf.Tensor], Any]
    sums: Callable[[tf.Tensor, Mapping[str, tf.Tensor], Any], Any]
    loss: Callable[[Any, Any], tf.Tensor]
    layers: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    share: Callable[[Any, Iterable[str], int], Any] = lambda target, *_: target
    wakes: bool = False
    check: Callable[[Mapping[str, int], bool], None] = lambda *_: None
    target_key: Callable[[], Hashable] | None = None
    rows: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Any] | None = None
    made_from: tuple = ()

    def times(self, weight: float) -> "Objective":
        """The same objective with its loss multiplied by `weight`."""
        return self._replace(
            loss=lambda *state: weight * self.loss(*state),
            made_from=(*self.origin, weight),
        )

    @property
    def origin(self) -> tuple:
        """`made_from`, or the functions of an objective that does not say."""
        return self.made_from or (self.target, self.sums, self.loss, self.share)

    def evaluate(self, x: tf.Tensor, observed, target: Any) -> tf.Tensor:
        """The loss at an x that is seen in one go, scalar."""
        share = self.share(target, self.layers, 0)
        return self.loss(self.sums(x, observed, share), target)


def counted(where: Where | None, layer: str, observed) -> tf.Tensor | None:
    """Weights of a layer's cells, [1, h, w, 1].

    Args:
        where: How much each cell counts; None counts those that look at the picture and
            not at the reflected padding around it, as far as `observed` says.
        layer: Name of the layer.
        observed: `{layer: activations [1, h, w, c]}`.

    Returns:
        The weights, or None where all cells count.
    """
    if where is None:
        return regions.inside(layer, observed)
    return where(layer, observed)
