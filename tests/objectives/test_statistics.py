"""Statistics against NumPy and SciPy."""

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.objectives import statistics
from vectormix_tf.objectives.distances import relative_l1, relative_squared
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.statistics import (
    BLUR,
    LEAST_SHAPES,
    LIGHT,
    ROUNDING,
    STATISTICS,
    covariance,
    gram,
    histogram,
    identity,
    moments,
    sliced,
    structure,
)
from vectormix_tf.objectives.sums import FLAT, blend, flat
from vectormix_tf.ops import matrix_root
from vectormix_tf.ops.regions import whole
from vectormix_tf.optim import canvas, optimizers
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.problem import Problem

cases = settings(max_examples=25)
few_cases = settings(cases, max_examples=6)
sizes = st.integers(1, 7)
seeds = st.integers(0, 99)
BLENDING = {name: s for name, s in STATISTICS.items() if s.blends}
TRANSPORT = {"sliced": sliced(), "histogram": histogram}
every = pytest.mark.parametrize("name", STATISTICS)
every_blending = pytest.mark.parametrize("name", BLENDING)
every_transport = pytest.mark.parametrize("name", TRANSPORT)


def activations(h, w, c, seed=0):
    return np.random.default_rng(seed).normal(size=[1, h, w, c]).astype(np.float32)


def weights(h, w, seed=0):
    drawn = np.random.default_rng(seed + 1).uniform(0.1, 1, [1, h, w, 1])
    return drawn.astype(np.float32)


