"""Mixes by the bundled network, with real pictures."""

import contextlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal
from PIL import Image

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.graphs import StoredFunction
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.filters.preview import preview
from vectormix_tf.io import images
from vectormix_tf.objectives import from_function
from vectormix_tf.ops import color as color_ops
from vectormix_tf.ops.abstraction import abstract
from vectormix_tf.ops.border import clip_and_pad, pad
from vectormix_tf.ops.placement import place_colors
from vectormix_tf.ops.regions import inside
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import NO_TRANSFORM
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.recipes.mix import CONTENT_SCALE, Values, _objectives, mix
from vectormix_tf.recipes.scene import read_scene

# Few layers, for what does not depend on which.
QUICK = {"size": 120, "steps": 3, "f1": "conv4a", "f2": "conv2a,conv3b"}
QUICK["on_progress"] = None


def test_steps_bring_style_nearer(photo, painting):
    result = mix(photo, painting, size=128, steps=12, on_progress=None)
    assert result.image.shape == (85, 128, 3)
    assert result.image.dtype == np.float32
    assert result.image.min() >= 0 and result.image.max() <= 1
    style = result.losses["style"]
    assert style.shape == (12,) and style[-1] < 0.75 * style[0]
    assert list(result.losses) == ["content", "tone", "style"]
    assert result.finished and result.settings.size == 128


def test_all_kinds_of_sources_give_the_same_mix(photo, painting):
    first = mix(photo, painting, **QUICK)
    opened = Image.open(photo)
    array = np.asarray(opened.convert("RGB"))
    for source in (opened, array, array / np.float32(255), tf.constant(array)):
        again = mix(source, painting, **QUICK)
        np.testing.assert_array_equal(again.image, first.image)


LEVEL = {
    "white": np.ones([120, 120, 3]),
    "black": np.zeros([120, 120, 3]),
    "red": np.ones([120, 120, 3]) * [1.0, 0.0, 0.0],
}


@pytest.mark.parametrize(
    ("content", "style", "options", "told"),
    [
        ("photo", "white", {}, "no texture"),
        ("photo", "ink", {}, "laid on white"),
        ("photo", "black", {"size": 200, "tile": 128}, "no texture"),
        ("photo", "red", {"optimizer": "lbfgs", "alpha": 0.9}, "no texture"),
        ("white", "photo", {"color": "match"}, None),
        ("black", "white", {"color": "content", "init": "style"}, "no texture"),
    ],
)
def test_flat_pictures_mix_to_finite_ones(content, style, options, told, photo, ink):
    files = LEVEL | {"photo": photo, "ink": ink}
    options = {"size": 120, "steps": 3, "on_progress": None} | options
    with pytest.warns(Notice, match=told) if told else contextlib.nullcontext():
        result = mix(files[content], files[style], **options)
    assert np.isfinite(result.image).all()
    for losses in result.losses.values():
        assert np.isfinite(losses).all() and losses.max() < 1e5


@pytest.fixture
def ink(tmp_path):
    """Path of black ink on transparency."""
    pixels = np.zeros([120, 120, 4], np.uint8)
    pixels[40:60, 20:100, 3] = 255
    path = tmp_path / "ink.png"
    Image.fromarray(pixels).save(path)
    return path


def test_ink_as_content_becomes_an_opaque_picture(painting, ink):
    with pytest.warns(Notice, match="the content picture .* laid on white"):
        result = mix(ink, painting, **QUICK)
    assert result.transparency is None


def test_each_style_without_texture_is_named(photo, painting):
    styles = [painting, LEVEL["red"], LEVEL["black"]]
    with pytest.warns(Notice) as told:
        mix(photo, styles, **QUICK)
    first, second = (str(each.message) for each in told)
    assert first.startswith("the style picture 2 has") and "style picture 3" in second


@pytest.mark.parametrize("file", ["input", "text", "archive"])
def test_a_checkpoint_replaces_no_other_file(file, photo, painting, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"PK\x03\x04 a document" if file == "archive" else b"mine")
    if file == "input":
        shutil.copy(photo, path)
    before = path.read_bytes()
    content = path if file == "input" else photo
    text = refusal(mix, content, painting, checkpoint=path, **QUICK)
    assert str(path) in text and "name another file" in text
    assert path.read_bytes() == before
    place = tmp_path / "no/run.ckpt"
    text = refusal(mix, photo, painting, checkpoint=place, **QUICK)
    assert "does not exist" in text


def test_a_checkpoint_of_another_run_is_replaced(photo, painting, tmp_path):
    path = tmp_path / "run.ckpt"
    for seed in (0, 1):
        mix(photo, painting, checkpoint=path, seed=seed, **QUICK)
    again = mix(photo, painting, checkpoint=path, resume=True, seed=1, **QUICK)
    assert again.finished


