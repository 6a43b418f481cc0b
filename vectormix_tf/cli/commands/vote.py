"""`vectormix vote`: holds blind votes between two ways of mixing, and counts them."""

import os
import shlex
from collections.abc import Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_output_path, define_setting
from vectormix_tf.cli.job import required_flag
from vectormix_tf.cli.messages import print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_PIXELS, MAX_SEED
from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.evaluation import ballot, votes
from vectormix_tf.io.names import printable


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `vote`."""
    define_path(
        "rows",
        None,
        f"a text file with a row for each sheet, separated by tabs:"
        f" {', '.join(ballot.COLUMNS)}; paths are relative to it",
        flag_values=values,
    )
    define_output_path(values, "the folder to write, which voters get")
    flags.DEFINE_integer(
        "seed", 0, "another one draws other sides and another order", flag_values=values
    )
    define_path(
        "count", None, "the folder of a ballot whose votes to count", flag_values=values
    )
    define_setting(MixSettings, "max_pixels", values, MAX_PIXELS)


def _run(values: flags.FlagValues, paths: Sequence[str]) -> int:
    """Writes a ballot, or counts the votes in files; returns the exit code."""
    if values.count is not None:
        return _count(values, paths)
    if paths:
        raise InputError(f"unexpected `{paths[0]}`; files of votes need `count`.")
    if not values.rows:
        raise InputError("`rows` or `count` is missing: make a ballot, or count votes.")
    folder = os.path.normpath(required_flag(values, "output"))
    check_integer("seed", values.seed, 0, MAX_SEED)
    pairs = ballot.read_rows(values.rows)
    ballot.check(folder, pairs, values.rows, values.overwrite)
    drawn = ballot.draw(pairs, values.seed)
    ballot.write(folder, drawn, values.overwrite, values.max_pixels)
    print_result(_instructions(folder, len(pairs)))
    return 0


def _count(values: flags.FlagValues, paths: Sequence[str]) -> int:
    """Prints who won how often; returns the exit code."""
    for name in ("rows", "output"):
        if values[name].present:
            raise InputError(f"`count` only prints; leave `{name}` out.")
    if not paths:
        raise InputError("which votes? vectormix vote --count=FOLDER VOTES.txt ...")
    key = votes.read_key(required_flag(values, "count"))
    for tally in votes.count(key, votes.read_all(paths, key)):
        (one, other), (wins, losses) = tally.names, tally.wins
        agreement = (
            f"voters disagreed on {tally.disputed} of {tally.shared} sheets"
            if tally.shared
            else "no sheet has the votes of two voters"
        )
        line = f"{printable(one)} {wins} : {losses} {printable(other)}; {agreement}"
        print_result(line)
    return 0


def _instructions(folder: str, sheets: int) -> str:
    """Returns what to do with a ballot."""
    count = shlex.quote(f"--count={folder}")
    return "\n".join(
        [
            f"wrote {sheets} sheets and {ballot.PAGE} to {printable(folder)}, and the"
            f" key beside it, which voters must not see.",
            f"Hand the folder to two voters or more: each opens {ballot.PAGE}, and"
            " sends back votes.txt.",
            f"Then: vectormix vote {printable(count)} VOTES.txt ...",
        ]
    )


COMMAND = Command(
    "judgment",
    "vectormix vote --rows=ROWS.tsv --output=FOLDER [flags]\n"
    "  vectormix vote --count=FOLDER VOTES.txt ...",
    "Hold a blind vote between two ways of mixing: sheets on which their sides are\n"
    "drawn by lot, with a page for voters; and count the votes.",
    _define,
    _run,
    pictures=True,
)
