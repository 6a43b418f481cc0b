"""Visualizations: exact on an identity; independent of the batch; dead channels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal

from vectormix_tf.backbone import rewrite
from vectormix_tf.backbone.load import LayerInfo
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.io import sheets
from vectormix_tf.ops.border import PADDING
from vectormix_tf.optim.observer import Observer
from vectormix_tf.recipes.visualize import (
    GRAY,
    NOISE,
    WIDE_PADDING,
    Visualization,
    Visualizer,
    sheet,
    visualize,
)

QUICK = {"layer": "conv2a", "size": 80, "steps": 3, "on_progress": None}
PLAIN = {"canvas": "pixels", "transforms": False}


class Identity:
    """An extractor that sees the image as it is, in one layer of three channels."""

    def __init__(self, layers, weights, backbone, redirect_relu):
        assert redirect_relu
        self.info = {name: LayerInfo(1, 1, 3, 0) for name in layers}

    def __call__(self, image, layers):
        return dict.fromkeys(layers, image)


@pytest.fixture
def identity(monkeypatch):
    monkeypatch.setattr("vectormix_tf.recipes.visualize.Extractor", Identity)


def start(channel, facet=0, seed=0, side=80):
    """The gray noise that a picture on pixels starts from."""
    drawn = np.random.default_rng([seed, channel, facet])
    shape = [side + 2 * WIDE_PADDING, side + 2 * WIDE_PADDING, 3]
    return (GRAY + NOISE * drawn.standard_normal(shape, np.float32))[
        WIDE_PADDING:-WIDE_PADDING, WIDE_PADDING:-WIDE_PADDING
    ]


# --- Exactly --------------------------------------------------------------------------


def test_one_step_on_an_identity_raises_the_channel_and_nothing_else(identity):
    made = visualize(channels=[0, 2], learning_rate=0.1, **QUICK | PLAIN | {"steps": 1})
    # The gradient is the same number in one of three channels, inside the margin.
    side = 80 + 2 * WIDE_PADDING
    share = (side - 2 * PADDING) ** 2 / side**2 / 3
    step = 0.1 / np.sqrt(share * (1 - share))
    for result, channel in zip(made, (0, 2), strict=True):
        expected = start(channel)
        expected[..., channel] += step
        np.testing.assert_allclose(result.image, expected, atol=1e-5)
        assert (result.channel, result.facet) == (channel, 0)


def test_the_loss_is_relative_to_the_layer_and_added_up_over_the_batch(identity):
    made = visualize(channels="0-2", **QUICK | PLAIN)
    losses = made[0].losses["amplify"]
    assert losses[0] == pytest.approx(-3, abs=0.01) and losses[-1] < losses[0]
    assert all(each.losses["amplify"] is losses for each in made)


def test_a_neuron_is_the_cell_in_the_middle(identity):
    options = QUICK | PLAIN | {"steps": 1, "learning_rate": 1e-3}
    (result,) = visualize(channels=1, neuron=True, **options)
    moved = np.argwhere(np.abs(result.image - start(1)) > 1e-4)
    np.testing.assert_array_equal(moved, [[40, 40, 1]])


def test_square_raises_what_is_high_the_most(identity):
    options = QUICK | PLAIN | {"steps": 1, "learning_rate": 0.01}
    (result,) = visualize(channels=1, objective="square", **options)
    moved, before = (result.image - start(1))[..., 1], start(1)[..., 1]
    np.testing.assert_allclose(moved / moved.mean(), before / before.mean(), rtol=1e-3)


def test_total_variation_smooths(identity):
    options = QUICK | PLAIN | {"steps": 8, "learning_rate": 0.002, "channels": 0}
    rough, smooth = (visualize(tv=tv, **options)[0].image for tv in (0.0, 9.0))
    assert (
        np.abs(np.diff(smooth, axis=0)).mean()
        < 0.9 * np.abs(np.diff(rough, axis=0)).mean()
    )


# --- Alone or together ----------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, PLAIN, {"diversity": 2}, {"tv": 0.5, "objective": "square"}],
    ids=["fourier", "pixels", "facets", "tv and square"],
)
def test_a_picture_does_not_depend_on_the_others_of_its_batch(options):
    together = visualize(channels=[5, 20, 9], batch=6, **QUICK, **options)
    alone = visualize(channels=20, batch=1, **QUICK, **options)
    facets = options.get("diversity", 1)
    assert len(together) == 3 * facets and len(alone) == facets
    for one, other in zip(together[facets : 2 * facets], alone, strict=True):
        assert (one.channel, one.facet) == (other.channel, other.facet)
        np.testing.assert_allclose(one.image, other.image, atol=2e-4)
    assert np.abs(together[0].image - together[facets].image).max() > 0.05


def test_batches_change_nothing_and_the_last_one_is_filled_up():
    whole, parts = (visualize(channels="0-4", batch=n, **QUICK) for n in (5, 2))
    assert [each.channel for each in parts] == [0, 1, 2, 3, 4]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.image, other.image, atol=2e-4)


def test_the_seed_decides_and_the_same_one_gives_the_same_bytes():
    one, again, other = (visualize(channels=[3, 4], seed=s, **QUICK) for s in (5, 5, 6))
    for i in range(2):
        np.testing.assert_array_equal(one[i].image, again[i].image)
        assert np.abs(one[i].image - other[i].image).max() > 0.01


def test_transforms_and_canvas_make_a_difference():
    plain = visualize(channels=3, **QUICK)[0].image
    for options in ({"transforms": False}, {"canvas": "pixels"}):
        other = visualize(channels=3, **QUICK, **options)[0].image
        assert other.shape == (80, 80, 3)
        assert np.abs(other - plain).max() > 0.01


def test_all_batches_share_one_trace(monkeypatch):
    traced = []

    def spied(extractor):
        inner = Observer(extractor)

        def spied_observe(x, transform, layers):
            if not tf.executing_eagerly():
                traced.append(x.shape[0])
            return inner(x, transform, layers)

        return spied_observe

    monkeypatch.setattr("vectormix_tf.recipes.visualize.Observer", spied)
    visualize(channels="0-6", batch=3, **QUICK)
    assert traced == [3]


def test_facets_are_kept_apart():
    options = QUICK | {"steps": 12, "channels": 4, "diversity": 2}
    made = visualize(**options)
    assert [each.facet for each in made] == [0, 1]
    assert list(made[0].losses) == ["amplify", "differ"]
    assert made[0].losses["differ"].shape == (12,)
    assert np.abs(made[0].image - made[1].image).max() > 0.1  # not the same noise


# --- Dead channels --------------------------------------------------------------------


def test_a_channel_that_is_dead_on_gray_has_a_picture():
    """Some of these are; without redirected gradients they would stay gray noise."""
    made = visualize("mixed2", "0-7", size=75, steps=6, on_progress=None)
    for each in made:
        assert np.std(each.image) > 0.01


def small(kind):
    image = keras.Input([None, None, 1])
    if kind == "layer":
        x = keras.layers.Conv2D(2, 1, name="c")(image)
        x = keras.layers.Activation("relu")(x)
    else:
        x = keras.layers.Conv2D(2, 1, activation="relu", name="c")(image)
    network = keras.Model(image, {"a": x})
    network.get_layer("c").set_weights(
        [np.float32([[[[1.0, 1.0]]]]), np.float32([0.0, -9.0])]
    )
    return network


@pytest.mark.parametrize("kind", ["layer", "argument"])
def test_redirected_relus_change_gradients_only_where_they_were_0(kind):
    network = small(kind)
    redirected = rewrite.redirect_relu(network)
    x = tf.constant([[[[1.0], [-2.0]]], [[[-1.0], [-2.0]]]])  # alive, dead
    np.testing.assert_array_equal(network(x)["a"], redirected(x)["a"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        one, other = (tf.reduce_sum(n(x)["a"][..., 0]) for n in (network, redirected))
    np.testing.assert_array_equal(np.ravel(tape.gradient(one, x)), [1, 0, 0, 0])
    np.testing.assert_array_equal(np.ravel(tape.gradient(other, x)), [1, 0, 1, 1])


# --- Progress, Ctrl-C, mistakes -------------------------------------------------------


def test_progress_counts_batches_as_octaves():
    records = []
    visualize(channels="0-2", batch=1, **QUICK | {"on_progress": records.append})
    ends = [
        (each.octave, each.octaves, each.step) for each in records if each.step == 3
    ]
    assert ends == [(1, 3, 3), (2, 3, 3), (3, 3, 3)]
    assert records[-1].seconds_left == 0
    assert records[-1].preview().shape == (1, 80, 80, 3)
    lefts = [each.seconds_left for each in records if each.seconds_left is not None]
    assert lefts and lefts[0] > 0


def test_a_bar_says_batches(capsys):
    visualize(channels=3, **QUICK | {"on_progress": "bar"})
    assert "batch 1/1 step 3/3: loss -" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["in a batch", "between two"])
def test_ctrl_c_keeps_what_there_is(moment, monkeypatch):
    def interrupt(progress):
        if progress.octave == 2 and moment == "in a batch":
            raise KeyboardInterrupt

    if moment == "between two":
        noise = Visualizer._noise

        def stop(self, member):
            if member == (2, 0):
                raise KeyboardInterrupt
            return noise(self, member)

        monkeypatch.setattr(Visualizer, "_noise", stop)
    made = visualize(channels="0-5", batch=2, **QUICK | {"on_progress": interrupt})
    finished = {"in a batch": [True, True, False, False], "between two": [True, False]}
    assert [each.finished for each in made] == finished[moment]


def test_ctrl_c_before_the_first_step_passes_on(monkeypatch):
    def stop(self, member):
        raise KeyboardInterrupt

    monkeypatch.setattr(Visualizer, "_noise", stop)
    with pytest.raises(KeyboardInterrupt):
        visualize(channels=0, **QUICK)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"channels": 32}, "names 32, but conv2a has 32: from 0 to 31"),
        ({"channels": "30-40"}, "names 32, but"),
        ({"sise": 80}, "unknown setting 'sise'; did you mean size"),
        ({"octaves": 2}, "unknown setting 'octaves'"),
    ],
)
def test_an_error_is_one_line(options, words):
    assert words in refusal(visualize, **QUICK | {"channels": 0} | options)


def test_all_takes_every_channel():
    every = Visualizer(VisualizeSettings(layer="conv1a", channels="all"))
    assert every.channels == list(range(32))


# --- The sheet ------------------------------------------------------------------------


def some(count, diversity, layer="mixed3"):
    settings = VisualizeSettings(layer=layer, diversity=diversity)
    return [
        Visualization(
            x=np.full([1, 90, 90, 3], 0.2, np.float32),
            losses={},
            seconds=0.0,
            finished=True,
            settings=settings,
            channel=i // diversity,
            facet=i % diversity,
        )
        for i in range(count)
    ]


def calls_of(monkeypatch, name):
    calls, inner = [], getattr(sheets, name)

    def spy(pictures, *labels):
        calls.append((pictures, *labels))
        return inner(pictures, *labels)

    monkeypatch.setattr(sheets, name, spy)
    return calls


def test_one_picture_is_no_sheet():
    (one,) = some(1, 1)
    assert sheet([one]) is one.x


def test_several_channels_are_wrapped_with_their_numbers(monkeypatch):
    calls = calls_of(monkeypatch, "wrap")
    image = sheet(some(5, 1))
    assert image.shape[0] == 1 and image.shape[3] == 3 and image.max() == 1
    assert calls[0][1] == ["0", "1", "2", "3", "4"]


def test_classes_are_labeled_with_their_names(monkeypatch):
    calls = calls_of(monkeypatch, "wrap")
    sheet(some(3, 1, "logits"))
    assert calls[0][1] == ["tench", "goldfish", "great white shark"]


def test_each_channel_with_facets_is_a_row(monkeypatch):
    calls = calls_of(monkeypatch, "compose")
    sheet(some(6, 3))
    pictures, rows, columns = calls[0]
    assert [len(row) for row in pictures] == [3, 3]
    assert rows == ["0", "1"] and columns == ["", "", ""]