def test_a_file_called_like_a_setting_does_not_count(
    photo, painting, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    options = QUICK | {"checkpoint": "run.ckpt", "init": "noise"}
    (tmp_path / "noise").write_bytes(b"one")
    (tmp_path / "style").write_bytes(b"one")
    mix(photo, painting, **options)
    (tmp_path / "noise").write_bytes(b"two")
    (tmp_path / "style").unlink()
    assert mix(photo, painting, resume=True, **options).finished


def test_another_seed_gives_another_picture(photo, painting):
    once, again, other = (
        mix(photo, painting, seed=seed, **QUICK) for seed in (0, 0, 1)
    )
    assert once.image.tobytes() == again.image.tobytes()
    assert once.image.tobytes() != other.image.tobytes()


def test_alpha_1_is_content_alone_and_alpha_0_style_alone(photo, painting):
    assert list(mix(photo, painting, alpha=1.0, **QUICK).losses) == ["content"]
    assert list(mix(photo, painting, alpha=0.0, **QUICK).losses) == ["style"]


def test_alpha_0_from_noise_does_not_depend_on_the_content(photo, painting):
    other = np.asarray(Image.open(photo).convert("RGB"))[::-1, ::-1]
    made = [
        mix(content, painting, alpha=0.0, init="noise", **QUICK).image
        for content in (photo, np.ascontiguousarray(other))
    ]
    np.testing.assert_array_equal(*made)


def test_alpha_1_from_the_content_stays_at_the_content(photo, painting):
    result = mix(photo, painting, alpha=1.0, init="content", **QUICK)
    small = np.asarray(Image.open(photo).convert("RGB").resize((120, 80)), np.float32)
    assert np.abs(result.image - small / 255).mean() < 0.03


def test_the_first_octave_starts_from_the_image_that_init_names(
    photo, painting, tmp_path
):
    """After one step of almost no length, the result is still the initial image."""
    other = tmp_path / "start.png"
    Image.new("RGB", (120, 80), (200, 100, 50)).save(other)
    starts = {}
    for init in ("recolored", "content", "noise", "style", str(other)):
        options = QUICK | {"steps": 1, "learning_rate": 1e-9, "init": init}
        options["chroma"] = "free"
        starts[init] = mix(photo, painting, **options).x
    content = tf.constant(starts["content"])
    style = starts["style"]
    palette = np.asarray(Image.open(painting).convert("RGB"), np.float32) / 255
    means = palette.reshape(-1, 3).mean(0)
    for init in ("recolored", "noise", "style"):
        np.testing.assert_allclose(starts[init].mean((0, 1, 2)), means, atol=0.04)
    palette = tf.constant(palette[None])
    recolored = color_ops.recolor(content, palette)
    placed = place_colors(recolored, [palette]).numpy()
    assert np.abs(starts["recolored"] - placed).mean() < 0.01
    assert np.abs(starts[str(other)] - np.array([200, 100, 50]) / 255).max() < 0.01
    assert np.abs(style - starts["content"]).mean() > 0.05


def start_of(*pictures, **options):
    """The image that a mix starts from."""
    options = QUICK | {"steps": 1, "learning_rate": 1e-9, "chroma": "free"} | options
    return mix(*pictures, **options).image


def test_placement_is_a_share_of_what_placed_colors_change(photo, painting):
    none, half, whole = (
        start_of(photo, painting, placement=placement) for placement in (0.0, 0.5, 1.0)
    )
    assert np.abs(whole - none).mean() > 0.002
    np.testing.assert_allclose(half, (none + whole) / 2, atol=0.011)  # the canvas clips


def landscape(top, bottom):
    """A light top over a dark bottom, [80, 120, 3], in two colors (a, b) of Oklab."""
    lab = np.zeros([1, 80, 120, 3], np.float32)
    lab[..., 0] = np.linspace(0.8, 0.4, 80)[:, np.newaxis]
    lab[..., 0] += np.random.default_rng(0).normal(0, 0.02, (80, 120))
    lab[0, :40, :, 1:], lab[0, 40:, :, 1:] = top, bottom
    return color_ops.from_oklab(tf.constant(lab)).numpy()[0]


def test_colors_are_placed_where_each_style_is_applied(painting):
    gray = landscape((0.0, 0.0), (0.0, 0.0))
    style = landscape(top=(0.06, 0.06), bottom=(0.0, -0.1))  # red over blue
    left = np.zeros([80, 120])
    left[:, :60] = 1
    masks = {"style_mask": [left, 1 - left]}
    start = start_of(gray, [style, painting], placement=1.0, **masks)
    other = start_of(gray, [style, painting], placement=0.0, **masks)
    red_less_blue = (start - other)[:, :55, 0] - (start - other)[:, :55, 2]
    assert red_less_blue[:20].mean() > 0.03
    assert red_less_blue[-20:].mean() < -0.03


def test_a_mix_starts_from_and_keeps_the_abstracted_content(photo, painting):
    options = {"init": "content", "abstraction": 16.0}
    start = start_of(photo, painting, **options)
    content = start_of(photo, painting, init="content")
    expected = abstract(tf.constant(content[None]), 16.0)[0]
    np.testing.assert_allclose(start, expected, atol=0.06)
    assert np.abs(start - content).mean() > 0.02
    kept = mix(photo, painting, **QUICK, **options).losses["content"][0]
    assert kept < 1e-3  # x is compared to what it starts from


def test_a_mask_keeps_the_content_without_abstraction(photo, painting):
    mask = np.zeros([80, 120])
    mask[:, :40] = 1
    result = mix(photo, painting, mask=mask, abstraction=16.0, **QUICK).image
    small = np.asarray(Image.open(photo).convert("RGB").resize((120, 80)), np.float32)
    assert np.abs(result - small / 255)[:, 60:].mean() < 0.01


def test_pixels_are_a_canvas_too(photo, painting):
    result = mix(photo, painting, canvas="pixels", **QUICK)
    assert result.losses["style"][-1] < result.losses["style"][0]


def test_terms_combine(photo, painting):
    options = QUICK | {"steps": 8, "flips": False}
    plain = mix(photo, painting, **options)
    both = mix(photo, painting, amplify="mixed4:0.8,mixed1:-0.1", tv=0.1, **options)
    assert list(both.losses) == [
        "content",
        "tone",
        "style",
        "amplify",
        "total_variation",
    ]
    assert both.losses["amplify"][0] == pytest.approx(-0.7, abs=0.05)
    assert both.losses["amplify"][-1] < both.losses["amplify"][0]
    assert np.abs(both.image - plain.image).mean() > 1e-3


def test_a_mix_amplifies_channels_or_the_patterns_of_a_guide(photo, painting, other):
    options = QUICK | {"steps": 8, "flips": False, "guide_size": 120}
    amplified = mix(photo, painting, amplify="mixed3#0-31:0.5", **options)
    assert list(amplified.losses) == ["content", "tone", "style", "amplify"]
    guided = mix(photo, painting, amplify="mixed3:0.5", guide=other, **options)
    assert list(guided.losses) == ["content", "tone", "style", "guide"]
    assert guided.losses["guide"][0] == pytest.approx(-0.5, abs=0.05)
    plain = mix(photo, painting, **options).image
    for each in (amplified, guided):
        assert np.abs(each.image - plain).mean() > 1e-3


@pytest.mark.parametrize(
    ("options", "gives_back"),
    [
        ({}, True),
        ({"octave_mode": "enlarge"}, False),
        ({"init": "content"}, True),
        ({"color": "match"}, True),
        ({"start": "itself"}, False),  # a start of one's own may have other detail
    ],
)
def test_octaves_give_back_the_detail_of_the_content(
    options, gives_back, photo, painting
):
    """After steps that change nothing, a mix is what it would start from at once."""
    still = QUICK | {"size": 192, "steps": 1, "learning_rate": 1e-9, "chroma": "free"}
    options = {"octaves": 2, "octave_scale": 1.5} | options
    if "start" in options:
        options["start"] = photo
    at_once = mix(photo, painting, **still | options | {"octaves": 1}).image
    image = mix(photo, painting, **still | options).image
    difference = np.abs(image - at_once).mean()
    # Small pictures are recolored by their own colors.
    assert difference < 3e-3 if gives_back else difference > 5e-3


def test_noise_gets_no_detail_of_the_content(photo, painting):
    """Nor does what has one picture alone."""
    still = QUICK | {"size": 192, "steps": 1, "learning_rate": 1e-9}
    still |= {"octaves": 2, "octave_scale": 1.5, "init": "noise"}
    for pictures in ((photo, painting), (photo,)):
        modes = ("detail", "enlarge")
        one, other = (mix(*pictures, octave_mode=m, **still).image for m in modes)
        np.testing.assert_array_equal(one, other)


def test_octaves_grow_and_small_ones_are_left_out_with_a_notice(photo, painting):
    seen = []
    options = QUICK | {"size": 160, "on_progress": seen.append}
    mix(photo, painting, octaves=2, octave_scale=1.3, **options)
    assert [p.octave for p in seen if p.step == 3] == [1, 2]
    shapes = [p.preview().shape for p in seen if p.step == 3]
    assert shapes[-1] == (107, 160, 3)
    with pytest.warns(Notice, match="1 of 2 octaves would be under 75 pixels"):
        result = mix(
            photo, painting, octaves=2, octave_scale=2.0, **QUICK | {"size": 128}
        )
    assert len(result.losses["style"]) == 3


def test_the_style_keeps_its_own_aspect(photo, painting, monkeypatch):
    """Its target is made from the style at the content's long side, not stretched."""
    shapes = []

    def spy(image):
        shapes.append(tuple(image.shape))
        return clip_and_pad(image)

    monkeypatch.setattr("vectormix_tf.recipes.mix.clip_and_pad", spy)
    mix(photo, painting, **QUICK | {"steps": 1})
    with Image.open(painting) as opened:
        wide, high = opened.size
    assert set(shapes) == {(1, 80, 120, 3), (1, round(120 * high / wide), 120, 3)}


@pytest.mark.parametrize("shape", [(40, 400), (400, 40)])
def test_a_picture_too_narrow_for_the_network_is_refused(shape, photo, painting):
    narrow = np.zeros([*shape, 3], np.uint8)
    with pytest.raises(InputError, match="content picture would be .* 75 a side"):
        mix(narrow, painting, size=300, on_progress=None)
    with pytest.raises(InputError, match="style picture is .* 75 a side"):
        mix(photo, narrow, size=300, on_progress=None)


@pytest.mark.parametrize("shape", [(200, 2000), (2000, 200)])
def test_a_panorama_is_mixed_at_the_default_size_with_a_notice(shape, painting):
    panorama = np.random.default_rng(0).random([*shape, 3], np.float32)
    with pytest.warns(Notice, match="content picture would be .*: it becomes"):
        result = mix(panorama, painting, **QUICK | {"size": 512, "steps": 1})
    assert sorted(result.image.shape) == [3, 75, 745]


def test_a_style_that_is_a_strip_is_mixed_with_a_notice(photo):
    strip = np.random.default_rng(0).random([100, 1000, 3], np.float32)
    with pytest.warns(Notice, match="style picture would be .* seen as 745 x 75"):
        assert mix(photo, strip, **QUICK | {"steps": 1}).finished


def test_size_0_keeps_the_size_of_the_picture(painting):
    picture = np.random.default_rng(0).random([80, 130, 3]).astype(np.float32)
    result = mix(picture, painting, **QUICK | {"size": 0, "steps": 1})
    assert result.image.shape == (80, 130, 3)


def test_the_error_for_an_unknown_setting_names_similar_ones(photo, painting):
    with pytest.raises(InputError, match="unknown setting 'alhpa'; did you mean alpha"):
        mix(photo, painting, alhpa=0.3)


def test_the_border_of_a_mix_is_like_its_middle(photo, painting):
    """Without reflected borders the network's padding and the canvas draw an edge."""
    options = {"size": 160, "steps": 40, "on_progress": None}
    result = mix(photo, painting, alpha=0.0, init="noise", **options)
    gray = result.image.mean(-1)
    down, right = np.abs(np.diff(gray, axis=0)), np.abs(np.diff(gray, axis=1))

    def rough(rows, columns):
        return down[rows, columns].mean() + right[rows, columns].mean()

    everything, middle = slice(None), slice(16, -16)
    edges = [
        rough(slice(0, 8), everything),
        rough(slice(-8, None), everything),
        rough(everything, slice(0, 8)),
        rough(everything, slice(-8, None)),
    ]
    for edge in edges:
        assert 0.5 < edge / rough(middle, middle) < 1.8


# --- Statistics, several styles, masks, colors ----------------------------------------


def loss_falls(result, objective="style", share=1.0):
    losses = result.losses[objective]
    return losses[-1] < share * losses[0]


@pytest.mark.parametrize(
    "statistic", ["gram", "covariance", "moments", "sliced", "histogram"]
)
def test_every_statistic_brings_the_style_nearer(statistic, photo, painting):
    result = mix(photo, painting, statistic=statistic, **QUICK | {"steps": 6})
    assert loss_falls(result, share=0.9)


def test_two_scales_and_flips_bring_the_style_nearer_too(photo, painting):
    options = QUICK | {"size": 240, "steps": 6}
    plain = mix(photo, painting, style_levels=1, flips=False, **options)
    fuller = mix(photo, painting, style_levels=2, flips=True, **options)
    assert loss_falls(fuller, share=0.9)
    assert (fuller.image != plain.image).any()
    # A scale at which layers would have too few cells is left out.
    small = mix(photo, painting, style_levels=8, **QUICK)
    np.testing.assert_array_equal(small.image, mix(photo, painting, **QUICK).image)


@pytest.fixture(scope="module")
def other(root):
    return str(root / "examples/images/style_hubble.jpg")


def test_the_blend_of_one_style_with_itself_is_that_style(photo, painting):
    """Up to rounding errors, which add up over the steps."""
    alone = mix(photo, painting, **QUICK)
    twice = mix(photo, [painting, painting], style_weights=[1, 3], **QUICK)
    assert list(twice.losses) == ["content", "tone", "style"]
    np.testing.assert_allclose(twice.image, alone.image, atol=0.02)


def test_a_style_without_weight_changes_nothing(photo, painting, other):
    alone = mix(photo, painting, **QUICK)
    both = mix(photo, [painting, other], style_weights=[2, 0], **QUICK)
    np.testing.assert_allclose(both.image, alone.image, atol=0.02)
    half = mix(photo, [painting, other], **QUICK)
    assert np.abs(half.image - alone.image).mean() > 0.02


def test_statistics_that_cannot_be_averaged_have_a_term_for_each_style(
    photo, painting, other
):
    result = mix(photo, [painting, other], statistic="sliced", **QUICK)
    assert list(result.losses) == ["content", "tone", "style 1", "style 2"]


def test_another_style_scale_gives_another_picture(photo, painting):
    once, twice = (
        mix(photo, painting, style_scale=scale, **QUICK).image for scale in (1, 1.6)
    )
    assert np.abs(once - twice).mean() > 1e-3


def left_half(softness=0):
    mask = np.zeros([80, 120], np.float32)
    mask[:, :60] = 1
    if softness:
        ramp = np.clip((60 + softness - np.arange(120)) / (2 * softness), 0, 1)
        mask[:] = ramp
    return mask


def test_black_of_a_mask_stays_the_photograph(photo, painting):
    result = mix(photo, painting, mask=left_half(), **QUICK)
    small = np.asarray(Image.open(photo).convert("RGB"), np.float32)[None] / 255
    content = images.resize(small, (80, 120))
    np.testing.assert_allclose(result.image[:, 61:], content[0][:, 61:], atol=2e-3)
    assert np.abs(result.image - content[0])[:, :59].mean() > 0.05


def test_the_content_loss_per_pixel_does_not_depend_on_the_mask(photo, painting):
    mask = np.zeros([80, 120], np.float32)
    mask[24:56, 44:76] = 1  # a tenth
    gray = np.full([80, 120, 3], 0.5, np.float32)
    losses = [
        mix(photo, painting, mask=m, start=gray, **QUICK).losses["content"][0]
        for m in (None, mask)
    ]
    assert losses[1] > 0.5 * losses[0]


@pytest.mark.parametrize(("size", "two_scales"), [(288, False), (384, True)])
def test_a_small_mix_compares_its_style_at_one_scale(size, two_scales, photo, painting):
    settings = MixSettings.of({"size": size}, True, 1)
    scene = read_scene(settings, photo, [painting], None, [])
    extractor = Extractor(whole_layers([settings.f1, settings.f2]))
    values = Values.of(settings)
    objective = _objectives(settings, scene, extractor, None, values)[-1]
    assert "conv4a" in objective.layers
    assert ("conv4a@2" in objective.layers) == two_scales


def test_further_mixes_share_graph_and_style_with_the_same_result(
    photo, painting, monkeypatch, own_graphs
):
    traced, observed, drawn = [], [], set()
    transform_number = Problem.transform_number

    def drawing(problem, octave, i):
        number = transform_number(problem, octave, i)
        if tf.executing_eagerly():
            drawn.add(int(number))
        return number

    monkeypatch.setattr(Problem, "transform_number", drawing)

    class Counting(Observer):
        def __call__(self, x, transform, layers):
            if tf.executing_eagerly():
                observed.append(layers)
            else:
                traced.append(layers)
            return super().__call__(x, transform, layers)

    monkeypatch.setattr(mix_recipe, "Observer", Counting)
    options = QUICK | {"octaves": 1}
    values = {"alpha": 0.3, "steps": 3, "learning_rate": 0.02, "tv": 0.1}
    mix(photo, painting, **options | {"tv": 0.2})
    assert traced
    traced.clear()
    first = len(observed)
    drawn.clear()
    shared = mix(photo, painting, **options | values)
    assert not traced
    further = [list(layers) for layers in observed[first:]]
    assert further == [[options["f1"]]] * len(drawn)  # the content alone
    own_graphs()
    alone = mix(photo, painting, **options | values)
    assert traced
    assert shared.image.tobytes() == alone.image.tobytes()
    assert all(
        shared.losses[name].tobytes() == losses.tobytes()
        for name, losses in alone.losses.items()
    )


def mean_of_mixed0(activations):
    return tf.reduce_mean(activations["mixed0"])


def counted(monkeypatch):
    """Lists a word for each graph of a step that is traced."""
    traced, step = [], Problem.step_at_once
    monkeypatch.setattr(
        Problem, "step_at_once", lambda *given: traced.append("step") or step(*given)
    )
    return traced


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"size": 200, "octaves": 2, "flips": False, "tv": 0.1},
        {"optimizer": "lbfgs", "precision": "bfloat16"},
    ],
)
def test_a_mix_by_graphs_of_another_process_has_the_same_bytes(
    options, photo, painting, monkeypatch, own_graphs, kept_graphs
):
    traced = counted(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setenv("VECTORMIX_GRAPHS", "0")
        traced_ones = mix(photo, painting, **QUICK | options)
    assert len(traced) == 1 and not kept_graphs.exists()
    for expected in (2, 2):
        own_graphs()
        result = mix(photo, painting, **QUICK | options)
        assert len(traced) == expected
        assert result.image.tobytes() == traced_ones.image.tobytes()
        for name, losses in traced_ones.losses.items():
            assert result.losses[name].tobytes() == losses.tobytes()


def test_a_kept_graph_serves_other_pictures_and_weights(
    photo, painting, other, monkeypatch, own_graphs, kept_graphs
):
    mix(photo, painting, **QUICK)
    own_graphs()
    values = {"alpha": 0.3, "steps": 4, "learning_rate": 0.02}
    with monkeypatch.context() as patch:
        traced = counted(patch)
        result = mix(photo, other, **QUICK | values)
        assert not traced
    own_graphs()
    monkeypatch.setenv("VECTORMIX_GRAPHS", "0")
    expected = mix(photo, other, **QUICK | values)
    assert result.image.tobytes() == expected.image.tobytes()


def identity(photo, styles, **options):
    """What makes the graph of a mix."""
    settings = MixSettings.of(options, True, len(styles))
    scene = read_scene(settings, photo, styles, None, [])
    return mix_recipe._shared_by(settings, scene).key


@pytest.mark.parametrize(
    "change",
    [
        {"f1": "mixed1"},
        {"f2": "mixed0"},
        {"statistic": "gram"},
        {"loss": "gatys", "statistic": "gram"},
        {"canvas": "pixels"},
        {"optimizer": "lbfgs"},
        {"precision": "bfloat16"},
        {"seed": 1},
        {"jitter": 3},
        {"flips": False},
        {"tone": 0.5},
        {"style_levels": 1},
        {"octaves": 2},
        {"alpha": 1.0},
        {"alpha": 0.0},
        {"tv": 0.1},
        {"xla": True},
        {"size": 400},
    ],
    ids=str,
)
def test_what_shapes_the_graph_of_a_mix_is_a_part_of_its_key(change, photo, painting):
    options = {"size": 160}
    assert identity(photo, [painting], **options | change) != identity(
        photo, [painting], **options
    )


def test_further_styles_are_a_part_of_the_key(photo, painting, other):
    keys = {
        identity(photo, [painting], size=160),
        identity(photo, [painting, other], size=160),
        identity(photo, [painting, other], size=160, style_weights=(1.0, 2.0)),
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"mask": np.eye(8, 12, dtype=np.float32)},
        {"guide": np.zeros([90, 90, 3], np.float32), "amplify": "mixed0"},
        {"objectives": [from_function("own", ["mixed0"], mean_of_mixed0)]},
        {"xla": True, "steps": 1},
    ],
    ids=["mask", "guide", "objective", "xla"],
)
def test_what_no_key_knows_is_not_kept(
    given, photo, painting, monkeypatch, kept_graphs
):
    kept = []
    make = StoredFunction.__init__

    def listening(self, function, identity=None, signature=None, **options):
        kept.append(identity)
        make(self, function, identity, signature, **options)

    monkeypatch.setattr(StoredFunction, "__init__", listening)
    mix(photo, painting, **QUICK | given)
    assert kept and not any("'mix'" in str(each) for each in kept)
    kept.clear()
    mix(photo, painting, **QUICK)
    assert any("'mix'" in str(each) for each in kept)


