"""Where the cells of a layer look, and matrices that read one grid at another's places.

All positions are in pixels, and the center of the first pixel is at 0. Pictures are
square, so one axis stands for both.
"""

import math
from typing import NamedTuple

import numpy as np


class Grid(NamedTuple):
    """The cells of a layer along one axis.

    Attributes:
        center: Where the first cell looks.
        stride: Pixels from one cell to the next.
        cells: Their number.
    """

    center: float
    stride: int
    cells: int


def unpadded(grid: Grid, kernel: int, stride: int) -> Grid:
    """The cells of a convolution with padding "valid" over the cells of a grid."""
    center = grid.center + (kernel - 1) / 2 * grid.stride
    cells = (grid.cells - kernel) // stride + 1
    return Grid(center, grid.stride * stride, cells)


def padded(grid: Grid, kernel: int, stride: int) -> Grid:
    """The same with TensorFlow's padding "same", which depends on the size."""
    cells = math.ceil(grid.cells / stride)
    before = max((cells - 1) * stride + kernel - grid.cells, 0) // 2
    center = grid.center + ((kernel - 1) / 2 - before) * grid.stride
    return Grid(center, grid.stride * stride, cells)


def pupil_grids(size: int) -> dict[str, Grid]:
    """Grids of InceptionV3's layers from `conv4a` on, for pictures of `size` pixels."""
    grid = Grid(0, 1, size)
    # conv1a, conv2a, a pool, conv4a; conv2b and conv3b move nothing.
    for kernel, stride in ((3, 2), (3, 1), (3, 2), (3, 1)):
        grid = unpadded(grid, kernel, stride)
    grids = {"conv4a": grid}
    for block in range(11):
        if block in (0, 3, 8):  # a pool before mixed0; blocks that halve their input
            grid = unpadded(grid, 3, 2)
        grids[f"mixed{block}"] = grid
    return grids


def reading(places: np.ndarray, count: int) -> np.ndarray:
    """Returns the matrices that read values linearly between the cells of a row.

    Args:
        places: [..., n], where to read, in cells; beyond the ends is the last cell.
        count: How many cells there are.

    Returns:
        [..., n, count], float32; each row has the sum 1.
    """
    places = np.clip(places, 0, count - 1)[..., None]
    distances = np.abs(places - np.arange(count))
    return np.maximum(1 - distances, 0).astype(np.float32)


def sampling(pupil: Grid, size: int, teacher: Grid, teacher_size: int) -> np.ndarray:
    """Returns the matrix that reads a teacher's cells where a pupil's cells look.

    Args:
        pupil: The pupil's grid.
        size: Side of the picture that the pupil sees.
        teacher: The teacher's grid.
        teacher_size: Side of the same picture as the teacher sees it.

    Returns:
        [pupil.cells, teacher.cells], float32.
    """
    pixels = pupil.center + pupil.stride * np.arange(pupil.cells)
    pixels = (pixels + 0.5) * teacher_size / size - 0.5
    return reading((pixels - teacher.center) / teacher.stride, teacher.cells)
