"""Where cells look: what a network tells of a ramp is where its cell looks."""

import numpy as np
import pytest
import tensorflow as tf
from teaching_toy import lite0_arrays

from vectormix_tf.backbone.environment import keras
from vectormix_tf.backbone.load import untrained
from vectormix_tf.backbone.rewrite import average_pooling
from vectormix_tf.teaching import teachers
from vectormix_tf.teaching.geometry import (
    Grid,
    padded,
    pupil_grids,
    reading,
    sampling,
)

PLAN = teachers.EFFICIENTNET
SIZE, TEACHER_SIZE = 384, 448
# Cells whose fields reach beyond the picture on one side only look elsewhere. Those in
# the middle reach beyond it on both sides, which leaves the center where it is.
INNER = 0.05  # of the picture; half the width of what is compared


def ramp(size):
    """Two pictures: ones, and the column of each pixel from 0 to 1."""
    column = np.broadcast_to(np.arange(size) / size, (size, size))
    images = np.stack([np.ones((size, size)), column])
    return tf.constant(images[..., None].repeat(3, -1), tf.float32)


def places(activations, size):
    """Where each cell of a row in the middle looks: the center of its weights, [w].

    Both networks are linear here, with weights that are all positive: what they tell of
    the ramp over what they tell of ones is the mean column, whatever weights sum to.
    """
    middle = activations.shape[1] // 2
    ones, column = activations[:, middle].numpy().mean(-1)
    return column / ones * size


def averaging(kernel):
    """Kernels that average all that they see."""
    return np.full(kernel, 1 / np.prod(kernel[:-1]), np.float32)


@pytest.fixture(scope="module")
def looked():
    """Where the pupil's cells look, and the teacher's, by layer and activations."""
    network, _ = untrained("inception_v3")
    network = average_pooling(network)  # the same places, without ties
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, *bias = layer.get_weights()
            layer.set_weights([averaging(kernel.shape), *bias])
    pupil = keras.Model(network.input, {k: network.output[k] for k in PLAN.taps})
    seen = {k: places(each, SIZE) for k, each in pupil(ramp(SIZE)).items()}
    arrays = lite0_arrays()
    for name, array in arrays.items():
        if name.endswith("k"):
            depthwise = (*array.shape[:2], 1, 1)
            one = averaging(depthwise if "/d/" in name else array.shape)
            arrays[name] = np.broadcast_to(one, array.shape)
    # What the teacher makes of its pictures, backwards. Blocks add up, and must stay
    # below the 6 of ReLU6.
    small = ramp(TEACHER_SIZE) / 1000
    known = teachers.lite0(arrays)((small * 128 + 127) / 255)
    return seen, {k: places(known[k], TEACHER_SIZE) for k in PLAN.wanted}


@pytest.mark.parametrize("layer", PLAN.taps)
def test_a_cell_and_what_it_is_taught_look_at_the_same_place(layer, looked):
    pupil, known = looked
    grid = pupil_grids(SIZE)[layer]
    assert len(pupil[layer]) == grid.cells
    centers = grid.center + grid.stride * np.arange(grid.cells)
    middle = np.abs(centers - SIZE / 2) < max(INNER * SIZE, grid.stride)
    assert middle.any()
    np.testing.assert_allclose(
        pupil[layer][middle], centers[middle], atol=grid.stride / 8
    )
    for name in PLAN.taps[layer]:
        other = PLAN.grids(TEACHER_SIZE)[name]
        assert len(known[name]) == other.cells
        matrix = sampling(grid, SIZE, other, TEACHER_SIZE)
        looks = (matrix @ known[name] + 0.5) * SIZE / TEACHER_SIZE - 0.5
        error = np.abs(looks - pupil[layer])[middle]
        assert error.max() < grid.stride / 8, name


@pytest.mark.slow  # Keras takes long to build it
def test_efficientnetb0_of_keras_looks_where_lite0_does(tmp_path):
    """By its derivative along the ramp, since swish is not linear."""
    size = 288  # an odd number of cells: one is in the middle
    network = keras.applications.EfficientNetB0(
        weights=None, input_shape=[size] * 2 + [3]
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            kernel, *bias = layer.get_weights()
            depthwise = (*kernel.shape[:2], 1, 1)
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            one = averaging(depthwise if is_depthwise else kernel.shape)
            if "_se_" in layer.name:
                one = 0 * one  # it looks everywhere
            layer.set_weights([np.broadcast_to(one, kernel.shape), *bias])
    path = str(tmp_path / "b0.weights.h5")
    network.save_weights(path)
    teacher = teachers.load(path, size)
    image = tf.fill([2, size, size, 3], 0.5)
    with tf.autodiff.ForwardAccumulator(image, ramp(size)) as along:
        seen = teacher(image)
    for name, grid in PLAN.grids(size).items():
        if name not in PLAN.wanted:
            continue
        looks = places(along.jvp(seen[name]), size)
        centers = grid.center + grid.stride * np.arange(grid.cells)
        middle = np.abs(centers - size / 2) < max(INNER * size, grid.stride)
        np.testing.assert_allclose(looks[middle], centers[middle], atol=grid.stride / 8)


@pytest.mark.parametrize("size", [75, 96, 160, 161, 224])
def test_grids_have_as_many_cells_as_the_layers(size):
    network, _ = untrained("inception_v3")
    shapes = network.compute_output_shape((1, size, size, 3))
    grids = pupil_grids(size)
    assert {k: shapes[k][1] for k in grids} == {k: g.cells for k, g in grids.items()}


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 2), (3, 1)])
@pytest.mark.parametrize("size", [9, 10])
def test_a_padded_grid_is_that_of_tensorflow(kernel, stride, size):
    ones = tf.ones([1, size, size, 1])
    ramps = ones * tf.reshape(tf.range(size, dtype=tf.float32), [1, 1, size, 1])
    weights = tf.ones([kernel, kernel, 1, 1])
    sums = [
        tf.nn.conv2d(x, weights, stride, "SAME").numpy()[0, 1, :, 0]
        for x in (ramps, ones)
    ]
    looks = sums[0] / sums[1]
    grid = padded(Grid(0, 1, size), kernel, stride)
    assert len(looks) == grid.cells
    centers = grid.center + grid.stride * np.arange(grid.cells)
    whole = (centers >= kernel // 2) & (centers <= size - 1 - kernel // 2)
    np.testing.assert_allclose(looks[whole], centers[whole], rtol=1e-6)


def test_reading_is_linear_interpolation_that_stops_at_the_ends():
    values, places = np.array([3.0, 5.0, -1.0, 0.5]), np.linspace(-1, 5, 25)
    read = reading(places, 4) @ values
    np.testing.assert_allclose(read, np.interp(places, range(4), values), rtol=1e-6)
    assert (reading(np.array([[0.0], [7.0]]), 1) == 1).all()
