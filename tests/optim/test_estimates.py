"""What is told of a run before it begins."""

import contextlib
import math
import warnings

import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.load import cut, load
from vectormix_tf.benchmark import measure as measuring
from vectormix_tf.benchmark import processes
from vectormix_tf.benchmark.flops import convolution_flops
from vectormix_tf.benchmark.workloads import Workload, noise
from vectormix_tf.config.backbones import BACKBONES, whole_layers
from vectormix_tf.config.octaves import Octave
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images
from vectormix_tf.optim import estimates
from vectormix_tf.optim.estimates import StepCost
from vectormix_tf.optim.memory import Room
from vectormix_tf.optim.tiles import cut_side
from vectormix_tf.recipes.dream import dream
from vectormix_tf.recipes.mix import mix

COST = StepCost(
    activations=100.0,
    flops=1e4,
    area=1.25,
    kept=10.0,
    transforms=8,
    compares=True,
    precision="float32",
    tile=1024,
    overlap=48,
    stride=16,
)
PEAKS = {"float32": 1e11, "bfloat16": 4e11}
SMALL, LARGE = Octave((512, 512), 10), Octave((4096, 4096), 2)


def test_memory_is_that_of_pictures_targets_and_what_is_seen_at_once():
    pixels = (512 + 48) ** 2
    whole = pixels * (4 * 100 * 1.25 + 4 * 10 * 8 + 12 * estimates.IMAGES)
    expected = estimates.BASE[True] + whole
    assert COST.memory(SMALL) == pytest.approx(expected)
    pixels, cut = (4096 + 48) ** 2, cut_side(4096 + 48, 1024, 48, 16)
    tile = (cut[0].stop - cut[0].start) ** 2
    parts = tile * 4 * 100 + pixels * (1 * 10 + 12 * estimates.IMAGES)
    assert COST.memory(LARGE) == pytest.approx(estimates.BASE[True] + parts)
    assert estimates.memory(COST, [SMALL, LARGE]) == COST.memory(LARGE)


def test_what_is_done_in_place_takes_less_memory():
    here = COST._replace(in_place=True)
    less = 12 * (4096 + 48) ** 2 * (estimates.IMAGES - estimates.IMAGES_IN_PLACE)
    assert here.memory(LARGE) == pytest.approx(COST.memory(LARGE) - less)
    assert here.memory(SMALL) == COST.memory(SMALL)


def test_a_run_that_writes_checkpoints_keeps_one_more_picture(monkeypatch, tmp_path):
    for cost in (COST, COST._replace(in_place=True)):
        more = cost._replace(saves=True).memory(LARGE) - cost.memory(LARGE)
        assert more == 12 * (4096 + 48) ** 2
    told = []
    monkeypatch.setattr(estimates, "announce", lambda cost, *_: told.append(cost.saves))
    options = {"size": 96, "steps": 1, "octaves": 1, "on_progress": None}
    mix(noise(96), noise(96), **options)
    mix(noise(96), noise(96), checkpoint=tmp_path / "c.npz", **options)
    assert told == [False, True]


def test_tiles_take_less_memory_and_more_time():
    whole = COST._replace(tile=0)
    assert COST.memory(LARGE) < whole.memory(LARGE) / 2
    ratio = COST.seconds(LARGE, PEAKS) / whole.seconds(LARGE, PEAKS)
    assert 1.5 < ratio < 2
    assert COST.seconds(SMALL, PEAKS) == whole.seconds(SMALL, PEAKS)


def test_time_is_the_start_and_all_steps():
    steps = 10 * COST.seconds(SMALL, PEAKS) + 2 * COST.seconds(LARGE, PEAKS)
    found = estimates.seconds(COST, [SMALL, LARGE], PEAKS)
    assert found == pytest.approx(estimates.START[True] + steps)
    fast = COST._replace(precision="bfloat16")
    assert fast.seconds(SMALL, PEAKS) < COST.seconds(SMALL, PEAKS)