@pytest.mark.parametrize(("size", "factor"), [(160, 0.5), (352, 1.0)])
def test_the_content_of_a_small_mix_weighs_half(
    size, factor, photo, painting, monkeypatch, own_graphs
):
    def loss():
        options = QUICK | {"size": size, "steps": 1, "octaves": 1}
        own_graphs()  # the constant is a part of them
        result = mix(photo, painting, start=painting, **options)
        return result.losses["content"][0]

    usual = loss()
    monkeypatch.setattr("vectormix_tf.recipes.mix.SMALL_CONTENT", 1.0)
    np.testing.assert_allclose(usual, factor * loss(), rtol=1e-5)


def test_style_masks_apply_each_style_to_its_region(photo, painting, other):
    masks = [left_half(8), 1 - left_half(8)]
    options = QUICK | {"steps": 8}
    result = mix(photo, [painting, other], style_mask=masks, **options)
    assert list(result.losses) == ["content", "tone", "style 1", "style 2"]
    assert loss_falls(result, "style 1") and loss_falls(result, "style 2")
    turned = mix(photo, [other, painting], style_mask=masks, **options)
    assert np.abs(result.image - turned.image).mean() > 0.05


def test_the_size_of_a_mask_may_differ_but_not_its_aspect(photo, painting):
    large = np.kron(left_half(), np.ones([2, 2], np.float32))
    options = QUICK | {"steps": 1}
    one = mix(photo, painting, mask=left_half(), **options)
    two = mix(photo, painting, mask=large, **options)
    assert np.abs(one.image - two.image).mean() < 0.01
    with pytest.warns(Notice, match="of another aspect"):
        mix(photo, painting, mask=np.ones([60, 60], np.float32), **options)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mask": np.zeros([9, 9], np.float32)}, "mask is black everywhere"),
        ({"style_mask": [left_half()] * 2}, "1 styles and 2 style masks"),
        (
            {"mask": left_half(), "style_mask": [1 - left_half()]},
            "style mask 1 is black wherever the mask is white",
        ),
        ({"style_weights": [0.0]}, "sum to zero"),
        ({"style_weights": [1, 2]}, "1 styles and 2 values of `style_weights`"),
        ({"statistic": "grams"}, "did you mean gram"),
        ({"preset": "gatys"}, "did you mean gatys2015"),
        ({"loss": "gatys", "statistic": "moments"}, "set `statistic` to gram"),
        ({"tileable": True}, "leave the content out"),
        ({"size": "99x99"}, "one number"),
        ({"resume": True}, "`resume` needs `checkpoint`"),
    ],
)
@pytest.mark.filterwarnings("ignore:the mask is")
def test_arguments_that_exclude_each_other_are_refused(change, text, photo, painting):
    with pytest.raises(InputError, match=text):
        mix(photo, painting, **QUICK | change)


