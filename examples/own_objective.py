"""Objectives of one's own: a function of activations, and a statistic.

    python examples/own_objective.py photo.jpg painting.jpg mix.png

mixes two pictures with both. The function says what to lower besides the mix's own
losses: here one channel of each cell is to stand out. The statistic says what of the
painting counts as its texture: here the energy of each channel of a layer alone.
"""

import argparse

import tensorflow as tf

import vectormix_tf as vm
from vectormix_tf.errors import VectormixError
from vectormix_tf.io.output import check_output


def peaks(activations: dict[str, tf.Tensor]) -> tf.Tensor:
    """High where one channel of a cell stands out from the others; lower is better.

    Args:
        activations: `{"mixed3": [1, h, w, 768]}`, of cells that look at the picture.

    Returns:
        A scalar: a mean over cells, so that a large picture can be seen in tiles.
    """
    cells = activations["mixed3"]
    strongest = tf.reduce_max(cells, axis=-1)  # of each cell, [1, h, w]
    return -tf.reduce_mean(strongest - tf.reduce_mean(cells, axis=-1))


@vm.objectives.statistic("energy")
def energy(cells: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Mean square of each channel of a layer.

    Args:
        cells: [n, c].
        weights: How much each cell counts, [n, 1] in [0, 1].

    Returns:
        Sums that add up over parts of a picture, [c], and the total weight.
    """
    return tf.reduce_sum(weights * cells**2, axis=0), tf.reduce_sum(weights)


def main(argv: list[str] | None = None) -> None:
    """Mixes the pictures that the command line names, and says what the losses did."""
    parser = argparse.ArgumentParser(description="Mixes with an objective of its own.")
    parser.add_argument("photo")
    parser.add_argument("painting")
    parser.add_argument("output")
    parser.add_argument("--size", type=int, default=512, help="long side, pixels")
    parser.add_argument("--steps", type=int, default=48)
    flags = parser.parse_args(argv)
    try:
        # Before the run, not after it: the file must not exist, for example.
        check_output(flags.output, [flags.photo, flags.painting])
        make(flags)
    except VectormixError as error:  # one line that says what is wrong
        parser.error(str(error))


def make(flags: argparse.Namespace) -> None:
    """Makes and writes the mix."""
    result = vm.mix(
        flags.photo,
        flags.painting,
        statistic="energy",  # the same as --statistic=energy in this process
        objectives=[
            vm.objectives.from_function("peaks", ["mixed3"], peaks, weight=0.2)
        ],
        size=flags.size,
        steps=flags.steps,
    )
    for name, losses in result.losses.items():
        print(f"{name}: {losses[0]:.4f} -> {losses[-1]:.4f}")
    result.save(flags.output)


if __name__ == "__main__":
    main()
