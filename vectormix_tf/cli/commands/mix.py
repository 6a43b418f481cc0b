"""`vectormix mix`: gives the shapes of one picture the texture of another."""

from absl import flags

from vectormix_tf.cli import remote
from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_mix_pictures,
    define_run_output,
    define_settings,
    input_files,
    mix_inputs,
    read_pictures,
)
from vectormix_tf.cli.job import Job
from vectormix_tf.cli.preview import define_preview
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.filters.preview import preview


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `mix`."""
    define_mix_pictures(values)
    define_run_output(values)
    define_preview(values, "mix")
    remote.define_server(values)
    define_settings(MixSettings, values)


def _run(values: flags.FlagValues) -> int:
    """Makes a mix, here or on a server; returns the exit code."""
    if values.server is not None:
        return remote.mix(values)
    pictures, options = mix_inputs(values)
    content, styles = pictures["content"] is not None, len(pictures["style"])
    settings = MixSettings.of(options, content, styles)
    job = Job("mix", values, settings, input_files(pictures, settings))
    read = read_pictures(pictures, settings)

    def recipe(**options):
        from vectormix_tf.recipes.mix import mix

        return mix(**read, **options)

    seen = {name: read[name] for name in ("content", "style", "mask", "style_mask")}
    return job.run(recipe, lambda: preview(**seen, settings=settings))


COMMAND = Command(
    "pictures",
    "vectormix mix --content=PHOTO --style=PAINTING --output=MIX.png [flags]",
    "Give the shapes of one picture the texture of another. Without --style it\n"
    "rebuilds the content, without --content it makes a texture.",
    _define,
    _run,
)
