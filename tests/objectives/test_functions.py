"""Objectives made of a function, exactly: the extractor is the identity."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from identity import X, value
from mistakes import refusal

from vectormix_tf.objectives.functions import from_function, try_function
from vectormix_tf.objectives.sums import add
from vectormix_tf.ops.regions import Observed, Place
from vectormix_tf.optim.tiles import cut_side

cases = settings(max_examples=25)


def mean(activations):
    return tf.reduce_mean(activations["1"])


def mean_square(activations):
    return tf.reduce_mean(activations["1"] ** 2)


def noise(height, width, channels=3, seed=0):
    drawn = np.random.default_rng(seed).random([1, height, width, channels])
    return tf.constant(drawn, tf.float32)


def test_a_functions_value_times_its_weight_is_the_loss():
    objective = from_function("mean", ["1"], mean, weight=-0.5)
    assert objective.layers == ("1",) and objective.depends_on == ()
    assert objective.name == "mean"
    assert value(objective, X, X) == -0.5 * 2.5


def test_a_layer_may_be_named_alone():
    assert from_function("mean", "1", mean).layers == ("1",)


def test_a_function_may_look_at_several_layers():
    def function(activations):
        assert list(activations) == ["2", "1"]
        return tf.reduce_mean(activations["2"]) * tf.reduce_max(activations["1"])

    assert value(from_function("f", ["2", "1"], function), X, X) == 5 * 4


def test_a_function_sees_no_cell_that_looks_at_padding():
    seen = []

    def function(activations):
        seen.append(activations["1"].numpy())
        return tf.reduce_mean(activations["1"])

    x = noise(7, 5)
    objective = from_function("f", ["1"], function)
    loss = objective.evaluate(x, Observed({"1": x}, margins={"1": 2}), ())
    np.testing.assert_array_equal(seen[0], x[:, 2:5, 2:3])
    assert float(loss) == pytest.approx(seen[0].mean(), rel=1e-6)


def test_where_padding_would_leave_nothing_the_middle_counts():
    x = noise(3, 4)
    objective = from_function("f", ["1"], mean)
    loss = objective.evaluate(x, Observed({"1": x}, margins={"1": 9}), ())
    assert float(loss) == pytest.approx(float(tf.reduce_mean(x[:, 1:2, 1:3])))


def parts_of(x, tile, overlap, margin):
    """The parts of a layer in tiles; every cell is owned by one."""
    sides = [cut_side(side, tile, overlap, 1) for side in x.shape[1:3]]
    for rows in sides[0]:
        for columns in sides[1]:
            numbers = [
                [getattr(side, what) for side in (rows, columns)]
                for what in ("start", "first", "last")
            ]
            at = Place(*tf.constant([list(x.shape[1:3]), *numbers]))
            cells = x[:, rows.start : rows.stop, columns.start : columns.stop]
            yield Observed({"1": cells}, {"1": at}, margins={"1": margin})


@cases
@given(
    height=st.integers(3, 20),
    width=st.integers(3, 20),
    tile=st.integers(2, 8),
    overlap=st.integers(0, 3),
    margin=st.integers(0, 3),
)
def test_parts_have_the_value_and_the_gradient_of_the_whole(
    height, width, tile, overlap, margin
):
    x = noise(height, width)
    objective = from_function("f", ["1"], mean_square, weight=0.3)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        whole = objective.evaluate(x, Observed({"1": x}, margins={"1": margin}), ())
        sums = [
            objective.sums(None, part, ())
            for part in parts_of(x, tile, overlap, margin)
        ]
        total = sums[0]
        for each in sums[1:]:
            total = add(total, each)
        loss = objective.loss(total, ())
    assert float(loss) == pytest.approx(float(whole), rel=1e-5)
    np.testing.assert_allclose(
        tape.gradient(loss, x), tape.gradient(whole, x), rtol=1e-4, atol=1e-7
    )


def test_a_part_that_owns_no_cell_adds_nothing_and_no_nan():
    x = noise(4, 4)
    nothing = Place(*tf.constant([[8, 8], [0, 0], [2, 0], [2, 4]]))
    only_padding = Place(*tf.constant([[8, 8], [0, 0], [0, 0], [2, 4]]))
    objective = from_function("f", ["1"], mean_square)
    for place, margin in ((nothing, 0), (only_padding, 2)):

        @tf.function
        def sums(x, place=place, margin=margin):
            part = Observed({"1": x}, {"1": place}, margins={"1": margin})
            found = objective.sums(None, part, ())
            return found, tf.gradients(found["value"], x)[0]

        found, gradient = sums(x)
        assert float(found["value"]) == 0 and float(found["share"]) == 0
        np.testing.assert_array_equal(gradient, np.zeros_like(x))


# --- Before a run ---------------------------------------------------------------------


def cells_of(function):
    """The same function, of the cells of a layer."""
    return lambda activations: function(activations["1"])


MEANS = {
    "mean": tf.reduce_mean,
    "channel": lambda cells: -tf.reduce_mean(cells[..., 2]),
    "square": lambda cells: tf.reduce_mean(cells**2),
    "entropy": lambda cells: -tf.reduce_mean(cells * tf.math.log(cells + 1e-6)),
    "max over channels": lambda cells: tf.reduce_mean(tf.reduce_max(cells, -1)),
    "cancels": lambda cells: tf.reduce_mean(cells[..., 0] - cells[..., 0]),
}
NOT_MEANS = {
    "maximum": tf.reduce_max,
    "minimum": tf.reduce_min,
    "sum": tf.reduce_sum,
    "deviation": tf.math.reduce_std,
    "variance": tf.math.reduce_variance,
    "norm": tf.norm,
    "root of a mean": lambda cells: tf.sqrt(tf.reduce_mean(cells**2)),
    "max over rows": lambda cells: tf.reduce_mean(tf.reduce_max(cells, 1)),
    "max over columns": lambda cells: tf.reduce_mean(tf.reduce_max(cells, 2)),
    "differences": lambda cells: tf.reduce_mean(tf.abs(cells[:, 1:] - cells[:, :-1])),
}


@pytest.mark.parametrize("kind", MEANS)
def test_a_mean_over_cells_can_be_seen_in_parts(kind):
    try_function("f", cells_of(MEANS[kind]), {"1": 5}, True)


@pytest.mark.parametrize("channels", [1, 5, 768])
@pytest.mark.parametrize("kind", NOT_MEANS)
def test_what_is_not_a_mean_over_cells_is_refused_where_parts_are_seen(kind, channels):
    function = cells_of(NOT_MEANS[kind])
    text = refusal(try_function, "f", function, {"1": channels}, True)
    assert "objective f must return a mean over cells" in text
    try_function("f", function, {"1": channels}, False)


@pytest.mark.parametrize(
    "function, told",
    [
        (lambda cells: cells, "returned a tensor of shape (1, None, None, 4)"),
        (lambda cells: tf.reduce_mean(cells, [1, 2]), "shape (1, 4)"),
        (lambda cells: tf.reduce_mean(cells) / 0.0, "finite number; it returned inf"),
        (lambda cells: tf.sqrt(-tf.reduce_mean(cells)), "it returned nan"),
        (lambda cells: 1.0, "has no gradient"),
        (lambda cells: tf.reduce_mean(tf.round(cells)), "has no gradient"),
        (lambda cells: tf.reduce_mean(cells).numpy(), "failed: AttributeError"),
        (lambda cells: {}["mixed3"], "failed: KeyError: 'mixed3'"),
        (lambda cells: tf.reduce_mean(cells[..., 9]), "failed: ValueError"),
    ],
    ids=["cells", "vector", "inf", "nan", "constant", "round", "numpy", "key", "slice"],
)
def test_a_function_that_cannot_be_lowered_is_refused(function, told):
    text = refusal(try_function, "f", cells_of(function), {"1": 4}, False)
    assert "the function of objective f" in text and told in text


@pytest.mark.parametrize(
    "given, told",
    [
        ((["1"], mean, "much"), "`weight` must be a number"),
        ((["1"], mean, float("nan")), "`weight` must be in"),
        (([], mean), "`layers` of objective f must be names"),
        (([42], mean), "`layers` of objective f must be names"),
        ((["1", "1@2"], mean), "must all be seen at one size"),
        ((["1"], "mean"), "needs a function of activations; received 'mean'"),
    ],
)
def test_arguments_that_make_no_objective_are_refused(given, told):
    assert told in refusal(from_function, "f", *given)