def test_a_style_too_small_for_the_network_is_refused(photo):
    tiny = np.zeros([74, 200, 3], np.uint8)
    with pytest.raises(InputError, match="style picture .* 75 a side"):
        mix(photo, tiny, **QUICK)


def test_color_content_mixes_the_luminance_alone(photo, painting):
    result = mix(photo, painting, color="content", **QUICK)
    small = np.asarray(Image.open(photo).convert("RGB"), np.float32)[None] / 255
    content = color_ops.to_oklab(images.resize(small, (80, 120))).numpy()
    ours = color_ops.to_oklab(tf.constant(result.image[None])).numpy()
    strength = np.hypot(content[..., 1], content[..., 2])
    along = (ours[..., 1:] * content[..., 1:]).sum(-1) / np.maximum(strength, 1e-6)
    assert (along < strength + 0.01).all()  # the same hue, at most as strong
    assert np.abs(ours[..., 0] - content[..., 0]).mean() > 0.01


def test_color_match_starts_from_the_contents_own_colors(photo, painting):
    still = QUICK | {"steps": 1, "learning_rate": 1e-9, "chroma": "free"}
    matched = mix(photo, painting, color="match", **still).image
    content = mix(photo, painting, init="content", **still).image
    np.testing.assert_allclose(matched, content, atol=1e-3)


