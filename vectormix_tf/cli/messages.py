"""What a command prints: results on stdout, messages for the user on stderr."""

import contextlib
import errno
import os
import sys

from vectormix_tf.cli import signals
from vectormix_tf.errors import OutputError
from vectormix_tf.io.names import printable, readable


def hold_standard_streams() -> None:
    """Opens the null device where stdin, stdout or stderr is closed (`>&-`).

    Otherwise the next file that is opened, such as the output, gets the number of the
    stream, and what a library in C logs is written into it. Python's own `sys.stdout`
    stays None.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if null != number:
                os.dup2(null, number)
                os.close(null)


def print_result(text: str) -> None:
    """Prints lines on stdout; characters that the console does not have are escaped.

    If nobody reads them any more (`vectormix layers | head`), the command goes on.

    Raises:
        OutputError: If they cannot be written, e.g. to a file on a full disk.
    """
    if sys.stdout is None:  # closed
        return
    encoding = sys.stdout.encoding or "utf-8"
    text = readable(text).encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(text, flush=True)
    except OSError as error:
        # Windows calls a pipe without a reader an invalid argument.
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            reason = error.strerror or error
            raise OutputError(f"could not write to stdout: {reason}.") from error


def print_message(text: str) -> None:
    """Prints one line for the user on stderr, if there is anything to print it on."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):  # a closed pipe or terminal
            print(f"vectormix: {printable(text)}", file=sys.stderr, flush=True)


def settle() -> None:
    """Lets Python end without complaint where nobody takes what was printed.

    At its end it writes what is left, and a failure replaces the exit code by 120.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def exit_code(finished: bool, otherwise: str) -> int:
    """Returns the exit code of a run.

    Args:
        finished: Whether it was not interrupted.
        otherwise: The message if it was: what is written so far.
    """
    if finished:
        return 0
    print_message(f"interrupted; {otherwise}")
    return signals.exit_code()
