'''What a file in `cli/commands` must define.

To add a command `vectormix NAME`, add a file `cli/commands/NAME.py`; `main` finds it by
its name. The file defines one constant, for example:

    """`vectormix hello`: prints a greeting."""

    from absl import flags

    from vectormix_tf.cli.command import Command
    from vectormix_tf.cli.messages import print_result

    def _define(values: flags.FlagValues) -> None:
        """Defines the flags of `hello`."""
        flags.DEFINE_string("name", "world", "whom to greet", flag_values=values)

    def _run(values: flags.FlagValues) -> int:
        """Prints the greeting; returns the exit code."""
        print_result(f"hello {values.name}")
        return 0

    COMMAND = Command("machine", "vectormix hello", "Greet someone.", _define, _run)

The help of every command imports these files, so they import TensorFlow only inside
functions, after `job.load_tensorflow()`. An `InputError` that `_run` raises is printed
as one line, and the exit code is 2.
'''

from collections.abc import Callable
from typing import NamedTuple

from absl import flags

# Headings of `vectormix --help`, in their order.
GROUPS = {
    "pictures": "Make a picture:",
    "films": "Make many that follow one another:",
    "batches": "Make many at once:",
    "judgment": "Judge what was made:",
    "network": "Look into the network:",
    "teaching": "Teach a network of your own:",
    "server": "Export and serve a model:",
    "studio": "Run a place for many people:",
    "machine": "Measure this machine:",
}


class Command(NamedTuple):
    """One command of the program.

    Attributes:
        group: The heading under which `vectormix --help` lists it, a key of `GROUPS`.
        usage: A command line, as help shows it.
        purpose: What it does, as help shows it; one sentence or two.
        define: Defines its flags.
        call: (flags with their values) -> exit code.
        pictures: Whether it takes words that belong to no flag, such as paths of
            pictures; `call` then gets them as a second argument.
        more: What its help says below the flags.
    """

    group: str
    usage: str
    purpose: str
    define: Callable[[flags.FlagValues], None]
    call: Callable[..., int]
    pictures: bool = False
    more: str = ""
