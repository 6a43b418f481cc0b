"""Mixes in an exported model: checks requests and builds their runs."""

import dataclasses
import functools
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.mix import COLORS, MixSettings
from vectormix_tf.config.setting import served_settings
from vectormix_tf.ops.resize import to_size
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.transforms import draw_transforms
from vectormix_tf.recipes.mix import (
    LEAST_LEVEL,
    MIX_TRANSFORMS,
    Values,
    build_extractor,
    build_finish,
    build_further,
    build_problem,
    build_start,
)
from vectormix_tf.recipes.scene import MASK, Scene, Style, adjust_colors
from vectormix_tf.saved_model.chunks import Run, traced_function
from vectormix_tf.saved_model.codec import (
    Limits,
    decode,
    encode_png,
    fitted_size,
    require,
    shrink_to_fit,
)
from vectormix_tf.saved_model.pictures import (
    NO_FILE,
    checked_limits,
    index_of,
    read_mask,
    resized_mask,
    resized_start,
)
from vectormix_tf.saved_model.recipe import ExportedRecipe
from vectormix_tf.saved_model.requests import (
    MIX_INPUTS,
    Request,
    check_minimum,
    conditions,
    least_long_side,
    plan_octaves,
    result_size,
    scalar_specs,
)

NO_STYLE = 0  # as a number of levels
INITS = tuple(served_settings(MixSettings, "open")["init"].choices)


class Variant(NamedTuple):
    """What decides which graph a mix needs.

    Attributes:
        levels: Number of scales at which the style is compared; `NO_STYLE` if alpha
            is 1, where the style has no influence.
        masked: Whether there is a mask.
    """

    levels: int
    masked: bool


