"""`vectormix mix`."""

from absl import flags

from vectormix_tf.cli import remote
from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_output,
    define_pictures,
    define_settings,
    files_of,
    mix_inputs,
    read_all,
)
from vectormix_tf.cli.job import (
    Job,
)
from vectormix_tf.config.mix import MixSettings


def _define(values: flags.FlagValues) -> None:
    define_pictures(values)
    define_output(values)
    remote.define_server(values)
    define_settings(MixSettings, values)


def _run(values: flags.FlagValues) -> int:
    if values.server is not None:
        return remote.mix(values)
    pictures, options = mix_inputs(values)
    content, styles = pictures["content"] is not None, len(pictures["style"])
    settings = MixSettings.of(options, content, styles)
    job = Job("mix", values, settings, files_of(pictures, settings))
    read = read_all(pictures, settings)

    def recipe(**options):
        from vectormix_tf.recipes.mix import mix

        return mix(**read, **options)

    return job.run(recipe)


COMMAND = Command(
    "pictures",
    "vectormix mix --content=PHOTO --style=PAINTING --output=MIX.png [flags]",
    "Give the shapes of one picture the texture of another. Without --style it\n"
    "rebuilds the content, without --content it makes a texture.",
    _define,
    _run,
)
