"""A SavedModel with the signatures of an exported one, and next to nothing inside.

A step moves the picture a tenth of the way to a blend of content and style. All that a
run knows is in its state, as it is in the real one.
"""

import json

import tensorflow as tf

LIMITS = {
    "size": 128,
    "steps": 200,
    "pixels": 65536,
    "bytes": 1 << 20,
    "version": "0.1.0",
}
ABOUT = {
    "mix": {
        "fixed": {
            "backbone": "inception_v3",
            "f1": "mixed3",
            "statistic": "covariance",
            "weights": "/elsewhere/weights.h5",
            "precision": "float32",
            "tileable": False,
        },
        "open": {
            "size": 80,
            "steps": 6,
            "seed": 0,
            "alpha": 0.5,
            "octaves": 1,
            "octave_scale": 1.6,
            "octave_steps": 1.0,
            "learning_rate": 0.1,
            "style_scale": [1.0],
            "tv": 0.0,
            "color": "style",
            "init": "recolored",
        },
        "terms": ["content", "style", "total_variation"],
    },
    "dream": {
        "fixed": {"layers": "mixed4", "weights": "bundled"},
        "open": {
            "size": 80,
            "steps": 3,
            "seed": 0,
            "octaves": 2,
            "octave_scale": 1.3,
            "octave_steps": 1.0,
            "step_size": 0.1,
            "octave_mode": "detail",
            "color": "dream",
        },
        "terms": ["amplify", "guide"],
    },
    "limits": LIMITS,
}
KINDS = {
    "size": tf.int32,
    "steps": tf.int32,
    "seed": tf.int32,
    "octaves": tf.int32,
    "alpha": tf.float32,
    "octave_scale": tf.float32,
    "octave_steps": tf.float32,
    "learning_rate": tf.float32,
    "style_scale": tf.float32,
    "step_size": tf.float32,
    "tv": tf.float32,
}


def _specs(*names):
    kinds = {name: KINDS.get(name, tf.string) for name in names}
    return {name: tf.TensorSpec([], kind, name) for name, kind in kinds.items()}


MIX = ("content_bytes", "style_bytes", "alpha", "steps", "size", "seed")
MIX_FULL = (*dict.fromkeys((*MIX, *ABOUT["mix"]["open"], "mask_bytes", "start_bytes")),)
DREAM = ("image_bytes", "steps", "size", "seed")
DREAM_FULL = (*dict.fromkeys((*DREAM, *ABOUT["dream"]["open"])),)
DREAM_FULL = (*DREAM_FULL, "mask_bytes", "guide_bytes")


def _refuse_unless(condition, *text):
    tf.debugging.Assert(condition, list(text))


def _picture(data, what):
    _refuse_unless(tf.strings.length(data) > 0, f"the {what} picture is empty")
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    return tf.cast(image, tf.float32)[None] / 255.0


def _fitted(image, size):
    return tf.clip_by_value(tf.image.resize(image, size), 0.0, 1.0)


def _size(image, size):
    sides = tf.cast(tf.shape(image)[1:3], tf.float32)
    long = tf.cast(tf.clip_by_value(size, 1, LIMITS["size"]), tf.float32)
    return tf.cast(tf.round(sides * long / tf.reduce_max(sides)), tf.int32)


def _pack(x, content, style, counts, numbers):
    parts = [x, content, style, counts, numbers]
    return tf.io.serialize_tensor(tf.stack(list(map(tf.io.serialize_tensor, parts))))


def _unpack(state):
    parts = tf.io.parse_tensor(state, tf.string)
    kinds = [tf.float32, tf.float32, tf.float32, tf.int32, tf.float32]
    x, content, style, counts, numbers = (
        tf.io.parse_tensor(parts[i], kind) for i, kind in enumerate(kinds)
    )
    shape = [1, None, None, 3]
    for image in (x, content, style):
        image.set_shape(shape)
    return (
        x,
        content,
        style,
        tf.ensure_shape(counts, [4]),
        tf.ensure_shape(numbers, [3]),
    )


