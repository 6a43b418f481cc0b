"""`vectormix serve` where nobody reads what it prints."""

import os
import signal
import socket
import subprocess
import time

import pytest
from cli_cases import VECTORMIX, process_options

from vectormix_tf import client

if os.name != "posix":
    pytest.skip("a shell of Windows closes no stream", allow_module_level=True)


def free_ports(count):
    """Ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def is_answering(address):
    """Whether there is a model within a minute."""
    for _ in range(600):
        try:
            with client.connect(address) as server:
                return server.status() == 3
        except client.ServerError:
            time.sleep(0.1)
    return False


@pytest.mark.parametrize("closed", ["", "<&- >&- 2>&-"], ids=["unread", "closed"])
def test_it_serves_until_it_is_asked_to_end(closed, toy_model, root):
    """What it prints goes into a pipe that nobody reads, or nowhere."""
    port, rest_port = free_ports(2)
    flags = [f"--model={toy_model}", f"--port={port}", f"--rest_port={rest_port}"]
    argv = ["sh", "-c", f'exec "$@" {closed}', "sh", *VECTORMIX, "serve", *flags]
    reader, writer = os.pipe()
    os.close(reader)
    options = process_options(root) | {"stdout": writer, "stderr": writer}
    with subprocess.Popen(argv, **options) as process:
        os.close(writer)
        try:
            assert is_answering(f"grpc://127.0.0.1:{port}")
            assert is_answering(f"http://127.0.0.1:{rest_port}")
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
