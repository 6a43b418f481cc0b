"""Padding of large images is that of small ones."""

import numpy as np
import tensorflow as tf

from vectormix_tf.ops import border, slabs
from vectormix_tf.ops.border import clip_and_pad


def test_a_large_image_is_padded_alike(monkeypatch):
    drawn = np.random.default_rng(0).normal(size=(1, 40, 31, 3)).astype(np.float32)
    whole = clip_and_pad(tf.constant(drawn))
    np.testing.assert_array_equal(whole, border.pad(np.clip(drawn, 0, 1)))
    monkeypatch.setattr(slabs, "SLAB", 100)
    np.testing.assert_array_equal(clip_and_pad(tf.constant(drawn)), whole)