def texture(h, w, c, seed=0):
    """Activations whose channels differ and depend on each other."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=[1, h, w, c]) @ rng.normal(size=[c, c]) + rng.normal(size=c)
    return cells.astype(np.float32)


def between(statistic, picture, target, weight=None, target_weight=None):
    """The distance, as `match` takes it."""
    wanted = statistic.prepare(statistic(tf.constant(target), target_weight))
    cells = [flat(tf.constant(target))] if statistic.keeps_arrangement else []
    sums = statistic.sums_for(tf.constant(picture), weight, wanted, wanted=cells)
    return statistic.apart(sums, wanted)


def differentiate(statistic, picture, target, weight=None, target_weight=None):
    picture = tf.constant(picture)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        distance = between(statistic, picture, target, weight, target_weight)
    return float(distance), tape.gradient(distance, picture).numpy()


# --- Oracles: (cells [n, c], weights [n], the target's) -> distance, in float64 -------


def spread_of(cells, weight):
    covariance = np.cov(cells.T, aweights=weight, ddof=0)
    return np.average(cells, 0, weight), np.atleast_2d(covariance)


def products_of(cells, weight):
    return np.einsum("ni,nj,n->ij", cells, cells, weight) / weight.sum()


def gram_oracle(cells, weight, target, target_weight):
    wanted = products_of(target, target_weight)
    return np.abs(products_of(cells, weight) - wanted).sum() / np.abs(wanted).sum()


def moments_oracle(cells, weight, target, target_weight):
    (mean, covariance), (wanted, asked) = (
        spread_of(cells, weight),
        spread_of(target, target_weight),
    )
    spread, asked = np.sqrt(np.diag(covariance)), np.sqrt(np.diag(asked))
    difference = ((mean - wanted) ** 2).sum() + ((spread - asked) ** 2).sum()
    return difference / ((wanted**2).sum() + (asked**2).sum())


def covariance_oracle(cells, weight, target, target_weight, blur=BLUR, flat=FLAT):
    """Gaussians' distance by SciPy's root of a matrix."""
    mean, covariance = spread_of(cells, weight)
    wanted, asked = spread_of(target, target_weight)
    square = flat * (wanted**2).sum()
    unit = np.trace(asked) + square
    noise = blur * np.linalg.norm(asked) + square / len(asked)
    covariance, asked = (
        each + noise * np.eye(len(each)) for each in (covariance, asked)
    )
    root = scipy.linalg.sqrtm(asked)
    product = scipy.linalg.sqrtm(root @ covariance @ root)
    spreads = np.trace(covariance + asked - 2 * np.real(product))
    return (((mean - wanted) ** 2).sum() + spreads) / unit


def transport_oracle(cells, weight, target, target_weight):
    """Sorted by hand, one channel after the other, without what does not count."""
    distances, units = [], []
    for picture, wanted in zip(cells.T, target.T, strict=True):
        x, u, share = quantiles(picture, weight)
        y, v, asked = quantiles(wanted, target_weight)
        distances.append((share * (x - np.interp(u, v, y)) ** 2).sum())
        mean = (asked * y).sum()
        units.append((asked * ((y - mean) ** 2 + FLAT * y**2)).sum())
    return np.mean(distances) / np.mean(units)


def quantiles(values, weight):
    values, weight = values[weight > 0], weight[weight > 0]
    order = np.argsort(values)
    share = weight[order] / weight.sum()
    return values[order], np.cumsum(share) - share / 2, share


def directions(channels, seed=0):
    """What `sliced` projects on."""
    sums = sliced(seed).summarize(tf.eye(channels), None)
    return sums[0].numpy().T.astype(float)


def sliced_oracle(cells, weight, target, target_weight):
    along = directions(cells.shape[1])
    return transport_oracle(cells @ along, weight, target @ along, target_weight)


ORACLES = {
    "gram": gram_oracle,
    "covariance": covariance_oracle,
    "moments": moments_oracle,
    "sliced": sliced_oracle,
    "histogram": transport_oracle,
}


def oracle(name, picture, target, weight, target_weight):
    def flat(tensor):
        return np.asarray(tensor, float).reshape(-1, np.shape(tensor)[-1])

    weight, target_weight = flat(weight)[:, 0], flat(target_weight)[:, 0]
    return ORACLES[name](flat(picture), weight, flat(target), target_weight)


WEIGHTS = {
    "ones": lambda h, w, seed: np.ones([1, h, w, 1], np.float32),
    "soft": weights,
    "zeros and ones": lambda h, w, seed: np.round(weights(h, w, seed)),
    "zeros and soft": lambda h, w, seed: (
        weights(h, w, seed) * np.round(weights(h, w, seed + 1))
    ),
}


def test_every_name_has_an_oracle():
    assert set(ORACLES) == set(STATISTICS)


@every
@pytest.mark.parametrize("kind", WEIGHTS)
@few_cases
@given(c=st.integers(1, 6), seed=seeds)
def test_distances_are_those_of_the_oracles(name, kind, c, seed):
    picture, target = texture(6, 7, c, seed), texture(5, 9, c, seed + 100)
    weight, other = WEIGHTS[kind](6, 7, seed), WEIGHTS[kind](5, 9, seed + 7)
    expected = oracle(name, picture, target, weight, other)
    found = between(STATISTICS[name], picture, target, weight, other)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert found > 0.01  # so that the tolerance means something


@every
@pytest.mark.parametrize("kind", WEIGHTS)
def test_gradients_are_those_of_the_oracles(name, kind):
    """Numerically, in float64, along a direction."""
    picture, target = texture(6, 7, 4, 3), texture(5, 9, 4, 2)
    weight, other = WEIGHTS[kind](6, 7, 3), WEIGHTS[kind](5, 9, 4)
    along = activations(6, 7, 4, 5).astype(float)
    step = 1e-6
    ahead, behind = (
        oracle(name, picture + sign * step * along, target, weight, other)
        for sign in (1, -1)
    )
    _, gradient = differentiate(STATISTICS[name], picture, target, weight, other)
    expected = (ahead - behind) / (2 * step)
    assert abs(expected) > 1e-3
    np.testing.assert_allclose((gradient * along).sum(), expected, rtol=1e-3)


# --- What holds for all ---------------------------------------------------------------


@every
@cases
@given(h=sizes, w=sizes, c=sizes, seed=seeds)
def test_only_identity_sees_where_things_are(name, h, w, c, seed):
    cells, statistic = activations(h, w, c, seed), STATISTICS[name]
    order = np.random.default_rng(seed).permutation(h * w)
    moved = cells.reshape(1, h * w, c)[:, order].reshape(cells.shape)
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
        statistic(cells),
        statistic(moved),
    )
    assert identity.keeps_arrangement and not statistic.keeps_arrangement


def test_identity_compares_the_cells_one_by_one():
    cells, target, weight = activations(3, 4, 2), activations(3, 4, 2, 1), weights(3, 4)
    expected = np.abs((cells - target) * weight).sum() / np.abs(target * weight).sum()
    found = between(identity, cells, target, weight, weight)
    assert float(found) == pytest.approx(expected, rel=1e-5)


@every
@few_cases
@given(h=sizes, w=sizes, c=sizes, seed=seeds)
def test_the_same_layer_is_a_perfect_match(name, h, w, c, seed):
    cells, weight = texture(h, w, c, seed), weights(h, w, seed)
    found, gradient = differentiate(STATISTICS[name], cells, cells, weight, weight)
    assert 0 <= found < 1e-4
    assert np.isfinite(gradient).all()


@every
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_distances_are_relative(name, factor):
    picture, target = texture(6, 7, 4, 1), texture(5, 9, 4, 2)
    plain = between(STATISTICS[name], picture, target)
    scaled = between(STATISTICS[name], factor * picture, factor * target)
    np.testing.assert_allclose(scaled, plain, rtol=2e-3)


@pytest.mark.parametrize("name", [*STATISTICS, "identity"])
def test_cells_without_weight_change_nothing(name):
    statistic = identity if name == "identity" else STATISTICS[name]
    weight = np.ones([1, 4, 5, 1], np.float32)
    weight[:, 0] = 0
    cells, wanted = texture(4, 5, 3, 1), texture(4, 5, 3, 2)
    others = [each.copy() for each in (cells, wanted)]
    others[0][:, 0], others[1][:, 0] = 100, -100
    found, gradient = differentiate(statistic, cells, wanted, weight, weight)
    other, same = differentiate(statistic, *others, weight, weight)
    assert found == pytest.approx(other, rel=1e-6)
    np.testing.assert_allclose(same, gradient, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(gradient[:, 0], 0)
    assert np.abs(gradient).max() > 1e-3


@every
@pytest.mark.parametrize("picture", ["texture", "flat", "zero"])
@pytest.mark.parametrize("target", ["texture", "flat", "zero"])
def test_a_layer_without_variance_stays_finite(name, picture, target):
    layers = {
        "texture": texture(4, 5, 3),
        "flat": np.full([1, 4, 5, 3], 0.7, np.float32),
        "zero": np.zeros([1, 4, 5, 3], np.float32),
    }
    found, gradient = differentiate(STATISTICS[name], layers[picture], layers[target])
    assert np.isfinite(found) and np.isfinite(gradient).all()
    assert abs(found) < 1e-3 if picture == target else found > 0.1


@every
def test_what_rounding_makes_of_a_wide_layer_without_variance_is_no_loss(name):
    levels = np.random.default_rng(0).uniform(0, 5, 288).astype(np.float32)
    cells = np.broadcast_to(levels, [1, 60, 60, 288])
    found, gradient = differentiate(STATISTICS[name], cells, cells)
    assert 0 <= found < 1e-4
    assert np.isfinite(gradient).all()


@every
def test_a_mask_that_is_empty_stays_finite(name):
    cells, nothing = texture(4, 5, 3), np.zeros([1, 4, 5, 1], np.float32)
    for picture, target in ([nothing, None], [None, nothing], [nothing, nothing]):
        result = differentiate(STATISTICS[name], cells, cells, picture, target)
        assert all(np.isfinite(each).all() for each in result)


@pytest.mark.parametrize("name", [*STATISTICS, "identity"])
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_values_are_float32_whatever_the_features(name, dtype):
    statistic = identity if name == "identity" else STATISTICS[name]
    cells = tf.cast(tf.fill([1, 2, 2, 3], 300.0), dtype)
    weight = tf.ones([1, 2, 2, 1], dtype)
    for value in tf.nest.flatten([statistic(cells), statistic(cells, weight)]):
        assert value.dtype == tf.float32
    np.testing.assert_allclose(gram(cells), 9e4, rtol=2e-2)  # float16 ends at 65504


@every
def test_any_number_of_cells_fits_one_graph_and_it_exports(name, tmp_path):
    statistic = STATISTICS[name]
    target = statistic.prepare(statistic(texture(5, 9, 4, 2)))
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([None, 1])])
    def call(cells, weight):
        with tf.GradientTape() as tape:
            tape.watch(cells)
            sums = statistic.sums_for(cells, weight, target)
            distance = statistic.apart(sums, target)
        return distance, tape.gradient(distance, cells)

    module.call = call
    tf.saved_model.save(module, str(tmp_path))
    for function in (call, tf.saved_model.load(str(tmp_path)).call):
        for h in (3, 6):
            picture, weight = texture(h, 7, 4, 1), weights(h, 7)
            expected = differentiate(statistic, picture, texture(5, 9, 4, 2), weight)
            found, gradient = function(picture.reshape(-1, 4), weight.reshape(-1, 1))
            np.testing.assert_allclose(found, expected[0], rtol=1e-4)
            np.testing.assert_allclose(
                gradient, expected[1].reshape(-1, 4), rtol=1e-2, atol=1e-4
            )


@every
def test_the_loop_lowers_every_distance_on_octaves_of_several_sizes(name):
    def start(octave, before):
        return tf.constant(texture(4 + octave, 5, 3, 1))

    objective = match("t", {"x": 1.0}, lambda x: texture(6, 5, 3, 2), STATISTICS[name])
    problem = Problem(
        observe=lambda x, shift, layers: {"x": tf.ensure_shape(x, [1, None, None, 3])},
        objectives=[objective],
        canvas=canvas.direct(),
        optimizer=optimizers.adam(0.1),
        steps=30,
    )
    losses = optimize(problem, start, (1.0, 2.0)).losses["t"]
    assert losses[29] < 0.5 * losses[0] and losses[59] < 0.5 * losses[30]


# --- Statistics that blend ------------------------------------------------------------


def sums_of(statistic, cells, weight):
    return statistic.sums(tf.constant(cells), tf.constant(weight))


def assert_same(value, other, atol=1e-5):
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, atol=atol), value, other
    )


def test_those_that_blend_are_known():
    assert set(BLENDING) == {"gram", "covariance", "moments"}
    assert not identity.blends


@every_blending
@cases
@given(h=st.integers(2, 7), w=sizes, c=sizes, seed=seeds)
def test_sums_of_parts_add_up(name, h, w, c, seed):
    statistic = BLENDING[name]
    cells, weight = activations(h, w, c, seed), weights(h, w, seed)
    parts = [
        sums_of(statistic, cells[:, rows], weight[:, rows])
        for rows in (slice(0, h // 2), slice(h // 2, None))
    ]
    together = tf.nest.map_structure(tf.add, *parts)
    assert_same(statistic.finish(together), statistic(cells, weight))
    assert float(together[-1]) == pytest.approx(weight.sum(), rel=1e-5)


@every_blending
def test_shares_by_weight_blend_to_both_pictures_side_by_side(name):
    statistic = BLENDING[name]
    pictures = [texture(3, 4, 3, 1), texture(5, 4, 3, 2)]
    masks = [weights(3, 4, 1), weights(5, 4, 2)]
    sums = [sums_of(statistic, *pair) for pair in zip(pictures, masks, strict=True)]
    mixed = blend(sums, [7 * mask.sum() for mask in masks])  # only ratios count
    whole = statistic(np.concatenate(pictures, 1), np.concatenate(masks, 1))
    assert_same(statistic.finish(mixed), whole, 1e-4)
    assert float(mixed[-1]) == pytest.approx(1)


@every_blending
def test_a_share_is_of_pictures_not_of_cells(name):
    statistic = BLENDING[name]
    pictures = [texture(3, 4, 3, 1), texture(5, 4, 3, 2)]
    sums = [statistic.sums(picture) for picture in pictures]
    quarter = blend(sums, [1, 3])
    thrice = blend([sums[0], *[sums[1]] * 3], [1, 1, 1, 1])
    assert_same(statistic.finish(quarter), statistic.finish(thrice))
    assert_same(statistic.finish(blend(sums, [1, 0])), statistic(pictures[0]))


@every_blending
def test_a_blend_of_one_is_that_one_and_empty_masks_have_no_share(name):
    statistic = BLENDING[name]
    cells = texture(3, 4, 3, 1)
    sums = sums_of(statistic, cells, weights(3, 4))
    empty = sums_of(statistic, cells, np.zeros([1, 3, 4, 1], np.float32))
    assert_same(statistic.finish(blend([sums], [1])), statistic.finish(sums))
    assert_same(statistic.finish(blend([sums, empty], [1, 2])), statistic.finish(sums))


# --- One by one -----------------------------------------------------------------------


@cases
@given(h=sizes, w=sizes, c=sizes, seed=seeds)
def test_values_are_the_weighted_means_of_numpy(h, w, c, seed):
    cells, weight = activations(h, w, c, seed), weights(h, w, seed)
    flat = cells.reshape(-1, c).astype(float)
    for given_weight in (weight, None):
        each = np.ones(h * w) if given_weight is None else weight.reshape(-1)
        mean, spread = spread_of(flat, each)
        np.testing.assert_allclose(
            gram(cells, given_weight), products_of(flat, each), atol=1e-5
        )
        found = covariance(cells, given_weight)
        np.testing.assert_allclose(found[0], mean, atol=1e-5)
        np.testing.assert_allclose(found[1], spread, atol=1e-5)
        found = moments(cells, given_weight)
        np.testing.assert_allclose(found[0], mean, atol=1e-5)
        np.testing.assert_allclose(found[1] ** 2, np.diag(spread), atol=1e-5)


def test_grams_gradient_by_hand_is_tensorflows():
    cells = tf.constant(activations(3, 4, 5))
    weight = tf.constant(weights(3, 4))
    upstream = tf.random.stateless_normal([5, 5], [1, 2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(cells)
        ours = tf.reduce_sum(gram(cells, weight) * upstream)
        flat = tf.reshape(cells, [-1, 5])
        products = tf.matmul(flat * tf.reshape(weight, [-1, 1]), flat, transpose_a=True)
        theirs = tf.reduce_sum(products / tf.reduce_sum(weight) * upstream)
    np.testing.assert_allclose(
        tape.gradient(ours, cells), tape.gradient(theirs, cells), atol=1e-6
    )


def steep(n, c, decades, seed):
    """Cells [1, n, 1, c] whose variances span decades along axes of their own."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=[c, c]))[0]
    cells = rng.normal(size=[n, c]) * np.logspace(0, -decades / 2, c) @ axes
    return cells.reshape(1, n, 1, c).astype(np.float32)


