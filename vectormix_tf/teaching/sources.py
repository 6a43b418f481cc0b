"""What can be a teacher, as it is known without TensorFlow."""

import os

from vectormix_tf.errors import InputError

IMAGENET = "imagenet"
FORMATS = (
    "a teacher is imagenet (Keras' EfficientNetB0, a download of 21 MB), a Keras"
    " weights file of EfficientNetB0 (.h5, .keras) or EfficientNet-Lite0 with its"
    " normalization folded in (.npz)."
)
ENDINGS = (".npz", ".h5", ".keras")


def check(teacher: str) -> None:
    """Refuses what is neither a name nor a file of a teacher.

    Raises:
        InputError: If it is none.
    """
    if teacher == IMAGENET:
        return
    if not os.path.isfile(teacher):
        raise InputError(f"`teacher`: there is no file {teacher!r}; {FORMATS}")
    if not teacher.lower().endswith(ENDINGS):
        raise InputError(f"`teacher`: {teacher!r} has another ending; {FORMATS}")
