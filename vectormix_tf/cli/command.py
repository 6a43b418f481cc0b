"""What a command of the command line is."""

from collections.abc import Callable
from typing import NamedTuple

from absl import flags

# Headings of the overview, in their order.
GROUPS = {
    "pictures": "Make a picture:",
    "films": "Make many that follow one another:",
    "network": "Look into the network:",
    "server": "Export and serve a model:",
    "machine": "Measure this machine:",
}


class Command(NamedTuple):
    """One word after `vectormix`: a file of its own in `cli/commands`.

    Attributes:
        group: Where the overview lists it: a key of `GROUPS`.
        usage: How it is called.
        purpose: What it is for, in its help.
        define: Defines its flags.
        call: Runs it; returns the exit code.
        pictures: Whether it takes pictures without a flag; `call` gets their paths.
    """

    group: str
    usage: str
    purpose: str
    define: Callable[[flags.FlagValues], None]
    call: Callable[..., int]
    pictures: bool = False
