"""Logs as lines of JSON, without pictures, addresses of people, names or keys.

A request is told by the template of its route: the address that was asked for may name
a person or hold the token of a link. Of an error that no one expected, the type and the
places are told: its text may quote what a person typed.
"""

import datetime
import json
import logging
import sys
import traceback
from typing import TextIO

WEB = "vectormix.studio.web"


class Lines(logging.Formatter):
    """Makes a line of JSON of each record; `extra={"facts": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        told = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "text": record.getMessage(),
        }
        told |= getattr(record, "facts", {})
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = places_of(record.exc_info[1])
        return json.dumps(told, ensure_ascii=False)


def places_of(error: BaseException) -> list[str]:
    """Type of an error and where it went through, the innermost place last."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{each.filename}:{each.lineno} {each.name}" for each in frames]
    cause = error.__cause__ or error.__context__
    before = [] if cause is None else places_of(cause)
    return [*before, type(error).__name__, *places]


def install(stream: TextIO | None = None) -> None:
    """Makes lines of JSON of all that this process logs.

    Args:
        stream: Where they go; None for the error output.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("vectormix").setLevel(logging.INFO)
