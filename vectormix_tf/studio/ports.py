"""Ports at which processes of a studio listen."""

import socket
import sys

from vectormix_tf.errors import InputError

BACKLOG = 2048  # connections that wait to be accepted


def listen(host: str, port: int, shared: bool = False) -> socket.socket:
    """Listens at a port.

    Args:
        host: Address or name of this machine.
        port: Number; 0 for any that is free.
        shared: Whether others may listen there, too, if they share it as well; the
            kernel spreads connections over all.

    Raises:
        InputError: If it is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    options = {"family": family, "backlog": BACKLOG, "reuse_port": shared}
    try:
        return socket.create_server((host, port), **options)
    except OSError as error:
        raise InputError(
            f"cannot listen at {host} port {port}: {error.strerror or error}; choose"
            " another `port`."
        ) from error


def free_port() -> int:
    """A port of this machine at which nobody listens now."""
    with listen("127.0.0.1", 0) as free:
        return free.getsockname()[1]


def check_can_share() -> None:
    """Refuses to share a port where connections would all go to one process."""
    if sys.platform != "linux":
        text = "only Linux spreads people over several web processes; start one."
        raise InputError(text)