# --- A content or a style alone -------------------------------------------------------


def test_a_texture_needs_no_content(painting):
    result = mix(style=painting, size="100x90", steps=6, octaves=1, on_progress=None)
    assert result.image.shape == (90, 100, 3)
    assert list(result.losses) == ["style"] and loss_falls(result, share=0.8)
    assert result.settings.alpha == 0 and result.settings.init == "noise"


def test_a_content_alone_is_reconstructed_from_its_f1_layers(photo):
    result = mix(photo, **QUICK | {"steps": 8, "octaves": 1})
    assert list(result.losses) == ["content"] and loss_falls(result, "content", 0.8)


def test_a_content_alone_is_compared_with_its_brightness(photo):
    opened = Image.open(photo).convert("RGB").resize((120, 80))
    content = np.float32(opened)[None] / 255 * 0.8 + 0.1
    dark = 0.6 * content
    still = {"jitter": 0, "flips": False, "octaves": 1, "steps": 1}
    made = mix(content[0], start=dark[0], **QUICK | still | {"f1": "mixed2"})

    extractor = Extractor({"mixed2": 1.0})
    other, wanted = (extractor(pad(x), ["mixed2"])["mixed2"] for x in (dark, content))
    seen = Observer(extractor)(pad(content), NO_TRANSFORM.at(0), ["mixed2"])
    cells = inside("mixed2", seen)
    distance = np.sum(cells * (other - wanted) ** 2) / np.sum(cells * wanted**2)
    expected = CONTENT_SCALE * distance
    np.testing.assert_allclose(made.losses["content"][0], expected, rtol=1e-3)