class ExportedMix(ExportedRecipe):
    """Mixes of one content and one style.

    Args:
        settings: Settings that all requests share.
        limits: Limits of the model.
    """

    inputs = MIX_INPUTS
    # `shortest`: shortest side of content and style at full size, in pixels.
    checked_inputs = {**MIX_INPUTS, "shortest": tf.int32}

    def __init__(self, settings: MixSettings, limits: Limits):
        self.settings, self.limits = settings, limits
        self.extractor = build_extractor(settings)
        self.minimum = BACKBONES[settings.backbone].minimum
        # Shortest side for one level, in pixels; each further one needs twice as many.
        self._least_side = round(LEAST_LEVEL * self.minimum)
        amplify = ["amplify"] if settings.amplify else []
        tone = ["tone"] if settings.tone else []
        self.objectives = ["content", *tone, "style", *amplify, "total_variation"]
        self._max_levels = max(2, settings.style_levels)
        # Large results take longest, and most have no mask: these have a faster graph
        # without one. In all other variants a missing mask is a white one.
        self.variants = [
            *(Variant(n, masked=True) for n in range(NO_STYLE, self._max_levels + 1)),
            Variant(self._max_levels, masked=False),
        ]
        specs = scalar_specs(self.checked_inputs)
        self._pictures = traced_function(self._read_pictures, specs)

    # --- Checking a request -----------------------------------------------------------

    def check_request(self, request: Request) -> Request:
        """See `ExportedRecipe.check_request`."""
        limits, minimum = self.limits, self.minimum
        data = require(
            conditions(request, MixSettings, limits), request["content_bytes"]
        )
        content = decode(data, "content picture", limits)
        style = decode(request["style_bytes"], "style picture", limits)
        text = f"the style picture has less than {minimum} pixels a side; send a larger"
        large = tf.reduce_min(tf.shape(style)[1:3]) >= minimum
        style = require({f"{text} one.": large}, style)
        size = result_size(
            request["size"],
            self.settings.size,
            content,
            limits,
            "content picture",
            minimum,
        )
        request = request | {"style_scale": self._raised_scale(request, style, size)}
        long = tf.cast(tf.reduce_max(size), tf.float32)
        long = tf.cast(tf.round(long * self._style_scale(request, size)), tf.int32)
        shrunk_style = shrink_to_fit(style, long)
        # Where the style is smaller than that, the run enlarges it.
        least = least_long_side(style, minimum) / tf.reduce_max(size)
        style_size = check_minimum(
            fitted_size(style, long), "style picture", minimum, "style_scale", least
        )
        return request | {
            "content_bytes": encode_png(to_size(content, size)),
            "style_bytes": encode_png(shrunk_style),
            "mask_bytes": resized_mask(request["mask_bytes"], limits, size),
            "start_bytes": resized_start(request["start_bytes"], limits, size),
            "shortest": tf.reduce_min([*tf.unstack(size), *tf.unstack(style_size)]),
        }

    def _raised_scale(self, request, style, size):
        """Returns `style_scale`, raised as by `io.sizes.style_size` where it is 1."""
        scale = request["style_scale"]
        least = least_long_side(style, self.minimum) / tf.reduce_max(size)
        least = tf.maximum(tf.cast(least, tf.float32), 1.0)
        return tf.where(scale == 1.0, least, scale)

    def _style_scale(self, request, size):
        """Returns the request's `style_scale` if the style keeps the limit in size."""
        side = tf.cast(tf.reduce_max(size), tf.float32)
        fits = tf.round(request["style_scale"] * side) <= self.limits.size
        text = (
            f"`style_scale` makes the style larger than {self.limits.size} pixels a"
            " side, the most that this model takes; lower it, or `size`."
        )
        return require({text: fits}, request["style_scale"])

    def variant_index(self, request: Request) -> tf.Tensor:
        """See `ExportedRecipe.variant_index`."""
        further_levels = [
            tf.cast(request["shortest"] // self._least_side >= 2**level, tf.int32)
            for level in range(1, self._max_levels)
        ]
        levels = 1 + tf.add_n(further_levels)
        levels = tf.where(request["alpha"] == 1, NO_STYLE, levels)
        no_mask = request["mask_bytes"] == NO_FILE
        fast = (levels == self._max_levels) & no_mask
        return tf.where(fast, len(self.variants) - 1, levels)

    # --- Building its run -------------------------------------------------------------

    def build_run(self, variant: Variant, request: Request) -> Run:
        """See `ExportedRecipe.build_run`."""
        settings, scene = self.settings, self._scene(variant, request)
        size = tf.shape(scene.content)[1:3]
        sizes, steps = plan_octaves(
            request, size, request["shortest"], self.minimum, self.limits
        )
        values = Values(
            # A number, not a tensor, so that the graph has no style objective.
            1.0 if variant.levels == NO_STYLE else request["alpha"],
            request["tv"],
            request["learning_rate"],
            request["seed"],
        )
        problem = build_problem(
            settings,
            scene,
            steps,
            observer=Observer(self.extractor, scene.masks, packs=True),
            transforms=draw_transforms(
                request["seed"], MIX_TRANSFORMS, request["jitter"], settings.flips
            ),
            values=values,
        )

        def start(size, before):
            if before is None:
                return self._first_image(request, scene, size)
            return self._next_image(request, scene, size, before)

        def finish(image):
            def colored(color):  # in its branch: palettes are made where they are used
                own = dataclasses.replace(settings, color=color)
                return build_finish(own, scene, values)(image)

            keeps_color = request["color"] == "content"
            return tf.cond(
                keeps_color, lambda: colored("content"), lambda: colored("style")
            )

        return Run(problem, start, finish, sizes, steps)

    def _read_pictures(self, request):
        """Reads the pictures of a checked request.

        Returns:
            Content and style with the colors that `color` asks for, the content with
            its own colors, each [1, H, W, 3]; the mask [1, H, W, 1].
        """
        limits = checked_limits(self.limits)
        original = decode(request["content_bytes"], "content picture", limits)
        style = decode(request["style_bytes"], "style picture", limits)
        colored = [
            functools.partial(adjust_colors, color, original, [style])
            for color in COLORS
        ]
        content, [style] = tf.switch_case(index_of(request["color"], COLORS), colored)
        content, style = (
            tf.ensure_shape(image, [1, None, None, 3]) for image in (content, style)
        )
        return content, style, original, read_mask(request, original, limits)

    def _scene(self, variant, request) -> Scene:
        content, style, original, mask = self._pictures(request)
        masks = {MASK: mask} if variant.masked else {}
        scale = self._style_scale(request, tf.shape(original)[1:3])
        mask_name = MASK if variant.masked else None
        return Scene(
            size=None,
            # Any side that makes `build_problem` compare this number of levels.
            shortest=self._least_side * 2 ** max(0, variant.levels - 1),
            content=content,
            original=original,
            transparency=None,
            styles=[Style(style, None, 1.0, scale, mask_name)],
            mask=mask if variant.masked else None,
            masks=masks,
        )

    def _first_image(self, request, scene, size):
        """Returns the image that the first octave starts from, of a size int32 [2]."""

        def from_init(init):
            settings = dataclasses.replace(self.settings, init=init)
            return build_start(settings, scene, seed=request["seed"])(size)

        def from_start_picture():
            limits = checked_limits(self.limits)
            return to_size(
                decode(request["start_bytes"], "start picture", limits), size
            )

        branches = [functools.partial(from_init, init) for init in INITS]
        branches.append(from_start_picture)
        image = tf.switch_case(_start_index(request), branches)
        return tf.ensure_shape(image, [1, None, None, 3])

    def _next_image(self, request, scene, size, before):
        """Returns the image that a further octave starts from, of a size int32 [2]."""
        further = [
            build_further(dataclasses.replace(self.settings, init=init), scene)
            for init in INITS
        ]
        branches = [functools.partial(f, before, size) for f in [*further, to_size]]
        image = tf.switch_case(_start_index(request), branches)
        return tf.ensure_shape(image, [1, None, None, 3])


def _start_index(request):
    """Number of the request's start among `INITS`; beyond them for its picture."""
    # With the content's colors there is nothing to recolor.
    same_colors = (request["color"] == "match") & (request["init"] == "recolored")
    index = index_of(request["init"], INITS)
    index = tf.where(same_colors, INITS.index("content"), index)
    return tf.where(request["start_bytes"] != NO_FILE, len(INITS), index)