def test_densities_are_those_of_the_network():
    chosen = BACKBONES["inception_v3"]
    layers = whole_layers([chosen.f1, chosen.f2])
    network, _ = load("bundled", layers=layers)
    model = cut(network, layers)
    numbers, flops = Extractor(layers).densities()
    side = 4096  # where the borders of layers hardly count
    assert flops == pytest.approx(convolution_flops(model, side) / side**2, rel=0.02)
    shapes = [layer.output.shape[-1] for layer in model.layers]
    assert 100 < numbers < sum(shapes)


@pytest.mark.parametrize("recipe", ["mix", "dream"])
def test_a_look_is_what_the_recipe_does(recipe):
    found = measuring.step_cost(Workload(recipe, 4096, "bfloat16"))
    assert found.precision == "bfloat16" and found.tile == 1024
    assert found.stride == {"mix": 16, "dream": 32}[recipe]
    if recipe == "mix":
        # conv4a, mixed2 and mixed4 say where things are.
        assert found.kept == 192 / 4**2 + 288 / 8**2 + 768 / 16**2
        assert (found.area, found.transforms, found.compares) == (1.25, 8, True)
    else:
        assert (found.area, found.kept, found.compares) == (1.0, 0.0, False)


@pytest.mark.parametrize(
    "recipe", [pytest.param("mix", marks=pytest.mark.slow), "dream"]
)
def test_the_estimate_of_memory_is_what_a_process_takes(recipe):
    """Within 20 %: a new process runs a few steps."""
    workload = Workload(recipe, 256, "float32")
    found = processes.measure(workload).memory
    look = measuring.step_cost(workload)
    expected = estimates.memory(look, measuring.planned_octaves(workload))
    assert found == pytest.approx(expected, rel=0.2)


# --- What is said ---------------------------------------------------------------------


def has_free(monkeypatch, free, where="", remedy="close other programs"):
    """Lets a process use so many bytes."""
    monkeypatch.setattr(estimates, "room", lambda: Room(free, where, remedy))


def test_a_large_run_is_told_before_it_begins(monkeypatch):
    monkeypatch.setattr(estimates, "peaks", lambda precision: PEAKS)
    with pytest.warns(Notice) as told:
        estimates.announce(COST, [SMALL, LARGE])
    need = COST.memory(LARGE) / 1e9
    (text,) = (str(each.message) for each in told)
    assert text.startswith(f"4096 x 4096 pixels take about {need:.1f} GB of memory and")
    estimates.announce(COST, [SMALL])  # no more than usual: nothing is said


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch):
    free = (COST.memory(LARGE) + COST.memory(SMALL)) / 2
    has_free(monkeypatch, free)
    with pytest.raises(InputError, match="GB are free; choose `size=") as caught:
        estimates.announce(COST, [LARGE])
    size = int(str(caught.value).partition("`size=")[2].partition("`")[0])
    assert COST.memory(Octave((size, size), 1)) <= free
    assert COST.memory(Octave((size + 64, size + 64), 1)) > free


@pytest.mark.parametrize("free", [1.2e9, 2e9, 3e9, 5e9])
@pytest.mark.parametrize("shape", [(4096, 4096), (1024, 4096), (3000, 300)])
@pytest.mark.parametrize("scale", [1.0, 1.6])
def test_an_advised_size_can_be_chosen(free, shape, scale, monkeypatch):
    has_free(monkeypatch, free)
    choice = estimates.Choice(least=75, scale=scale)
    octaves = [Octave(shape, 1)]
    with contextlib.suppress(InputError), warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        monkeypatch.setattr(estimates, "peaks", lambda precision: PEAKS)
        estimates.announce(COST, octaves, choice)
        return
    text = refusal(estimates.announce, COST, octaves, choice)
    if "`size=" not in text:
        assert "close other programs" in text
        return
    size = int(text.partition("`size=")[2].partition("`")[0])
    sides = images.fitted_size(*shape, round(size * scale))
    assert size >= 75 and min(sides) >= 74  # of one that is rounded
    assert COST.memory(Octave(sides, 1)) <= free