def test_a_tileable_texture_has_no_seam(painting):
    options = QUICK | {"size": "112x112", "steps": 40, "octaves": 1}
    tile = mix(style=painting, tileable=True, **options).image
    plain = mix(style=painting, **options).image

    def seam(image):
        across = (
            np.abs(image[0] - image[-1]).mean()
            + np.abs(image[:, 0] - image[:, -1]).mean()
        )
        inside = np.abs(np.diff(image, axis=0)).mean()
        return across / (2 * inside)

    assert seam(tile) < 1.5 < seam(plain)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "give a content, a style or both"),
        ({"style": "painting", "alpha": 0.5}, "without a content `alpha` is 0"),
        ({"style": "painting", "color": "match"}, "needs a content and a style"),
        ({"style": "painting", "init": "content"}, "needs a content"),
        ({"style": "painting", "size": 0}, "say how large"),
        ({"style": "painting", "size": "99 by 99"}, "WIDTHxHEIGHT"),
    ],
)
def test_settings_that_need_both_pictures_are_refused_for_one(
    arguments, text, painting
):
    if "style" in arguments:
        arguments = arguments | {"style": painting}
    with pytest.raises(InputError, match=text):
        mix(**arguments)


# --- The first progress ---------------------------------------------------------------


class Stop(Exception):
    """A callback's own."""


