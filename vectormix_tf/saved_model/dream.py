"""Dreams in an exported model: checks requests and builds their runs."""

import functools

import tensorflow as tf

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.ops.resize import to_size
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.transforms import draw_transforms
from vectormix_tf.recipes.dream import (
    DREAM_TRANSFORMS,
    Source,
    Values,
    build_extractor,
    build_problem,
)
from vectormix_tf.saved_model.chunks import Run
from vectormix_tf.saved_model.codec import (
    Limits,
    decode,
    encode_png,
    fitted_size,
    require,
)
from vectormix_tf.saved_model.pictures import (
    NO_FILE,
    checked_limits,
    if_given,
    read_mask,
    resized_mask,
)
from vectormix_tf.saved_model.recipe import ExportedRecipe
from vectormix_tf.saved_model.requests import (
    DREAM_INPUTS,
    Request,
    check_minimum,
    conditions,
    least_long_side,
    plan_octaves,
    requested_side,
    result_size,
)


class ExportedDream(ExportedRecipe):
    """Dreams; a variant is True if there is a guide, and False without one.

    Args:
        settings: Settings that all requests share.
        limits: Limits of the model.
    """

    inputs = checked_inputs = DREAM_INPUTS
    objectives = ("amplify", "guide")

    def __init__(self, settings: DreamSettings, limits: Limits):
        self.settings, self.limits = settings, limits
        self.extractor = build_extractor(settings)
        self.minimum = BACKBONES[settings.backbone].minimum
        # A guide decides what is amplified. Another objective than the mean, or chosen
        # channels, decide it as well, so these models take no guide.
        takes_guide = settings.objective == "mean" and "#" not in settings.layers
        self.variants = [False, True] if takes_guide else [False]

    def check_request(self, request: Request) -> Request:
        """See `ExportedRecipe.check_request`."""
        checks = conditions(request, DreamSettings, self.limits)
        if True not in self.variants:
            text = "this model dreams of channels or squares and takes no guide."
            checks[text] = request["guide_bytes"] == NO_FILE
        data = require(checks, request["image_bytes"])
        image = decode(data, "picture", self.limits)
        size = result_size(
            request["size"],
            self.settings.size,
            image,
            self.limits,
            "picture",
            self.minimum,
        )
        return request | {
            "image_bytes": encode_png(to_size(image, size)),
            "mask_bytes": resized_mask(request["mask_bytes"], self.limits, size),
            "guide_bytes": self._resized_guide(request),
        }

    def _resized_guide(self, request):
        """Returns the guide in the size that the request gives, a PNG file."""
        what, limits = "guide picture", self.limits

        def convert():
            guide = decode(request["guide_bytes"], what, limits)
            long = requested_side(request["guide_size"], guide, limits, what)
            size = check_minimum(
                fitted_size(guide, long),
                what,
                self.minimum,
                "guide_size",
                least_long_side(guide, self.minimum),
            )
            return encode_png(to_size(guide, size))

        return if_given(request["guide_bytes"], convert)

    def variant_index(self, request: Request) -> tf.Tensor:
        """See `ExportedRecipe.variant_index`."""
        return tf.cast(request["guide_bytes"] != NO_FILE, tf.int32)

    def build_run(self, variant: bool, request: Request) -> Run:
        """See `ExportedRecipe.build_run`."""
        limits = checked_limits(self.limits)
        image = decode(request["image_bytes"], "picture", limits)
        guide = decode(request["guide_bytes"], "guide", limits) if variant else None
        source = Source(image, read_mask(request, image, limits))
        size = tf.shape(image)[1:3]
        sizes, steps = plan_octaves(
            request, size, tf.reduce_min(size), self.minimum, self.limits
        )
        problem = build_problem(
            self.settings,
            source.canvas(),
            steps,
            guide,
            observer=Observer(self.extractor),
            transforms=draw_transforms(
                request["seed"], DREAM_TRANSFORMS, request["jitter"]
            ),
            values=Values(request["step_size"], request["seed"]),
        )

        def start(size, before):
            enlarge, detail = (
                functools.partial(source.start, mode, size, before)
                for mode in ("enlarge", "detail")
            )
            image = tf.cond(request["octave_mode"] == "enlarge", enlarge, detail)
            return tf.ensure_shape(image, [1, None, None, 3])

        def finish(image):
            def colored(color):  # in its branch: a palette is made where it is used
                return source.build_finish(color, self.settings.chroma)(image)

            keeps_color = request["color"] == "content"
            return tf.cond(
                keeps_color, lambda: colored("content"), lambda: colored("dream")
            )

        return Run(problem, start, finish, sizes, steps)
