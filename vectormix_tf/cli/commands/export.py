"""`vectormix export`: writes a SavedModel that computes mixes and dreams."""

import pathlib
import time

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_settings, given_settings
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.io import target
from vectormix_tf.io.names import printable
from vectormix_tf.io.progress import duration, print_line
from vectormix_tf.tfserving.versions import new_version


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `export`."""
    text = "the folder of the model's versions, which holds nothing else"
    define_path("output", None, text, flag_values=values)
    text = "number of the version; 0 takes the next one"
    flags.DEFINE_integer("version", 0, text, flag_values=values)
    text = "write the requests that a server makes before it serves the first client"
    flags.DEFINE_boolean("warm_up", True, text, flag_values=values)
    define_settings(ExportSettings, values)


def _run(values: flags.FlagValues) -> int:
    """Writes a version of the model; returns the exit code."""
    folder = required_flag(values, "output")
    settings = ExportSettings(**given_settings(ExportSettings, values))
    new_version(folder, values.version)
    target.check_new_folder(folder, f"output `{folder}`")
    load_tensorflow()
    from vectormix_tf.saved_model.export import export

    start = time.monotonic()
    given = {"settings": settings, "warm_up": values.warm_up}
    path = export(folder, values.version, on_status=print_line, **given)
    files = pathlib.Path(path).rglob("*")
    megabytes = sum(each.stat().st_size for each in files if each.is_file()) / 1e6
    seconds = duration(time.monotonic() - start)
    print_result(f"wrote {printable(path)}: {megabytes:.0f} MB in {seconds}")
    return 0


COMMAND = Command(
    "server",
    "vectormix export --output=models/vectormix [flags]",
    "Write a model that computes mixes and dreams with TensorFlow Serving, as a new\n"
    "version in that folder. It needs neither Keras nor this package.",
    _define,
    _run,
)