def first_progress(monkeypatch, *pictures, **options):
    """The first record of a mix, whose callback raises; the network is not loaded."""
    seen = []

    def stop(progress):
        seen.append(progress)
        raise Stop

    monkeypatch.setattr("vectormix_tf.recipes.mix.build_problem", None)
    monkeypatch.setattr("vectormix_tf.recipes.mix.resolve_precision", None)
    with pytest.raises(Stop):
        mix(*pictures, on_progress=stop, pause_every=2, **options)
    (first,) = seen
    return first


HALF = np.zeros((80, 120), np.uint8)
HALF[:, :60] = 255


@pytest.mark.parametrize(
    "with_content, count, options",
    [
        (True, 1, {}),
        (True, 1, {"color": "content"}),
        (True, 1, {"color": "match"}),
        (True, 1, {"mask": HALF}),
        (True, 2, {"style_weights": (1, 3)}),
        (True, 2, {"style_mask": [HALF, 255 - HALF]}),
        (True, 2, {"mask": HALF, "style_weights": (1, 3)}),
        (True, 0, {}),
        (False, 1, {}),
        (False, 1, {"tileable": True, "size": "120x80"}),
    ],
    ids=str,
)
def test_the_first_progress_of_a_mix_shows_its_preview(
    with_content, count, options, photo, painting, other, monkeypatch
):
    content, styles = photo if with_content else None, [painting, other][:count]
    options = {"size": 120} | options
    first = first_progress(monkeypatch, content, styles, octaves=1, **options)
    assert (first.step, first.octave, first.octaves, first.losses) == (0, 1, 1, {})
    assert first.steps > 0 and first.seconds_left is None
    expected = preview(content, styles, octaves=1, **options).image
    np.testing.assert_allclose(first.preview(), expected, atol=1e-6)


