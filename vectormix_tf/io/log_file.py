"""Files for what is shown only if something fails."""

import os
import tempfile
from typing import BinaryIO


def log_file() -> BinaryIO:
    """Returns an empty file that vanishes when it is closed.

    It is the null device where no folder takes temporary files, as on a system that is
    read-only but for the folder of the output.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")
