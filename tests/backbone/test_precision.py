"""Precision: what bfloat16 changes, and how "auto" chooses."""

import json

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf import dream, mix
from vectormix_tf.backbone import precision
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, parse_layers
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.io import images
from vectormix_tf.io.cache import CACHE

LAYERS = [*parse_layers(BACKBONES[DEFAULT].f2)]
SMALL = {"size": 128, "steps": 3, "on_progress": None}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of what was measured, on disk and in memory."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    precision._faster.cache_clear()
    yield tmp_path / "cache" / "precision.json"
    precision._faster.cache_clear()


@pytest.fixture
def measured(monkeypatch):
    """Pretends that bfloat16 takes half of the time; lists the calls."""
    calls = []

    def time_each(steps):
        calls.append(list(steps))
        return {"float32": 2.0, "bfloat16": 1.0}

    monkeypatch.setattr(precision, "time_each", time_each)
    return calls


def look(name, picture):
    """What an extractor sees, and the gradient of its mean."""
    extractor = Extractor(LAYERS, precision=name)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        seen = extractor(picture)
        raised = tf.add_n([tf.reduce_mean(each) for each in seen.values()])
    return seen, tape.gradient(raised, picture)


def cosine(one, other):
    one, other = (np.asarray(each, np.float64).ravel() for each in (one, other))
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def test_bfloat16_sees_nearly_the_same_and_returns_float32(photo):
    picture = tf.constant(images.resize(images.read(photo).pixels, (128, 160)))
    exact, gradient = look("float32", picture)
    found, approximate = look("bfloat16", picture)
    for name in LAYERS:
        assert found[name].dtype == tf.float32
        assert cosine(found[name], exact[name]) > 0.999
        assert not np.array_equal(found[name], exact[name])
    assert approximate.dtype == tf.float32
    assert cosine(approximate, gradient) > 0.98


def test_a_network_that_xla_compiles_sees_the_same(photo):
    options = SMALL | {"layers": "mixed0", "octaves": 1}
    plain, compiled = (dream(photo, xla=xla, **options) for xla in (False, True))
    found, expected = compiled.losses["amplify"], plain.losses["amplify"]
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    np.testing.assert_allclose(compiled.image, plain.image, atol=0.02)
    assert np.abs(compiled.image - plain.image).mean() < 1e-4


def test_a_mix_in_bfloat16_goes_the_same_way(photo, painting):
    options = SMALL | {"learning_rate": 0.05}
    exact = mix(photo, painting, **options)
    found = mix(photo, painting, precision="bfloat16", **options)
    assert found.settings.precision == "bfloat16"
    for name, losses in found.losses.items():
        most = exact.losses[name].max()  # a tone begins with none
        np.testing.assert_allclose(losses, exact.losses[name], atol=0.03 * most)
    assert 0 < np.abs(found.image - exact.image).mean() < 0.01


def test_what_is_dead_wakes_in_bfloat16_too(photo):
    options = {"layers": "mixed4#42", "octaves": 1, "precision": "bfloat16"}
    result = dream(photo, **options, **SMALL | {"steps": 8})
    assert result.losses["amplify"][-1] < 1.5 * result.losses["amplify"][0] < 0


def test_a_precision_that_is_named_is_taken(cache, measured):
    settings = MixSettings(precision="bfloat16")
    assert precision.resolve_precision(settings, LAYERS) is settings
    assert not measured and not cache.exists()


def test_auto_takes_the_faster_one_and_records_it(cache, measured, photo, painting):
    result = mix(photo, painting, precision="auto", **SMALL)
    assert result.settings.precision == "bfloat16"
    result = dream(photo, precision="auto", octaves=1, **SMALL)
    assert result.settings.precision == "bfloat16"
    # Other layers are another network.
    assert measured == [["float32", "bfloat16"]] * 2


def test_a_machine_is_measured_once(cache, measured):
    auto = MixSettings(precision="auto")
    for _ in range(2):
        assert precision.resolve_precision(auto, LAYERS).precision == "bfloat16"
        precision._faster.cache_clear()  # as in another process
    assert len(measured) == 1
    ((key, times),) = json.loads(cache.read_text()).items()
    cache.write_text(json.dumps({key: {"float32": 1.0, "bfloat16": 1.0}}))
    assert precision.resolve_precision(auto, LAYERS).precision == "float32"
    assert times == {"float32": 2.0, "bfloat16": 1.0} and len(measured) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"float32": "x"}}'])
def test_a_cache_that_is_damaged_is_made_anew(cache, measured, text):
    cache.parent.mkdir()
    cache.write_text(text)
    auto = MixSettings(precision="auto")
    assert precision.resolve_precision(auto, LAYERS).precision == "bfloat16"
    assert len(json.loads(cache.read_text())) == 1


def test_without_a_place_for_the_cache_the_choice_is_made_all_the_same(cache, measured):
    cache.parent.write_text("a file, where a folder should be")
    auto = MixSettings(precision="auto")
    assert precision.resolve_precision(auto, LAYERS).precision == "bfloat16"


def test_both_are_timed_in_turns_and_the_least_counts():
    now, order = [0.0], []
    spent = {"a": iter([9, 3, 1, 2]), "b": iter([9, 2, 2, 5])}

    def step(name):
        def run():
            order.append(name)
            now[0] += next(spent[name])

        return run

    steps = {name: step(name) for name in "ab"}
    found = precision.time_each(steps, rounds=3, clock=lambda: now[0])
    assert found == {"a": 1, "b": 2} and order == list("abababab")


def test_a_real_measurement_chooses_one_of_the_two(cache):
    chosen = precision.resolve_precision(MixSettings(precision="auto"), ["conv1a"])
    assert chosen.precision in precision.PRECISIONS
    (times,) = json.loads(cache.read_text()).values()
    assert min(times, key=times.get) == chosen.precision
    assert all(seconds > 0 for seconds in times.values())
