"""The memory that this process may take: the least of all limits that hold for it.

In a container or under a limit of the shell the system's free memory says too much: a
process that takes it is killed.
"""

import contextlib
import ctypes
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from vectormix_tf.errors import InputError

KIB, GIGA = 1024, 1e9
ROOT = Path("/")

# Names of the files of a control group: its limit, its use and, in `memory.stat`, the
# part of that use that is only cached files. The Linux kernel's documentation:
# "Control Group v2", Memory, and "Memory Resource Controller" (v1). A process above
# `memory.high` is not killed but slowed down to a crawl.
GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.high", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
STATM = ("size", "resident", "shared", "text", "lib", "data")  # proc(5)
STRICT = 2  # value of `vm.overcommit_memory`: no more than `CommitLimit` is promised

# Measured with TensorFlow 2.21: bytes of its import and a network.
LEAST = 0.7e9
# Bytes of addresses that it takes without using them as memory, which only `ulimit -v`
# counts: of its libraries, and for each core of stacks and of glibc's arenas.
ADDRESSES, ADDRESSES_OF_CORE = 1.35e9, 0.15e9


class Room(NamedTuple):
    """How much memory there is, and why no more.

    Attributes:
        free: Bytes that this process can use, including those it uses.
        where: What limits it, as words after "are free"; "" for the machine.
        remedy: What the user can do to get more.
    """

    free: int
    where: str
    remedy: str


def room(root: Path = ROOT) -> Room | None:
    """Returns the least of all limits; None if none is known, as outside Linux.

    Args:
        root: Where `proc` and the mounted file systems are.
    """
    pages = _numbers(root / "proc/self/statm")
    used = {
        name: count * os.sysconf("SC_PAGE_SIZE")
        for name, count in zip(STATM, pages, strict=False)
    }
    rooms = [*_of_machine(root), *_of_groups(root), *_of_process(used)]
    if not rooms:
        return None
    least = min(rooms)
    return least._replace(free=max(0, least.free) + used.get("resident", 0))


def check_start() -> None:
    """Checks, before TensorFlow is imported, that there is memory for it.

    Without it the import ends in a traceback or the process dies.

    Raises:
        InputError: If there is less.
    """
    limit = room()
    if limit is not None and limit.free < LEAST:
        raise InputError(
            f"TensorFlow takes about {LEAST / GIGA:.1f} GB of memory, and"
            f" {limit.free / GIGA:.1f} GB are free{limit.where}; {limit.remedy}."
        )


def release() -> None:
    """Gives memory that was freed back to the system, where the C library can do so.

    glibc keeps what was allocated in pieces of less than 32 MB, and TensorFlow's steps
    at a size of 1024 pixels leave half a gigabyte of them (malloc_trim(3)).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _of_machine(root: Path) -> Iterator[Room]:
    """Free memory, and what may be promised where promises must be kept."""
    lines = re.findall(r"(\w+): +(\d+) kB", _text(root / "proc/meminfo"))
    info = {name: int(count) * KIB for name, count in lines}
    remedy = "close other programs"
    if "MemAvailable" in info:
        yield Room(info["MemAvailable"], "", remedy)
    if _numbers(root / "proc/sys/vm/overcommit_memory") == [STRICT]:
        left = info["CommitLimit"] - info["Committed_AS"]
        yield Room(left, " under vm.overcommit_memory=2", remedy)


def _of_groups(root: Path) -> Iterator[Room]:
    """What the control groups that hold this process leave."""
    for folder in _group_folders(root):
        for limit, usage, cached in GROUP_FILES:
            limits, usages = _numbers(folder / limit), _numbers(folder / usage)
            if limits and usages:  # a limit may be "max", and the topmost has no files
                stat = re.findall(
                    rf"(?m)^{cached} (\d+)", _text(folder / "memory.stat")
                )
                left = limits[0] - usages[0] + sum(map(int, stat))
                where = " under the memory limit of this container or service"
                yield Room(left, where, f"raise that limit (cgroup {limit})")


def _of_process(used: Mapping[str, int]) -> Iterator[Room]:
    """What the limits of the shell leave."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if not used:  # the limits are there, but what counts towards them is not known
        return
    resident, remedy = used["resident"], "raise that limit"
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        unused = ADDRESSES + ADDRESSES_OF_CORE * (os.cpu_count() or 1)
        unused = max(unused, used["size"] - resident)
        yield Room(soft - round(unused) - resident, " under ulimit -v", remedy)
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        yield Room(soft - used["data"], " under ulimit -d", remedy)


def _group_folders(root: Path) -> Iterator[Path]:
    """The folders of this process's control groups and of those that contain them."""
    own = {}  # {file system: path of the group in it}
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            own["cgroup2"] = path
        elif "memory" in controllers.split(","):
            own["cgroup"] = path
    for line in _text(root / "proc/self/mountinfo").splitlines():
        mount, _, system = line.partition(" - ")  # proc_pid_mountinfo(5)
        kind, _, options = system.split(" ", 2)
        if kind in own and (kind == "cgroup2" or "memory" in options.split(",")):
            top, point = map(_unescaped, mount.split(" ")[3:5])
            mounted = root / point.lstrip("/")
            folder = mounted / _inside(own[kind], top)
            yield folder
            yield from (
                each for each in folder.parents if mounted in (each, *each.parents)
            )


def _inside(path: str, top: str) -> str:
    """The path of a group below the group that is mounted; "" if it is not below it."""
    with contextlib.suppress(ValueError):
        inner = Path(path).relative_to(top)
        return "" if ".." in inner.parts else str(inner)
    return ""


def _unescaped(path: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _text(path: Path) -> str:
    """The content of a file; "" if there is none or it must not be read."""
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace")
    return ""


def _numbers(path: Path) -> list[int]:
    """The numbers in a file; [] if it has other words."""
    with contextlib.suppress(ValueError):
        return [int(word) for word in _text(path).split()]
    return []
