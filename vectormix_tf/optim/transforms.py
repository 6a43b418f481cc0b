"""Transforms: how an image is changed before the network sees it.

Each step sees x through one of a set of random transforms. So a pattern that fits the
grid of the network's strides, or one position or orientation only, does not pay off.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Second numbers of the seeds of what is drawn here; `Problem.transform_number` uses
# those from 0 on.
SHIFT_SEED, PERCENT_SEED, DEGREES_SEED = -1, -2, -3
FULL_SIZE = 100  # percent


class Transform(NamedTuple):
    """One transform: first the flips, then the shift, then scale and rotation.

    Attributes:
        shift: Rows and columns by which the image is rolled, int32 [2].
        flip: Whether rows and columns are reversed, int32 [2] of 0 or 1; None if not.
        percent: Scale about the middle, int32 scalar; 100 or None leaves the size.
        degrees: Counterclockwise rotation about the middle, int32 scalar; 0 or None is
            none.
    """

    shift: Any
    flip: Any = None
    percent: Any = None
    degrees: Any = None

    def apply(self, image: tf.Tensor) -> tf.Tensor:
        """Transforms images [B, H, W, c]; differentiable, and the shape stays."""
        if self.flip is not None:
            for axis, flip in enumerate(tf.unstack(self.flip), start=1):
                image = tf.cond(
                    flip > 0,
                    lambda image=image, axis=axis: tf.reverse(image, [axis]),
                    lambda image=image: image,
                )
        image = tf.roll(image, self.shift, [1, 2])
        if self.percent is None and self.degrees is None:
            return image
        percent = FULL_SIZE if self.percent is None else self.percent
        degrees = 0 if self.degrees is None else self.degrees
        return _scale_and_rotate(image, percent, degrees)

    @property
    def only_moves(self) -> bool:
        """Whether all pixels stay as they are, in other places."""
        return self.percent is None and self.degrees is None

    def move(self, image: np.ndarray) -> None:
        """Does what `apply` does to an array [1, H, W, c] in place, if `only_moves`.

        The memory that it takes is that of one channel.
        """
        shift = [int(each) for each in self.shift]
        for plane in np.moveaxis(image[0], -1, 0):  # views [H, W]
            plane[:] = np.roll(plane[self._flips()], shift, (0, 1))

    def move_back(self, image: np.ndarray) -> None:
        """Undoes `move`, likewise in place."""
        shift = [-int(each) for each in self.shift]
        for plane in np.moveaxis(image[0], -1, 0):
            plane[:] = np.roll(plane, shift, (0, 1))[self._flips()]

    def _flips(self) -> tuple[slice, slice]:
        flips = (0, 0) if self.flip is None else self.flip
        rows, columns = (slice(None, None, -1 if int(each) else 1) for each in flips)
        return rows, columns


class Transforms(Transform):
    """A set of k transforms: the fields of `Transform`, with a first axis k.

    Each is a NumPy array or, where it depends on a request, a tensor of a graph whose
    values are known only when the graph runs.
    """

    __slots__ = ()

    @property
    def size(self) -> int:
        """k, number of transforms."""
        return self.shift.shape[0]

    def at(self, number: tf.Tensor | int) -> Transform:
        """Returns one of the transforms; in a graph `number` is an int32 scalar."""
        return Transform(
            *(
                None if field is None else tf.convert_to_tensor(field)[number]
                for field in self
            )
        )

    def distinct(self, fields: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Groups transforms that agree in some fields.

        A field whose values are not known yet differs for every transform.

        Args:
            fields: Names of fields of `Transform`.

        Returns:
            Number of one transform of each group, int32 [groups], and the group of each
            transform, int32 [k].
        """
        columns = [np.zeros([self.size, 1], np.int32)]
        for field in (getattr(self, name) for name in fields):
            if field is not None:
                known = tf.get_static_value(field)
                known = np.arange(self.size) if known is None else known
                columns.append(known.reshape(self.size, -1))
        _, first, group = np.unique(
            np.concatenate(columns, axis=1),
            axis=0,
            return_index=True,
            return_inverse=True,
        )
        return first.astype(np.int32), group.reshape(-1).astype(np.int32)


NO_TRANSFORM = Transforms(np.zeros([1, 2], np.int32))


def draw_transforms(
    seed: tf.Tensor | int,
    count: int,
    jitter: tf.Tensor | int,
    flips: bool = False,
    percent: int = 0,
    degrees: int = 0,
) -> Transforms:
    """Draws random transforms; the first one shifts, scales and rotates by nothing.

    Args:
        seed: Of all that is drawn; int32 scalar.
        count: k, how many; if nothing is to be changed there is one.
        jitter: Greatest shift along each side, pixels.
        flips: Whether the four combinations of reversed rows and columns take turns.
        percent: Greatest change of the size, percent.
        degrees: Greatest rotation, degrees.

    Returns:
        A set of k transforms, with None for fields that are not asked for. In a graph,
        where seed and jitter may be tensors, the shifts are a tensor as well.
    """
    known = not tf.is_tensor(jitter)
    if known and jitter == 0 and not (flips or percent or degrees):
        return NO_TRANSFORM
    numbers = np.arange(count, dtype=np.int32)
    size, rotation = None, None
    if percent:
        size = FULL_SIZE + _draw([seed, PERCENT_SEED], [count], percent)
    if degrees:
        rotation = _draw([seed, DEGREES_SEED], [count], degrees)
    return Transforms(
        shift=_draw([seed, SHIFT_SEED], [count, 2], jitter),
        flip=np.stack([numbers % 2, numbers // 2 % 2], axis=1) if flips else None,
        percent=size,
        degrees=rotation,
    )


def _draw(seeds, shape, most):
    """Integers in [-most, most], int32; the first along the first axis are 0."""
    count, *rest = shape
    drawn = tf.random.stateless_uniform(
        [count - 1, *rest], seeds, -most, most + 1, tf.int32
    )
    drawn = tf.pad(drawn, [[1, 0], *([[0, 0]] * len(rest))])
    known = tf.get_static_value(drawn)  # None in a graph
    return drawn if known is None else known


def _scale_and_rotate(image, percent, degrees):
    """Scales and rotates about the middle, bilinearly; what is beyond is reflected.

    The gradient that TensorFlow gives this operation is the gradient under the inverse
    transform, interpolated as an image is: not quite the adjoint, but a smoothed one.
    """
    angle = tf.cast(degrees, tf.float32) * (np.pi / 180)
    scale = tf.cast(percent, tf.float32) / FULL_SIZE
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    y, x = tf.unstack(tf.cast(tf.shape(image)[1:3] - 1, tf.float32) / 2)  # the middle
    inverse = [cosine, -sine, x - cosine * x + sine * y]
    inverse += [sine, cosine, y - sine * x - cosine * y, 0.0, 0.0]
    result = tf.raw_ops.ImageProjectiveTransformV3(
        images=image,
        transforms=[inverse],
        output_shape=tf.shape(image)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(result, image.shape)
