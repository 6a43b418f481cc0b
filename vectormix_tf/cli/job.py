"""What commands share when they run: a job that writes one picture, and TensorFlow.

Every file is checked before any work, and TensorFlow, whose import takes seconds, is
imported after that.
"""

import contextlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

from vectormix_tf.cli.flags import check_kept
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.cli.preview import Preview
from vectormix_tf.config.backbones import KERAS_BACKEND, check_keras
from vectormix_tf.config.settings import MAX_STEPS
from vectormix_tf.errors import InputError, NotFiniteError, check_integer
from vectormix_tf.io import output, plots, threads
from vectormix_tf.io.completion import complete
from vectormix_tf.io.log_file import log_file
from vectormix_tf.io.manifest import manifest


class Job:
    """A run that writes one picture, and the files that its flags name beside it.

    Args:
        command: Name of the command, which the manifest records.
        values: Its flags.
        settings: Settings of the recipe; None on a server, which has its own.
        inputs: Paths of all files that it reads.

    Raises:
        InputError: If a file cannot be written, or would replace an input or another
            output.
    """

    def __init__(self, command: str, values, settings, inputs: Sequence[str]):
        self.command, self.settings, self.inputs = command, settings, inputs
        self.output = required_flag(values, "output")
        self.overwrite, self.depth = values.overwrite, values.depth
        self.manifest, self.every = values.manifest, values.save_every
        self.checkpoint, self.resume = values.checkpoint, values.resume
        self.plot = values.plot
        self.server = values["server"].value if "server" in values else None
        check_integer("save_every", self.every, 0, MAX_STEPS)
        if self.manifest is not None:
            check_kept(inputs, "`manifest`")
        output.check_output(self.output, inputs, self.overwrite, self.depth)
        if self.plot is not None:
            plots.check_plot(self.plot)
            if getattr(settings, "steps", None) == 0:
                raise InputError("with `steps` 0 there is no `plot`; leave it out.")
        taken = [*inputs, self.output]
        for what, path, replaced in (
            ("manifest", self.manifest, self.overwrite),
            ("plot", self.plot, self.overwrite),
            # A run that goes on replaces its own checkpoint.
            ("checkpoint", self.checkpoint, self.overwrite or self.resume),
        ):
            if path is not None:
                output.check_path(path, taken, replaced, what=what)
                taken.append(path)
        path = values["preview"].value if "preview" in values else None
        self.preview = Preview(path, taken, self.overwrite)
        taken += [] if path is None else [path]
        self._check_steps(taken)

    def run(self, recipe: Callable, first: Callable | None = None) -> int:
        """Runs a recipe on this machine and writes its result; returns the exit code.

        Args:
            recipe: (settings, checkpoint, resume, on_progress, pause_every) ->
                `PictureResult`, all by keyword.
            first: As of `write`.
        """
        check_backend()

        def loaded(**options):
            load_tensorflow()
            return recipe(
                settings=self.settings,
                checkpoint=self.checkpoint,
                resume=self.resume,
                **options,
            )

        return self.write(loaded, first)

    def write(self, recipe: Callable, first: Callable | None = None) -> int:
        """Calls a recipe and writes its result; returns the exit code.

        Args:
            recipe: (on_progress, pause_every) -> `PictureResult`, both by keyword.
            first: () -> `PictureResult` that `--preview` begins with; None where a
                command has no such flag.
        """
        from vectormix_tf.io.progress import ProgressBar

        stopped = None
        with self.preview.begun(first), contextlib.closing(ProgressBar()) as bar:

            def show(progress):
                bar(progress)
                if progress.step == 0:  # that is the picture of `first`
                    return
                self.preview.show(progress)
                if self.every and progress.step % self.every == 0:
                    path = self._step_path(progress.octave, progress.step)
                    preview = progress.preview()
                    output.write(path, preview, None, self.depth, self.overwrite)

            try:
                result = recipe(on_progress=show, pause_every=self.every)
            except NotFiniteError as error:
                if error.result is None:
                    raise
                result, stopped = error.result, error
        complete(self._save, result)
        if stopped is not None:
            text = f"{stopped} The picture before it is in {self.output}."
            raise NotFiniteError(text) from stopped
        return exit_code(result.finished, f"wrote the picture so far to {self.output}")

    def _save(self, result: Any) -> None:
        """Writes a `PictureResult`, and the files that are made of it."""
        result.save(self.output, self.depth, self.overwrite)
        if self.manifest is not None:
            record = manifest(self.command, result, self.inputs, self.server)
            output.write_bytes(self.manifest, record, self.overwrite)
        if self.plot is not None:
            plot = plots.encode(result, os.path.splitext(self.plot)[1])
            output.write_bytes(self.plot, plot, self.overwrite)
        self.preview.replace(result.image, result.transparency)

    def _step_path(self, octave: int, step: int) -> str:
        stem, ending = os.path.splitext(self.output)
        return f"{stem}-{octave}-{step}{ending}"

    def _check_steps(self, taken: Sequence[str]) -> None:
        """Checks that `--save_every` can write its files, and that there are none.

        Args:
            taken: Paths of all other files.
        """
        if not self.every:
            return
        longest = self._step_path(MAX_STEPS, MAX_STEPS)
        output.check_file(longest, overwrite=True)
        folder, name = os.path.split(self._step_path(0, 0))
        stem, ending = os.path.splitext(name)
        # Some systems take A for a, and store an accent apart from its letter.
        pattern = re.compile(
            re.escape(_composed(stem[: -len("0-0")]))
            + r"\d+-\d+"
            + re.escape(_composed(ending)),
            re.IGNORECASE,
        )
        names = map(os.path.basename, taken)
        if any(pattern.fullmatch(_composed(each)) for each in names):
            raise InputError(
                f"--save_every writes files like {name}, and an input, the manifest,"
                " the plot, the checkpoint or the preview is called so; choose another"
                " --output."
            )
        for file in sorted(os.listdir(folder or os.curdir)):
            if pattern.fullmatch(_composed(file)) and not self.overwrite:
                raise InputError(
                    f"--save_every would write files like {file}, which exists; choose"
                    " another --output or add --overwrite."
                )


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def load_tensorflow() -> None:
    """Imports TensorFlow and Keras without their log lines."""
    check_backend()
    with quiet_imports():
        import vectormix_tf.recipes.run  # noqa: F401


def set_threads(count: int) -> None:
    """Limits TensorFlow to a number of cores; 0 is all. Call it before its import."""
    os.environ.update(threads.variables(count))


def check_backend() -> None:
    """Raises an `InputError` if Keras is set to run on another backend."""
    check_keras(os.environ.get("KERAS_BACKEND", KERAS_BACKEND))


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Keeps TensorFlow's C++ log lines off the screen, unless the import fails.

    `TF_CPP_MIN_LOG_LEVEL` silences what is logged later, but not what is logged before
    the library has set up its log.

    Raises:
        InputError: If there is too little memory for TensorFlow.
    """
    from vectormix_tf.optim.memory import check_start

    check_start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        screen = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with log_file() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        except ImportError:
            log.seek(0)
            os.write(screen, log.read())
            raise
        finally:
            os.dup2(screen, 2)
            os.close(screen)


def required_flag(values: flags.FlagValues, name: str) -> str:
    """Returns the value of a flag; without one it raises an `InputError`."""
    if not values[name].value:
        raise InputError(f"--{name} is missing: {values[name].help}.")
    return values[name].value
