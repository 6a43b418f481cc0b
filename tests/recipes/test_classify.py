"""Classification: the probabilities are those of Keras, of the central square."""

import keras
import numpy as np
import pytest
from mistakes import refusal
from PIL import Image

from vectormix_tf import classify
from vectormix_tf.config import classes
from vectormix_tf.errors import Notice
from vectormix_tf.recipes.classify import SIDE, _softmax, middle_square


@pytest.fixture(scope="module")
def picture(photo):
    return np.asarray(Image.open(photo).convert("RGB"), np.float32) / 255


def test_probabilities_are_those_of_keras_own_network(classifier, picture):
    square = picture[:SIDE, :SIDE]
    network, path = classifier
    theirs = keras.ops.softmax(network(square[None] * 2 - 1)).numpy()[0]
    guesses = classify(square, path, top=1000)
    assert sorted(n for n, _ in guesses) == sorted(classes.names())
    probabilities = [probability for _, probability in guesses]
    assert abs(sum(probabilities) - 1) < 1e-9
    assert probabilities == sorted(probabilities, reverse=True)
    np.testing.assert_allclose(probabilities, np.sort(theirs)[::-1], rtol=1e-3)
    assert guesses[0][0] == classes.names()[np.argmax(theirs)]
    assert guesses[0][1] > 10 * guesses[99][1]  # they do differ
    assert classify(square, path) == guesses[:5]


def test_a_softmax_of_large_logits_is_finite():
    logits = np.array([1e4, 1e4 - np.log(3), -1e4], np.float32)
    likely = _softmax(logits)
    np.testing.assert_allclose(likely, [0.75, 0.25, 0], atol=1e-3)


# --- The middle square ----------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(SIDE, 400), (427, SIDE), (SIDE, SIDE + 1)])
def test_only_the_central_square_of_a_picture_is_used(height, width, picture):
    part = picture[:height, :width]
    y, x = (height - SIDE) // 2, (width - SIDE) // 2
    seen = middle_square(part)
    np.testing.assert_array_equal(seen[0], part[y : y + SIDE, x : x + SIDE])


@pytest.mark.parametrize("height, width", [(2, 3), (40, 90), (427, 640)])
def test_any_size_becomes_that_of_the_network(height, width, picture):
    seen = middle_square(picture[:height, :width])
    assert seen.shape == (1, SIDE, SIDE, 3) and seen.dtype == np.float32
    assert 0 <= seen.min() < seen.max() <= 1


def test_the_colors_of_transparent_pixels_have_no_effect():
    picture = np.full([60, 100, 4], 0.25, np.float32)
    picture[30:, :, :3] = 0.5
    picture[..., 3] = 1
    seen = []
    for hidden in (0.1, 0.9):
        picture[:, :50] = [hidden, hidden, hidden, 0]
        seen.append(middle_square(picture))
    np.testing.assert_array_equal(*seen)
    assert seen[0].min() > 0.2 and seen[0].max() < 0.55


def test_ink_on_transparency_is_seen_on_white():
    picture = np.zeros([60, 60, 4], np.float32)
    picture[20:40, 20:40, 3] = 1
    with pytest.warns(Notice, match="laid on white"):
        seen = middle_square(picture)
    assert seen[0, 0, 0].min() == 1 and seen[0, 150, 150].max() == 0


# --- Errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("top", [0, 1001, 2.0, True])
def test_top_is_a_number_of_classes(top, photo):
    assert "`top` must be" in refusal(classify, photo, top=top)


def test_weights_are_a_name_or_a_file(photo):
    said = refusal(classify, photo, weights="nowhere.h5")
    assert "there is no file 'nowhere.h5'" in said
