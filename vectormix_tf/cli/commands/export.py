"""`vectormix export`."""

import dataclasses
import pathlib
import time

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_settings, given
from vectormix_tf.cli.job import load, required
from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.config.settings import build
from vectormix_tf.io.progress import duration, print_line
from vectormix_tf.tfserving.versions import new_version

HELP = {
    "precision": "what the network computes in: float32 or bfloat16, which some"
    " processors do faster",
    "canvas": "how a mix is stored while it is optimized: fourier or pixels",
    "amplify": "layers or channels that mixes dream of at the same time",
    "layers": "what dreams amplify, name[:weight],...; by default"
    f" {BACKBONES[DEFAULT].dream} ({DEFAULT})",
    "max_size": "long side of the largest result in pixels; who asks for more gets it",
    "max_steps": "most steps of an octave; likewise",
    "max_pixels": "of a picture that is sent; a larger one is refused",
    "max_bytes": "likewise, of its file",
}


def _define(values: flags.FlagValues) -> None:
    """The flags of `export`."""
    string, integer = flags.DEFINE_string, flags.DEFINE_integer
    text = "the folder of the model's versions, which holds nothing else"
    string("output", None, text, flag_values=values)
    text = "number of the version; 0 takes the next one"
    integer("version", 0, text, flag_values=values)
    define_settings(ExportSettings, values, texts=HELP)


def _run(values: flags.FlagValues) -> int:
    """Writes a model; returns the exit code."""
    folder = required(values, "output")
    settings = build(ExportSettings, given(ExportSettings, values))
    version = new_version(folder, values.version)
    load()
    from vectormix_tf.saved_model.export import export as saved_model_export

    begun = time.monotonic()
    chosen = dataclasses.asdict(settings)
    path = saved_model_export(folder, version, tell=print_line, **chosen)
    files = pathlib.Path(path).rglob("*")
    megabytes = sum(each.stat().st_size for each in files if each.is_file()) / 1e6
    seconds = duration(time.monotonic() - begun)
    print(f"wrote {path}: {megabytes:.0f} MB in {seconds}", flush=True)
    return 0


COMMAND = Command(
    "server",
    "vectormix export --output=models/vectormix [flags]",
    "Write a model that makes mixes and dreams with TensorFlow Serving, as a new\n"
    "version in that folder. It needs neither Keras nor this package.",
    _define,
    _run,
)