def _of_octave(octave, first, numbers):
    share = numbers[1] ** tf.cast(octave - 1, tf.float32)
    steps = tf.round(tf.cast(first, tf.float32) * share)
    return tf.maximum(1, tf.cast(steps, tf.int32))


def _start(content, style, steps, size, seed, start, octaves, numbers, noise):
    """The state of a run: of which octave how many steps are done, and the pictures."""
    content = _fitted(content, _size(content, size))
    size = tf.shape(content)[1:3]
    style = _fitted(style, size)
    x = tf.cond(
        tf.strings.length(start) > 0,
        lambda: _fitted(_picture(start, "start"), size),
        lambda: tf.cond(
            noise,
            lambda: tf.random.stateless_uniform(tf.shape(content), [seed, 0]),
            lambda: content,
        ),
    )
    steps = tf.clip_by_value(steps, 1, LIMITS["steps"])
    return x, content, style, tf.stack([1, 0, steps, octaves]), numbers


def _advance(state, most, terms):
    x, content, style, counts, numbers = state

    def left(x, octave, step, taken, losses):
        steps = _of_octave(octave, counts[2], numbers)
        return (taken < most) & ((octave < counts[3]) | (step < steps))

    def take(x, octave, step, taken, losses):
        ended = step == _of_octave(octave, counts[2], numbers)
        octave, step = octave + tf.cast(ended, tf.int32), tf.where(ended, 0, step)
        share = numbers[0]
        loss = [
            share * tf.reduce_mean(tf.abs(x - content)),
            (1 - share) * tf.reduce_mean(tf.abs(x - style)),
            tf.zeros([]),
        ]
        losses = losses.write(taken, tf.stack(loss[:terms]))
        x = x + numbers[2] * (share * content + (1 - share) * style - x)
        return x, octave, step + 1, taken + 1, losses

    losses = tf.TensorArray(tf.float32, 0, True, element_shape=[terms])
    before = (x, counts[0], counts[1], tf.constant(0), losses)
    x, octave, step, _, losses = tf.while_loop(left, take, before)
    counts = tf.stack([octave, step, counts[2], counts[3]])
    losses = tf.reshape(losses.stack(), [-1, terms])
    return (x, content, style, counts, numbers), losses


def _encoded(x):
    return tf.cast(tf.round(tf.clip_by_value(x[0], 0.0, 1.0) * 255), tf.uint8)


def _chunk(state, losses):
    x, _, _, counts, numbers = state
    octave, step, first, octaves = tf.unstack(counts)
    steps = _of_octave(octave, first, numbers)
    return {
        "state_bytes": _pack(*state),
        "losses": losses,
        "preview_bytes": tf.io.encode_jpeg(_encoded(x)),
        "image_bytes": tf.io.encode_png(_encoded(x)),
        "octave": octave,
        "octaves": octaves,
        "step": step,
        "steps": steps,
        "finished": (octave == octaves) & (step == steps),
    }


def _whole(state, terms):
    state, losses = _advance(state, tf.int32.max, terms)
    return {"image_bytes": tf.io.encode_png(_encoded(state[0])), "losses": losses}


def _mix_state(given):
    given = {"octaves": tf.constant(1), "octave_steps": tf.constant(1.0)} | given
    alpha = given["alpha"]
    _refuse_unless(
        (alpha >= 0) & (alpha <= 1), "`alpha` must be in [0, 1]; received", alpha
    )
    content = _picture(given["content_bytes"], "content")
    style = _picture(given["style_bytes"], "style")
    rate = given.get("learning_rate", tf.constant(0.1))
    numbers = tf.stack([alpha, given["octave_steps"], rate])
    if "mask_bytes" in given:
        content = tf.cond(
            tf.strings.length(given["mask_bytes"]) > 0,
            lambda: (
                content
                * _fitted(_picture(given["mask_bytes"], "mask"), tf.shape(content)[1:3])
            ),
            lambda: content,
        )
    return _start(
        *(content, style, given["steps"], given["size"], given["seed"]),
        given.get("start_bytes", tf.constant("")),
        given["octaves"],
        numbers,
        given.get("init", tf.constant("")) == "noise",
    )


