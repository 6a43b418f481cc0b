"""Processes of Python that run this very package, and talk by lines."""

import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

from vectormix_tf.io.log_file import log_file


class PythonProcess:
    """A new Python process that runs a line of code; a context manager that ends it.

    Its stderr is not shown, because Ctrl-C reaches it too; `failure` returns the last
    line of it.

    Attributes:
        popen: The process, with pipes for text at stdin and stdout.
    """

    def __init__(self, code: str, variables: Mapping[str, str] | None = None):
        """Starts the process.

        Args:
            code: May import this package.
            variables: Of its environment, besides our own.
        """
        root = str(pathlib.Path(__file__).resolve().parents[2])  # of this package
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._errors = log_file()
        self.popen = subprocess.Popen(
            # -P: modules are not searched for in the current folder.
            [sys.executable, "-P", "-c", code],
            env={
                **os.environ,
                **(variables or {}),
                "PYTHONPATH": os.pathsep.join(paths),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            errors="replace",
        )

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.popen.kill()
        self.popen.wait()
        with contextlib.suppress(OSError):  # text in the buffer that nobody reads now
            self.popen.stdin.close()
        self.popen.stdout.close()
        self._errors.close()

    def lines(self) -> Iterator[str]:
        """Yields the lines that it prints, until it ends."""
        return map(str.strip, self.popen.stdout)

    def failure(self) -> str:
        """Waits for its end; returns why it failed, "" if it did not."""
        code = self.popen.wait()
        if code < 0:
            return f"ended by signal {-code}"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        return (last or f"exit code {code}") if code else ""
