"""Signals that end a run as Ctrl-C does: what has been made is kept."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

# What service managers, containers and batch systems send; when a terminal is closed;
# Ctrl-Break on Windows. Those that the system does not have are left out.
_NAMES = ("SIGTERM", "SIGHUP", "SIGBREAK")
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class _State:
    """What has happened in this command.

    Attributes:
        received: The first of the signals; None before it.
    """

    received: int | None = None


def exit_code() -> int:
    """Returns the exit code of a command that was interrupted, as shells number it."""
    number = signal.SIGINT if _State.received is None else _State.received
    return 128 + number


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[None]:
    """Makes these signals raise `KeyboardInterrupt`, unless they are ignored.

    Only the first one does: a closed terminal sends several. What is being written then
    is written to its end, see `io.completion`.
    """
    _State.received, before = None, {}
    for number in _NUMBERS:
        # Ignored after `nohup`; another handler is that of a program around this one.
        if signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not in the main thread
                before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _State.received is None:
        _State.received = number
        raise KeyboardInterrupt