def _dream_state(given):
    given = {"octaves": tf.constant(2), "octave_steps": tf.constant(1.0)} | given
    image = _picture(given["image_bytes"], "image")
    rate = given.get("step_size", tf.constant(0.1))
    numbers = tf.stack([tf.constant(1.0), given["octave_steps"], rate])
    none, no = tf.constant(""), tf.constant(False)
    sizes = (given["steps"], given["size"], given["seed"])
    x, content, *rest = _start(
        image, image, *sizes, none, given["octaves"], numbers, no
    )
    # Its "content" is the negative, so that something moves, or the guide.
    guide = given.get("guide_bytes", none)
    content = tf.cond(
        tf.strings.length(guide) > 0,
        lambda: _fitted(_picture(guide, "guide"), tf.shape(x)[1:3]),
        lambda: 1 - content,
    )
    return x, content, *rest


def _about(given):
    key = given["key"]
    _refuse_unless(tf.reduce_any(key == list(ABOUT)), "there is no", key)
    texts = tf.constant([json.dumps(each) for each in ABOUT.values()])
    return {"text": texts[tf.argmax(tf.cast(key == list(ABOUT), tf.int32))]}


def _features(given):
    image = _picture(given["image_bytes"], "image")
    means = tf.reduce_mean(image, axis=[0, 1, 2])
    return {"f1": means, "f2": means * means}


def _none():
    return tf.zeros([0, 3]), tf.zeros([0, 2])


def save(folder):
    """Writes it."""
    module = tf.Module()
    chunk_specs = _specs("state_bytes", "steps")
    calls = {
        "mix": (_specs(*MIX), lambda given: _whole(_mix_state(given), 3)),
        "mix_full": (_specs(*MIX_FULL), lambda given: _whole(_mix_state(given), 3)),
        "mix_start": (
            _specs(*MIX_FULL),
            lambda given: _chunk(_mix_state(given), _none()[0]),
        ),
        "mix_steps": (
            chunk_specs,
            lambda given: _chunk(
                *_advance(_unpack(given["state_bytes"]), given["steps"], 3)
            ),
        ),
        "dream": (_specs(*DREAM), lambda given: _whole(_dream_state(given), 2)),
        "dream_start": (
            _specs(*DREAM_FULL),
            lambda given: _chunk(_dream_state(given), _none()[1]),
        ),
        "dream_steps": (
            chunk_specs,
            lambda given: _chunk(
                *_advance(_unpack(given["state_bytes"]), given["steps"], 2)
            ),
        ),
        "about": (_specs("key"), _about),
        "features": (_specs("image_bytes", "size"), _features),
        # These have rows.
        "twice": (
            {"x": tf.TensorSpec([None], tf.float32, "x")},
            lambda given: {"y": 2 * given["x"]},
        ),
        "rows": (
            {
                "a_bytes": tf.TensorSpec([None], tf.string, "a_bytes"),
                "b": tf.TensorSpec([None, 2], tf.int32, "b"),
            },
            lambda given: {
                "twice_bytes": given["a_bytes"] + given["a_bytes"],
                "text": given["a_bytes"],
                "sum": tf.reduce_sum(given["b"], axis=1),
                "ok": given["b"] > 0,
            },
        ),
    }
    signatures = {}
    for name, (specs, call) in calls.items():
        function = tf.function(lambda call=call, **given: call(given))
        signatures[name] = function.get_concrete_function(**specs)
    tf.saved_model.save(module, folder, signatures=signatures)