@pytest.mark.parametrize("cells", [20, 400])  # fewer than channels, and more
@pytest.mark.parametrize("decades", [1, 3, 6])
def test_newton_schulz_is_scipys_root_on_steep_spectra(cells, decades):
    picture, target = steep(cells, 48, decades, 1), steep(cells, 48, decades, 2)
    weight = np.ones([1, cells, 1, 1])
    expected = oracle("covariance", picture, target, weight, weight)
    found, gradient = differentiate(covariance, picture, target)
    assert found == pytest.approx(expected, abs=5e-5)
    _, slope = differentiate(covariance, target, target)
    assert np.linalg.norm(slope) < 1e-3 * np.linalg.norm(gradient)


def test_the_white_noise_of_covariance_is_a_little():
    picture, target = texture(20, 20, 8, 1), texture(20, 20, 8, 2)
    flat = [each.reshape(-1, 8).astype(float) for each in (picture, target)]
    ones = np.ones(400)
    exact = covariance_oracle(flat[0], ones, flat[1], ones, blur=0, flat=0)
    assert float(between(covariance, picture, target)) == pytest.approx(exact, rel=0.02)


def test_of_many_channels_the_principal_directions_are_compared(monkeypatch):
    """And what lies beyond them counts as one direction more."""
    monkeypatch.setattr(statistics, "RANK", 3)
    picture, target = texture(9, 9, 6, 1), texture(9, 9, 6, 2)
    ones = np.ones(81)
    mean, spread = spread_of(picture.reshape(-1, 6).astype(float), ones)
    wanted, asked = spread_of(target.reshape(-1, 6).astype(float), ones)
    axes = np.linalg.eigh(asked)[1][:, -3:]
    # The same as for cells of four channels: three directions, and the rest.
    noise = BLUR * np.linalg.norm(asked)
    parts = []
    for each in (spread, asked):
        along = axes.T @ each @ axes
        rest = np.trace(each) - np.trace(along) + noise
        parts.append((along + noise * np.eye(3), np.sqrt(rest)))
    (one, rest), (other, other_rest) = parts
    root = scipy.linalg.sqrtm(other)
    overlap = np.trace(np.real(scipy.linalg.sqrtm(root @ one @ root)))
    spreads = np.trace(one) + np.trace(other) - 2 * overlap + (rest - other_rest) ** 2
    expected = (((mean - wanted) ** 2).sum() + spreads) / np.trace(asked)
    found = float(between(covariance, picture, target))
    assert found == pytest.approx(expected, rel=2e-3)
    every_cell = ones.reshape(1, 9, 9, 1)
    whole = oracle("covariance", picture, target, every_cell, every_cell)
    assert 0.5 * whole < found < whole * 1.001  # it is a little less than all


