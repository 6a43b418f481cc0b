"""Pictures in requests: decoded as Pillow does, refused if too large or no picture."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vectormix_tf.saved_model import codec
from vectormix_tf.saved_model.codec import Limits, decode

LIMITS = Limits(size=64, steps=1, pixels=600, bytes=1 << 20)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return tf.constant(file.getvalue())


def drawn(height, width, mode="RGB"):
    bands = np.random.default_rng(0).integers(0, 256, [height, width, 4], np.uint8)
    return Image.fromarray(bands, "RGBA").convert(mode)


@settings(max_examples=30)
@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from(["L", "P", "RGB", "RGBA", "1", "I;16"]),
)
def test_a_png_is_what_pillow_reads(height, width, mode):
    picture = drawn(height, width, "L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    image = decode(encoded(picture, "PNG"), "picture", LIMITS)
    eighths = picture if mode != "I;16" else drawn(height, width, "L")
    expected = np.asarray(eighths.convert("RGBA"))[..., :3]
    assert np.abs(image[0] * 255 - expected).max() <= 1
    assert image.shape == [1, height, width, 3]


@settings(max_examples=20)
@given(st.integers(1, 24), st.integers(1, 24), st.booleans())
def test_a_jpeg_has_its_size_and_about_its_colors(height, width, progressive):
    picture = Image.new("RGB", (width, height), (200, 100, 50))
    exif = b"Exif\0\0" + bytes(200)  # before the size
    file = encoded(picture, "JPEG", progressive=progressive, exif=exif)
    image = decode(file, "picture", LIMITS)
    assert image.shape == [1, height, width, 3]
    assert np.abs(image[0] * 255 - np.asarray(picture)).max() < 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_of_too_many_pixels_is_refused_unread(kind):
    """The file is cut off after its header, so nothing could be decoded."""
    file = encoded(drawn(30, 30), kind).numpy()
    # The header of a JPEG ends with the marker that starts the scan.
    head = file[: 33 if kind == "PNG" else file.index(b"\xff\xda") + 14]
    for size, words in ((900, "Invalid|Expected|recover"), (899, "1 to 899 pixels")):
        limits = LIMITS._replace(pixels=size)
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            decode(tf.constant(head), "picture", limits)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP", "TIFF"])
def test_another_format_is_refused_and_the_right_ones_are_named(kind):
    file = encoded(drawn(9, 9, "RGB"), kind)
    words = "the mask is no PNG or JPEG file; send one of these"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decode(file, "mask", LIMITS)


def test_a_file_of_too_many_bytes_is_refused():
    file = tf.constant(codec.PNG + bytes(LIMITS.bytes))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 1 MiB"):
        decode(file, "picture", LIMITS)


def test_a_png_file_keeps_every_bit():
    pixels = np.float32(np.asarray(drawn(7, 11)))[np.newaxis] / 255
    file = codec.encode_png(tf.constant(pixels))
    np.testing.assert_array_equal(decode(file, "picture", LIMITS), pixels)
    bright = codec.to_uint8(tf.constant([[[[1.2, -0.1, 0.5]]]]))
    np.testing.assert_array_equal(bright, [[[255, 0, 128]]])


def test_an_image_shrinks_only_if_it_is_too_large():
    image = decode(encoded(drawn(12, 20), "PNG"), "picture", LIMITS)
    same = codec.shrink_to_fit(image, tf.constant(40))
    np.testing.assert_allclose(same, image, atol=1e-5)
    assert codec.shrink_to_fit(image, tf.constant(10)).shape == [1, 6, 10, 3]