def test_the_first_progress_shows_the_picture_that_a_mix_is_given_to_start_from(
    photo, painting, monkeypatch
):
    start = np.tile(np.float32([0.2, 0.4, 0.6]), (80, 120, 1))
    options = {"size": 120, "start": start}
    first = first_progress(monkeypatch, photo, painting, **options)
    np.testing.assert_allclose(first.preview(), start, atol=1e-6)


def test_a_preview_is_only_made_when_it_is_looked_at(photo, painting, monkeypatch):
    monkeypatch.setattr("vectormix_tf.recipes.scene.render", None)
    options = QUICK | {"steps": 1, "on_progress": (seen := []).append}
    mix(photo, painting, **options)
    assert [each.step for each in seen] == [0, 1]
    with pytest.raises(TypeError):
        seen[0].preview()


# --- Resuming -------------------------------------------------------------------------


def test_an_interrupted_mix_resumes_to_the_same_bytes(photo, painting, tmp_path):
    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    options = QUICK | {"steps": 6, "pause_every": 3}
    path = tmp_path / "run.ckpt"
    whole = mix(photo, painting, **options)
    part = mix(photo, painting, checkpoint=path, **options | {"on_progress": stop})
    assert not part.finished
    options |= {"checkpoint": path, "resume": True}
    rest = mix(photo, painting, **options | {"on_progress": (seen := []).append})
    assert [each.step for each in seen][0] > 3  # and no first picture again
    assert rest.finished and rest.image.tobytes() == whole.image.tobytes()
    with pytest.raises(InputError, match="alpha=0.5 .now 0.4."):
        mix(photo, painting, alpha=0.4, **options)
    with pytest.raises(InputError, match="another style 1"):
        mix(photo, photo, **options)
