"""Staging: mixes and dreams in a graph: a request becomes what is minimized."""

import functools
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.dream import DREAM_COLORS, OCTAVE_MODES, DreamSettings
from vectormix_tf.config.settings import COLORS, INITS, MixSettings, opened
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import to_size
from vectormix_tf.optim.observer import Observer, draw_rolls, numbered_views
from vectormix_tf.recipes import dream as dream_recipe
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.recipes.scene import MASK, Scene, Style, in_colors
from vectormix_tf.saved_model import codec
from vectormix_tf.saved_model.chunks import Staged, apart
from vectormix_tf.saved_model.codec import Limits, decode, required
from vectormix_tf.saved_model.requests import (
    DREAM,
    MIX,
    Asked,
    long_side,
    planned,
    scalars,
    seen,
    sensible,
)

NONE = b""  # the file of a picture that there is not


class Kind(NamedTuple):
    """What decides which graph a run needs.

    Attributes:
        levels: At how many sizes a style is seen; `ALONE` if alpha is 1 and it is not.
        masked: Whether there is a mask.
    """

    levels: int
    masked: bool


ALONE = 0


class Mixes:
    """Mixes of a content and a style.

    Args:
        chosen: What all requests have in common.
        limits: What they may ask for.

    Attributes:
        asked: `{name: dtype}` of a request.
        admitted: The same of one that was admitted.
        terms: Names of the losses, whatever the kind of a run.
        kinds: Of runs.
        extractor: What looks.
    """

    asked = MIX
    admitted = {**MIX, "shortest": tf.int32}

    def __init__(self, chosen: MixSettings, limits: Limits):
        self.chosen, self.limits = chosen, limits
        self.extractor = mix_recipe.mix_extractor(chosen)
        self.minimum = BACKBONES[chosen.backbone].minimum
        dreams = ["amplify"] if chosen.amplify else []
        self.terms = ["content", "style", *dreams, "total_variation"]
        self.most = max(2, chosen.style_levels)
        # Where time counts, one without a mask; elsewhere none is a white one.
        masked = [Kind(levels, True) for levels in range(ALONE, self.most + 1)]
        self.kinds = [*masked, Kind(self.most, False)]
        self._pictures = apart(self._read, scalars(self.admitted))

    def admit(self, asked: Asked) -> Asked:
        """Brings a request within the limits, and its pictures to their size."""
        choices = {"color": COLORS, "init": INITS}
        data = required(sensible(asked, choices), asked["content_bytes"])
        content = decode(data, "content picture", self.limits)
        style = decode(asked["style_bytes"], "style picture", self.limits)
        size = long_side(asked["size"], content, self.limits)
        size = seen(codec.fitted_size(content, size), "content picture", self.minimum)
        long = tf.cast(tf.reduce_max(size), tf.float32) * self._scale(asked, size)
        long = tf.cast(tf.round(long), tf.int32)
        painting = codec.not_larger(style, long)
        beside = codec.fitted_size(style, long)
        seen(tf.minimum(beside, tf.shape(painting)[1:3]), "style picture", self.minimum)
        return asked | {
            "content_bytes": codec.png(to_size(content, size)),
            "style_bytes": codec.png(painting),
            "mask_bytes": _mask(asked["mask_bytes"], self.limits, size),
            "start_bytes": _start(asked["start_bytes"], self.limits, size),
            "shortest": tf.reduce_min([*tf.unstack(size), *tf.unstack(beside)]),
        }

    def _scale(self, asked, size):
        """Of the strokes; a style is no larger than the largest result."""
        side = tf.cast(tf.reduce_max(size), tf.float32)
        return tf.minimum(asked["style_scale"], self.limits.size / side)

    def number(self, asked: Asked) -> tf.Tensor:
        """Which of `kinds` an admitted request is of."""
        least = round(mix_recipe.LEAST_LEVEL * self.minimum)
        more = [
            tf.cast(asked["shortest"] // least >= 2**level, tf.int32)
            for level in range(1, self.most)
        ]
        levels = tf.where(asked["alpha"] == 1, ALONE, 1 + tf.add_n(more))
        plain = (levels == self.most) & (asked["mask_bytes"] == NONE)
        return tf.where(plain, len(self.kinds) - 1, levels)

    def stage(self, kind: Kind, asked: Asked) -> Staged:
        """What an admitted request comes to."""
        chosen = self._chosen(kind, asked)
        scene = self._scene(kind, asked)
        size = tf.shape(scene.content)[1:3]
        sizes, steps = planned(
            asked, size, asked["shortest"], self.minimum, self.limits
        )
        rolls = draw_rolls(asked["seed"], mix_recipe.MIX_VIEWS, asked["jitter"])
        observer = Observer(self.extractor, scene.masks, rolls=rolls, packs=True)
        views = numbered_views(mix_recipe.MIX_VIEWS, chosen.flips)

        def start(size, before):
            if before is not None:
                return to_size(before, size)
            return self._first(chosen, asked, scene, size)

        def finish(image):
            plain, colored = (
                mix_recipe.finisher(opened(chosen, color=color), scene)
                for color in ("style", "content")
            )
            is_content = asked["color"] == "content"
            return tf.cond(is_content, lambda: colored(image), lambda: plain(image))

        problem = mix_recipe.mixture(chosen, scene, observer, views, steps)
        return Staged(problem, start, finish, sizes, steps)

    def _chosen(self, kind, asked):
        names = ["seed", "tv", "learning_rate", *(["alpha"] if kind.levels else [])]
        chosen = opened(self.chosen, **{name: asked[name] for name in names})
        return chosen if kind.levels else opened(chosen, alpha=1.0)

    def _read(self, asked):
        """Content and style in the colors in which they are mixed, content, mask."""
        limits = _admitted(self.limits)
        original = decode(asked["content_bytes"], "content picture", limits)
        painting = decode(asked["style_bytes"], "style picture", limits)
        colored = [
            functools.partial(in_colors, color, original, [painting])
            for color in COLORS
        ]
        content, [painting] = tf.switch_case(_index(asked["color"], COLORS), colored)
        images = [tf.ensure_shape(i, [1, None, None, 3]) for i in (content, painting)]
        return *images, original, _strength(asked, original, limits)

    def _scene(self, kind, asked) -> Scene:
        content, painting, original, strength = self._pictures(asked)
        where = {MASK: strength} if kind.masked else {}
        scale = self._scale(asked, tf.shape(original)[1:3])
        style = Style(painting, None, 1.0, scale, *(where or [None]))
        # Any side that has so many levels.
        least = round(mix_recipe.LEAST_LEVEL * self.minimum)
        return Scene(
            size=None,
            shortest=least * 2 ** max(0, kind.levels - 1),
            content=content,
            original=original,
            transparency=None,
            styles=[style],
            strength=strength if kind.masked else None,
            masks=where,
        )

    def _first(self, chosen, asked, scene, size):
        """What the first octave starts from."""
        given = asked["start_bytes"] != NONE
        matches = (asked["color"] == "match") & (asked["init"] == "recolored")
        index = _index(asked["init"], INITS)
        index = tf.where(matches, INITS.index("content"), index)
        index = tf.where(given, len(INITS), index)
        starts = [
            functools.partial(
                mix_recipe.starter(opened(chosen, init=each), scene), size
            )
            for each in INITS
        ]

        def picture():
            limits = _admitted(self.limits)
            return to_size(decode(asked["start_bytes"], "start picture", limits), size)

        image = tf.switch_case(index, [*starts, picture])
        return tf.ensure_shape(image, [1, None, None, 3])


class Dreams:
    """Dreams of a picture; as `Mixes`. Of their kinds one has a guide, True."""

    asked = admitted = DREAM
    terms = ["amplify", "guide"]

    def __init__(self, chosen: DreamSettings, limits: Limits):
        self.chosen, self.limits = chosen, limits
        self.extractor = dream_recipe.dream_extractor(chosen)
        self.minimum = BACKBONES[chosen.backbone].minimum
        # A guide says what is raised, and so do the other ways.
        led = chosen.objective == "mean" and "#" not in chosen.layers
        self.kinds = [False, True] if led else [False]

    def admit(self, asked: Asked) -> Asked:
        """Brings a request within the limits, and its pictures to their size."""
        conditions = sensible(
            asked, {"color": DREAM_COLORS, "octave_mode": OCTAVE_MODES}
        )
        if len(self.kinds) == 1:
            text = "this model dreams of channels or squares and takes no guide."
            conditions[text] = asked["guide_bytes"] == NONE
        data = required(conditions, asked["image_bytes"])
        image = decode(data, "picture", self.limits)
        size = long_side(asked["size"], image, self.limits)
        size = seen(codec.fitted_size(image, size), "picture", self.minimum)
        return asked | {
            "image_bytes": codec.png(to_size(image, size)),
            "mask_bytes": _mask(asked["mask_bytes"], self.limits, size),
            "guide_bytes": self._guide(asked),
        }

    def _guide(self, asked):
        """The file of the guide in its size."""

        def read():
            guide = decode(asked["guide_bytes"], "guide picture", self.limits)
            size = long_side(asked["guide_size"], guide, self.limits)
            size = seen(codec.fitted_size(guide, size), "guide picture", self.minimum)
            return codec.png(to_size(guide, size))

        return _optional(asked["guide_bytes"], read)

    def number(self, asked: Asked) -> tf.Tensor:
        """Which of `kinds` an admitted request is of."""
        return tf.cast(asked["guide_bytes"] != NONE, tf.int32)

    def stage(self, guided: bool, asked: Asked) -> Staged:
        """What an admitted request comes to."""
        chosen = opened(self.chosen, seed=asked["seed"], step_size=asked["step_size"])
        limits = _admitted(self.limits)
        scene = decode(asked["image_bytes"], "picture", limits)
        guide = decode(asked["guide_bytes"], "guide", limits) if guided else None
        stage = dream_recipe.Stage(scene, _strength(asked, scene, limits))
        size = tf.shape(scene)[1:3]
        sizes, steps = planned(
            asked, size, tf.reduce_min(size), self.minimum, self.limits
        )
        rolls = draw_rolls(asked["seed"], dream_recipe.DREAM_VIEWS, asked["jitter"])
        observer = Observer(self.extractor, rolls=rolls)
        views = numbered_views(dream_recipe.DREAM_VIEWS, False)

        def start(size, before):
            enlarge, detail = (
                functools.partial(stage.start, mode, size, before)
                for mode in ("enlarge", "detail")
            )
            image = tf.cond(asked["octave_mode"] == "enlarge", enlarge, detail)
            return tf.ensure_shape(image, [1, None, None, 3])

        def finish(image):
            plain, colored = (
                functools.partial(stage.finish, color, image)
                for color in ("dream", "content")
            )
            return tf.cond(asked["color"] == "content", colored, plain)

        problem = dream_recipe.reverie(
            chosen, stage.canvas(), observer, views, steps, guide
        )
        return Staged(problem, start, finish, sizes, steps)


def _admitted(limits):
    """Limits of what was brought within them."""
    return limits._replace(pixels=limits.size**2)


def _index(name, known):
    """Number of a name among those that are known."""
    return tf.argmax(name == tf.constant(known), output_type=tf.int32)


def _optional(data, found):
    return tf.cond(data == NONE, lambda: tf.constant(NONE), found)


def _strength(asked, image, limits):
    """The mask of an admitted request; white where it has none, [1, H, W, 1]."""
    mask = tf.cond(
        asked["mask_bytes"] == NONE,
        lambda: tf.ones_like(image),
        lambda: decode(asked["mask_bytes"], "mask", limits),
    )
    return tf.ensure_shape(mask[..., :1], [1, None, None, 1])


def _start(data, limits, size):
    """The file of the picture that a run starts from, of a size."""

    def read():
        return codec.png(to_size(decode(data, "start picture", limits), size))

    return _optional(data, read)


def _mask(data, limits, size):
    """The file of a mask of a size, gray; as `masks.read`."""

    def read():
        mask = decode(data, "mask", limits)
        mask = to_size(tf.reduce_mean(mask, axis=-1, keepdims=True), size)
        text = "the mask is black everywhere; paint white where it is to count."
        white = tf.reduce_any(mask > masks.FLOOR)
        return codec.png(required({text: white}, mask))

    return _optional(data, read)
