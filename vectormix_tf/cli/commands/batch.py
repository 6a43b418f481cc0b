"""`vectormix batch`: makes many pictures and films, on one machine or on a cluster."""

import collections
import contextlib
import sys

from absl import flags

from vectormix_tf.batches import items as batch_items
from vectormix_tf.batches import storage
from vectormix_tf.batches.run import MOST_WORKERS, REPORT, batch
from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_settings, given_settings
from vectormix_tf.cli.job import check_backend, required_flag
from vectormix_tf.cli.messages import exit_code, print_result
from vectormix_tf.cli.paths import define_path, define_paths
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import output

SOME_FAILED = 1  # exit code
STATES = ("made", "found", "failed")


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `batch`."""
    define_path(
        "items",
        None,
        "a file with a JSON object in each line: command (mix, dream or film), its"
        " flags by name, and output, a file name",
        flag_values=values,
    )
    define_paths(
        "contents", "in place of --items: pictures to mix, such as 'a/*.jpg'", values
    )
    define_paths(
        "styles", "the paintings that each of these is mixed with, 'b/*.jpg'", values
    )
    define_path("output", None, "a folder, or s3://BUCKET/PREFIX", flag_values=values)
    flags.DEFINE_string(
        "format",
        "png",
        f"of the mixes of --contents: {' '.join(e[1:] for e in output.FORMATS)}",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "workers",
        1,
        "how many items are made at the same time: processes that share the cores, or"
        " with --ray actors of one core each, 0 for as many as there are cores",
        lower_bound=0,
        upper_bound=MOST_WORKERS,
        flag_values=values,
    )
    flags.DEFINE_string(
        "ray",
        None,
        "make the workers Ray actors: local, or the address of a cluster whose nodes"
        " reach the inputs and --output",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_failures",
        None,
        "end when more items than this have failed; by default no number is too many",
        lower_bound=0,
        flag_values=values,
    )
    define_settings(MixSettings, values)


def _run(values: flags.FlagValues) -> int:
    """Makes the items that are not there; returns the exit code."""
    found = _items(values)
    address = required_flag(values, "output")
    check_backend()
    counts: collections.Counter[str] = collections.Counter()
    results = batch(
        found,
        address,
        workers=values.workers,
        ray=values.ray,
        max_failures=values.max_failures,
        cores=values.threads,
    )
    finished = True
    # On stdout Ray says what it thinks of a node that is lost.
    with contextlib.closing(results), contextlib.redirect_stdout(sys.stderr):
        try:
            counts.update(result.state for result in results)
        except KeyboardInterrupt:
            finished = False
    told = [f"{counts[state]} {state}" for state in STATES]
    left = len(found) - counts.total()
    told += [f"{left} left"] * bool(left)
    print_result(f"{', '.join(told)}: {storage.Storage(address).where(REPORT)}")
    code = exit_code(finished, f"the same command goes on in {address}")
    return code or (SOME_FAILED if counts["failed"] else 0)


def _items(values: flags.FlagValues) -> list:
    """Returns the records of all items."""
    if values.items is not None:
        others = ["contents", "styles", "format", *given_settings(MixSettings, values)]
        for flag in others:
            if values[flag].present:
                raise InputError(
                    f"--{flag} goes with --contents and not with --items, whose lines"
                    " have flags of their own; leave one out."
                )
        return batch_items.read_lines(values.items)
    if not values.contents:
        raise InputError("--items or --contents is missing: what is to be made.")
    if not values.styles:
        raise InputError("--styles is missing: what --contents are mixed with.")
    contents, styles = (
        [path for pattern in patterns for path in storage.find(pattern)]
        for patterns in (values.contents, values.styles)
    )
    options = given_settings(MixSettings, values)
    MixSettings.of(options, True, 1)
    output.check_output(f"mix.{values.format}", overwrite=True)
    return batch_items.pairs(contents, styles, options, f".{values.format}")


COMMAND = Command(
    "batches",
    "vectormix batch --contents='a/*.jpg' --styles='b/*.jpg' --output=FOLDER [flags]",
    "Make many pictures and films, several at a time, on one machine or a cluster.\n"
    "The same command goes on where it stopped.",
    _define,
    _run,
)
