"""`--preview`: a file that shows how a run goes, from its first second on.

TensorFlow takes seconds to import, and a run takes its time. The file has a picture
before that, at any moment a whole one, and at the end the result.
"""

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from absl import flags

from vectormix_tf.cli.paths import define_path
from vectormix_tf.errors import InputError, Notice, OutputError
from vectormix_tf.io import images, output
from vectormix_tf.io.progress import Progress
from vectormix_tf.io.results import PictureResult

SECONDS = 2.0  # between two pictures
# Where a picture takes long, they come less often, so that all of them take no more
# than this share of the time.
SHARE = 0.03


def define_preview(values: flags.FlagValues, what: str) -> None:
    """Defines the flag; `what` is what the command makes."""
    define_path(
        "preview",
        None,
        f"also write, at once, a first picture of the {what}, and replace it as the"
        f" {what} goes on: {' '.join(output.FORMATS)}",
        flag_values=values,
    )


class Preview:
    """The file of a run's preview. It has 8 bits per channel, which is enough to see.

    Args:
        path: The file; None writes none.
        taken: Paths of inputs and of other files that are written.
        overwrite: Whether it may exist already.

    Raises:
        InputError: If it cannot be written, or would replace one of these.
    """

    def __init__(self, path: str | None, taken: Sequence[str], overwrite: bool):
        if path is not None:
            output.check_output(path, taken, overwrite, what="preview")
        self._path, self._overwrite = path, overwrite
        self._transparency: np.ndarray | None = None
        self._next = math.inf  # when the picture is to be replaced
        self._replaced = False

    @contextlib.contextmanager
    def begun(self, first: Callable[[], PictureResult | None] | None) -> Iterator[None]:
        """Writes a first picture, and undoes that if the run makes none.

        Args:
            first: Returns it, or None where there is none. What it tells of the
                pictures is not shown, as the run tells it again.
        """
        if self._path is None:
            yield
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            picture = None if first is None else first()
        before = None
        if os.path.exists(self._path):
            with open(self._path, "rb") as file:
                before = file.read()
        if picture is not None:
            self._transparency = picture.transparency
            self._write(picture.image, picture.transparency)
        self._next = time.monotonic() + SECONDS
        try:
            yield
        except BaseException:  # also Ctrl-C while TensorFlow loads
            if picture is not None and not self._replaced:
                with contextlib.suppress(OSError, OutputError):
                    if before is None:
                        os.unlink(self._path)
                    else:
                        output.write_bytes(self._path, before, overwrite=True)
            raise

    def show(self, progress: Progress) -> None:
        """Replaces the picture by the one so far, if it is time for that."""
        begun = time.monotonic()
        if begun < self._next:
            return
        image, clear = progress.preview(), self._transparency
        if clear is not None:  # an octave may be smaller
            clear = images.resize(clear[None], image.shape[:2])
        replaced = self.replace(image, clear)
        now = time.monotonic()
        wait = max(SECONDS, (now - begun) / SHARE)
        self._next = now + wait if replaced else math.inf

    def replace(
        self, image: np.ndarray, transparency: np.ndarray | None = None
    ) -> bool:
        """Replaces the picture at once; tells if that fails, and the run goes on.

        Args:
            image: [H, W, 3] in [0, 1].
            transparency: [H, W, 1] in [0, 1], or None.

        Returns:
            Whether it was replaced.
        """
        if self._path is None:
            return False
        try:
            self._write(image, transparency)
        except (InputError, OutputError) as error:  # too large for WebP; a full disk
            text = f"{error} The preview stays as it was, and the run goes on."
            warnings.warn(text, Notice, stacklevel=3)
            return False
        self._replaced = True
        return True

    def _write(self, image: np.ndarray, transparency: np.ndarray | None) -> None:
        output.write(self._path, image, transparency, overwrite=self._overwrite)
        self._overwrite = True  # from now on it is this run's own