@pytest.mark.parametrize("rank", [4, 128])
def test_a_distance_of_many_channels_is_0_at_the_target_and_falls_to_it(
    rank, monkeypatch
):
    monkeypatch.setattr(statistics, "RANK", rank)
    picture, target = texture(12, 12, 9, 1), texture(12, 12, 9, 2)
    assert float(between(covariance, target, target)) == pytest.approx(0, abs=1e-5)
    parts = [
        float(between(covariance, (1 - share) * picture + share * target, target))
        for share in (0.0, 0.5, 0.9)
    ]
    assert parts == sorted(parts, reverse=True)


# --- Structure ------------------------------------------------------------------------


def structure_oracle(cells, weight, target, target_weight):
    def standardized(cells, weight):
        mean, spread = spread_of(cells, weight)
        variance = np.diag(spread)
        scale = np.sqrt(variance + FLAT * (variance + ROUNDING * mean**2).mean())
        return (cells - mean) / scale * weight[:, None], np.stack([mean, scale])

    def relative(one, other):
        return ((one - other) ** 2).mean() / (other**2).mean()

    shape, light = standardized(cells, weight)
    wanted, wanted_light = standardized(target, target_weight)
    return relative(shape, wanted) + LIGHT * relative(light, wanted_light)


@pytest.mark.parametrize("kind", WEIGHTS)
@few_cases
@given(c=st.integers(1, 6), seed=seeds)
def test_structure_is_that_of_the_oracle(kind, c, seed):
    picture, target = texture(6, 7, c, seed), texture(6, 7, c, seed + 100)
    weight = WEIGHTS[kind](6, 7, seed)
    flat = [np.asarray(x, float).reshape(42, -1) for x in (picture, weight, target)]
    expected = structure_oracle(flat[0], flat[1][:, 0], flat[2], flat[1][:, 0])
    found = between(structure, picture, target, weight, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert found > 0.01


def test_structure_hardly_sees_light_and_contrast_but_where_things_are():
    cells = texture(6, 7, 4)
    assert float(between(structure, 1.5 * cells, cells)) == pytest.approx(
        LIGHT * 0.5**2, rel=1e-3
    )
    assert 0 < float(between(structure, cells + 0.3, cells)) < LIGHT
    assert float(between(structure, cells[:, ::-1], cells)) > 1
    assert structure.keeps_arrangement


def test_structure_is_finite_where_channels_are_silent_or_nothing_counts():
    cells, nothing = texture(4, 4, 3), np.zeros([1, 4, 4, 1], np.float32)
    cells[..., 1] = 0
    for weight in (None, nothing):
        found, gradient = differentiate(structure, cells, cells, weight, weight)
        assert found == pytest.approx(0, abs=1e-6)
        assert np.isfinite(gradient).all()


def test_shapes_of_what_is_flat_are_relative_to_what_could_be():
    """Not to rounding: x may not become a million times as bad as another x."""
    cells, level = texture(6, 7, 4), np.full([1, 6, 7, 4], 3, np.float32)
    scaled = (cells - cells.mean((1, 2))) / cells.std((1, 2))
    apart = (scaled**2).mean() / LEAST_SHAPES
    light = ((cells.mean((1, 2)) - 3) ** 2 + cells.var((1, 2))).mean() / 3**2 / 2
    found = float(between(structure, cells, level))
    assert found == pytest.approx(2 * apart / 2 + 2 * LIGHT * light, rel=0.02)


# --- Flat pictures --------------------------------------------------------------------

LEVELS = [0.0, 1e-6, 0.3, 1.0, 255.0]


def level(value, c=200):
    """Flat activations of c channels that differ; those of a layer, with its ReLU."""
    channels = np.maximum(np.random.default_rng(0).normal(1, 1, c), 0)
    return np.full([1, 9, 9, c], value * channels, np.float32)


@pytest.mark.parametrize("name", [*STATISTICS, "structure"])
@pytest.mark.parametrize("target", LEVELS)
@pytest.mark.parametrize("value", LEVELS)
def test_a_flat_picture_has_a_finite_distance_and_gradient(name, target, value):
    statistic = STATISTICS.get(name, structure)
    dot = level(value)
    dot[0, 4, 4] += 0.01
    for picture in (level(value), dot):
        found, gradient = differentiate(statistic, picture, level(target))
        assert np.isfinite(found) and found >= 0
        assert np.isfinite(gradient).all()


def test_a_covariance_far_from_0_is_as_exact_as_near_it():
    """E[x^2] - E[x]^2 in float32 has an error of 100^2 * 1e-7 here, a tenth of it."""
    c = 20
    small = np.random.default_rng(0).normal(0, 0.1, [1, 30, 30, c])
    one, other = (100 + 3 * small).astype(np.float32), (100 + small).astype(np.float32)
    mean, spread = spread_of(np.float64(other.reshape(900, c)), np.ones(900))
    _, found, variance = covariance(tf.constant(other))
    np.testing.assert_allclose(found, spread, atol=1e-9)
    assert float(variance) == pytest.approx(np.trace(spread), rel=1e-6)
    flat_cells = [np.float64(each.reshape(900, c)) for each in (one, other)]
    ones = np.ones(900)
    expected = covariance_oracle(flat_cells[0], ones, flat_cells[1], ones)
    assert float(between(covariance, one, other)) == pytest.approx(expected, rel=0.02)


def test_principal_directions_are_numpy_s():
    cells = texture(10, 10, 7).reshape(-1, 7)
    matrix = np.cov(cells.T)
    values, vectors = matrix_root.principal(tf.constant(matrix, tf.float32), 3)
    expected, axes = np.linalg.eigh(matrix)
    np.testing.assert_allclose(values, expected[-3:], rtol=1e-4)
    np.testing.assert_allclose(
        np.abs(axes[:, -3:].T @ vectors.numpy()), np.eye(3), atol=1e-3
    )
    assert matrix_root.principal(tf.constant(matrix, tf.float32), 99)[1].shape == (7, 7)


def test_gaussians_that_differ_by_a_shift_or_a_scale_alone():
    cells = texture(20, 20, 5) - texture(20, 20, 5).mean((1, 2))
    variance = np.trace(spread_of(cells.reshape(-1, 5), np.ones(400))[1])
    shifted = between(covariance, cells + 2, cells)
    np.testing.assert_allclose(shifted, 5 * 2**2 / variance, rtol=1e-3)
    np.testing.assert_allclose(between(covariance, 3 * cells, cells), 4, rtol=1e-2)


@every_transport
def test_as_many_cells_are_compared_one_by_one(name):
    picture, target = texture(6, 7, 4, 1), texture(7, 6, 4, 2)
    along = directions(4) if name == "sliced" else np.eye(4)
    one, other = (np.sort(each.reshape(42, 4) @ along, 0) for each in (picture, target))
    unit = other.var(0).mean() + FLAT * (other**2).mean()
    expected = ((one - other) ** 2).mean() / unit
    found = between(TRANSPORT[name], picture, target)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@every_transport
def test_of_too_many_cells_a_sample_is_taken(name):
    picture, target = texture(6, 7, 3, 1), texture(3, 5, 3, 2)
    few = TRANSPORT[name]._replace(most=15)
    numbers, owned = whole(tf.constant([6, 7])).sample(15, 7)
    assert len(numbers) == 14 and np.all(owned)  # one of every three
    np.testing.assert_array_equal(np.array(numbers) // 3, np.arange(14))
    assert len({*np.array(numbers) % 3}) > 1  # not every third, as columns might be
    chosen = picture.reshape(1, 42, 1, 3)[:, np.array(numbers)]
    found = between(few, picture, target)
    np.testing.assert_allclose(found, between(few, chosen, target), rtol=1e-6)
    assert abs(between(TRANSPORT[name], picture, target) - found) > 1e-3


def test_directions_are_orthonormal_and_those_of_the_seed():
    for channels in (1, 3, 64):
        along = directions(channels)
        np.testing.assert_allclose(along @ along.T, np.eye(channels), atol=1e-5)
    np.testing.assert_array_equal(directions(3, 1), directions(3, 1))
    assert np.abs(directions(3, 1) - directions(3)).max() > 0.1


def test_histogram_sees_channels_alone_and_sliced_what_they_share():
    """The same values in every channel, once together and once not."""
    drawn = np.random.default_rng(0).normal(size=[2, 1, 20, 20, 1]).astype(np.float32)
    together = np.concatenate([drawn[0], drawn[0]], -1)
    apart = np.concatenate([drawn[0], np.flip(drawn[0], 1)], -1)
    assert float(between(histogram, apart, together)) < 1e-9
    for statistic in (sliced(), covariance, gram):
        assert float(between(statistic, apart, together)) > 0.03


# --- Defaults -------------------------------------------------------------------------


def test_defaults_of_those_without_a_distance_of_their_own():
    assert gram.distance is relative_l1
    assert moments.distance is relative_squared
