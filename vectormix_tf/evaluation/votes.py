"""Votes on a ballot: reads and counts them."""

import itertools
import json
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.evaluation.ballot import FORMAT, LEFT, RIGHT, key_path, read_text
from vectormix_tf.io import target

# A vote as the page writes it; the words after it are the reason.
_VOTE = re.compile(r"\s*([0-9]{1,9})\s+(\w+)\b.*")
_MARK = re.compile(r"\s*#\s*ballot\s+(\w+)\s*")  # which ballot the votes are on

Votes = dict[int, str]  # number of a sheet -> LEFT or RIGHT


class Key(NamedTuple):
    """Which way of mixing is on which side.

    Attributes:
        ballot: Mark of the ballot.
        sheets: `{number: {LEFT: name, RIGHT: name}}`.
    """

    ballot: str
    sheets: dict[int, dict[str, str]]


class Tally(NamedTuple):
    """Votes between two ways of mixing.

    Attributes:
        names: Of the two.
        wins: Votes for each of them.
        shared: On how many sheets there are two votes or more.
        disputed: On how many of these the voters disagreed.
    """

    names: tuple[str, str]
    wins: tuple[int, int]
    shared: int
    disputed: int


def read_key(folder: str) -> Key:
    """Reads the key of a ballot, which lies beside its folder.

    Raises:
        InputError: If there is none.
    """
    path = key_path(folder)
    text = read_text(path, "the key of the ballot")
    try:
        record = json.loads(text)
        if record["format"] != FORMAT:
            raise ValueError
        sheets = {
            int(number): {side: str(names[side]) for side in (LEFT, RIGHT)}
            for number, names in record["sheets"].items()
        }
        return Key(str(record["ballot"]), sheets)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"`{path}` is no key of this version; make the ballot again."
        ) from error


def read_votes(path: str, key: Key) -> Votes:
    """Reads the votes of one voter: lines such as `01 LEFT livelier strokes`.

    Raises:
        InputError: If a line is no vote on a sheet of the ballot, or there is none.

    Warns:
        Notice: If a sheet has no vote.
    """
    votes, lines = {}, {}
    for number, line in enumerate(read_text(path, "file").splitlines(), start=1):
        label, mark = f"`{path}`, line {number}", _MARK.fullmatch(line)
        if mark and mark[1] != key.ballot:
            raise InputError(f"{label}: these are votes on another ballot.")
        if mark or not line.strip():
            continue
        sheet, side = _parse_vote(line, key, label)
        if sheet in votes:
            raise InputError(
                f"{label}: a second vote on sheet {sheet:02}, after line"
                f" {lines[sheet]}; leave one out."
            )
        votes[sheet], lines[sheet] = side, number
    if not votes:
        raise InputError(f"`{path}` has no vote; each is a line such as 01 {LEFT}.")
    missing = [f"{sheet:02}" for sheet in key.sheets if sheet not in votes]
    if missing:
        text = f"`{path}` has no vote on {', '.join(missing)}."
        warnings.warn(text, Notice, stacklevel=2)
    return votes


def _parse_vote(line: str, key: Key, label: str) -> tuple[int, str]:
    match = _VOTE.fullmatch(line)
    if match is None:
        raise InputError(
            f"{label} is no vote: {line.strip():.40}; write the number of a sheet,"
            f" {LEFT} or {RIGHT}, and a reason."
        )
    sheet, side = int(match[1]), match[2].upper()
    if sheet not in key.sheets:
        count = len(key.sheets)
        raise InputError(
            f"{label}: there is no sheet {sheet:02}; they are 01 to {count:02}."
        )
    if side not in (LEFT, RIGHT):
        raise InputError(
            f"{label}: {match[2]:.40} is neither {LEFT} nor {RIGHT}; write one of them."
        )
    return sheet, side


def read_all(paths: Sequence[str], key: Key) -> list[Votes]:
    """Reads the files of all voters, see `read_votes`.

    Raises:
        InputError: If one is given twice.
    """
    for one, other in itertools.combinations(paths, 2):
        if target.is_same_file(one, other):
            raise InputError(f"`{other}` is given twice; give each voter's file once.")
    return [read_votes(path, key) for path in paths]


def count(key: Key, voters: Sequence[Votes]) -> list[Tally]:
    """Counts votes, for each two ways that were on one sheet, sorted by their names."""
    rivals = {number: tuple(sorted(n.values())) for number, n in key.sheets.items()}
    tallies = []
    for names in sorted(set(rivals.values())):
        wins, shared, disputed = Counter(), 0, 0
        for sheet in (number for number, pair in rivals.items() if pair == names):
            given = Counter(
                key.sheets[sheet][votes[sheet]] for votes in voters if sheet in votes
            )
            wins += given
            shared += given.total() > 1
            disputed += len(given) > 1
        one, other = names
        tallies.append(Tally((one, other), (wins[one], wins[other]), shared, disputed))
    return tallies
