"""Tiles: how a long side is cut into overlapping pieces of one length."""

from typing import NamedTuple


class Tile(NamedTuple):
    """A piece of a side, in pixels; what it owns begins at `first`, ends before `last`.

    Every pixel is owned by one piece.
    """

    start: int
    stop: int
    first: int
    last: int


def cut(length: int, tile: int, overlap: int, stride: int) -> list[Tile]:
    """Cuts a side.

    A network sees cell i of a piece that begins at a multiple of its stride just as it
    sees cell `start / stride + i` of the whole side, but for the zeros that it pads
    borders with; so all pieces begin at multiples, and the last one ends with the side.

    Args:
        length: Of the side, pixels.
        tile: Most that a piece owns, about.
        overlap: What a piece has on each side beyond what it owns, at least.
        stride: The network's, a power of 2.

    Returns:
        The pieces in a row, all of one length.
    """
    overlap = -(-overlap // stride) * stride
    if length <= tile + 2 * overlap:
        return [Tile(0, length, 0, length)]
    count = -(-(length - 2 * overlap) // tile)
    own = -(-(length - 2 * overlap) // count)
    size = -(-own // stride) * stride + 2 * overlap + length % stride
    last = length - size  # a multiple of stride
    starts = [last * i // (count - 1) // stride * stride for i in range(count)]
    edges = [0, *(start + overlap for start in starts[1:]), length]
    return [
        Tile(start, start + size, *edges[i : i + 2]) for i, start in enumerate(starts)
    ]