def test_a_size_of_width_and_height_is_advised_as_such(monkeypatch):
    free = 12 * estimates.IMAGES * 900 * 2700 * 1.3 + 2.5e9
    has_free(monkeypatch, free)
    sheet = np.random.default_rng(0).random([100, 100, 3])
    text = refusal(mix, style=sheet, size="12000x4000", on_progress=None)
    width, height = map(int, text.partition('`size="')[2].partition('"')[0].split("x"))
    assert abs(width - 3 * height) <= 2 and 75 <= height < 4000


def test_of_a_style_that_is_too_large_the_size_of_the_result_is_advised(monkeypatch):
    has_free(monkeypatch, 12 * estimates.IMAGES_IN_PLACE * 3000**2 * 1.25 + 2.5e9)
    one, other = (np.random.default_rng(i).random([100, 100, 3]) for i in range(2))
    options = {"style_scale": 10, "on_progress": None, "size": 900}
    text = refusal(mix, one, other, **options)
    assert text.startswith("9000 x 9000 pixels take about")
    size = int(text.partition("`size=")[2].partition("`")[0])
    assert 280 < size <= 300


def test_where_nothing_fits_the_hint_is_another(monkeypatch):
    has_free(monkeypatch, 10**6)
    with pytest.raises(InputError, match="close other programs"):
        estimates.announce(COST, [SMALL])
    has_free(monkeypatch, 2 * 10**9)
    with pytest.raises(InputError, match='or leave `tile="off"` out'):
        estimates.announce(COST._replace(tile=0), [LARGE])
    monkeypatch.setattr(estimates, "room", lambda: None)  # not known here
    estimates.announce(COST, [SMALL])


def test_a_limit_that_is_not_the_machines_is_named_with_what_raises_it(monkeypatch):
    has_free(monkeypatch, 10**6, " in this container", "raise its limit")
    with pytest.raises(InputError, match="0.0 GB are free in this container; raise"):
        estimates.announce(COST, [SMALL])


@pytest.mark.parametrize("recipe", [mix, dream])
def test_what_is_far_too_large_is_refused_before_it_is_made(recipe, monkeypatch):
    """Its pictures alone would fill the memory."""
    look = measuring.step_cost(Workload(recipe.__name__, 4096, "float32"))
    has_free(monkeypatch, 10**10)
    fitted = []
    monkeypatch.setattr(images, "fit", lambda *_: fitted.append(1))
    with pytest.raises(
        InputError, match=f"32768 x 32768 pixels .* `size={9 if recipe is mix else 6}"
    ) as caught:
        recipe(*[noise(96)] * (2 if recipe is mix else 1), size=32768)
    side = int(str(caught.value).partition("`size=")[2].partition("`")[0])
    assert look.memory(Octave((side, side), 1)) <= 10**10 and not fitted


@pytest.mark.parametrize("recipe", [mix, dream])
def test_recipes_refuse_before_the_first_step(recipe, monkeypatch):
    has_free(monkeypatch, 10**6)
    pictures = [noise(96)] * (2 if recipe is mix else 1)
    with pytest.raises(InputError, match="96 x 96 pixels take about [01]"):
        recipe(*pictures, size=96, octaves=1, on_progress=None)


def test_the_speed_of_the_machine_is_that_of_a_product():
    found = estimates.peaks("bfloat16")
    assert set(found) == {"float32", "bfloat16"}
    assert all(math.isfinite(each) and each > 1e8 for each in found.values())


def test_a_product_of_matrices_is_one():
    drawn = tf.random.stateless_uniform([3, 3], estimates.SEED).numpy()
    product = estimates.multiplier("float32", 3)()
    assert product == pytest.approx((drawn @ drawn)[0, 0])
