"""Memory: the least of the machine's, the container's and the shell's limits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mistakes import refusal

from vectormix_tf.optim import memory
from vectormix_tf.optim.memory import room

MIB = 2**20
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
RESIDENT = 300 * MIB  # of the process in the tests' file systems
UNLIMITED = 9223372036854771712  # of v1: the largest number of whole pages

MOUNTS = {
    "v2": "30 23 0:26 {top} {point} rw shared:9 - cgroup2 cgroup2 rw,nsdelegate",
    "v1": "35 31 0:32 {top} {point} rw,relatime shared:5 - cgroup cgroup rw,memory",
}
OTHERS = (
    "23 0 8:1 / / rw - ext4 /dev/sda1 rw",
    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
)
GROUPS = {"v2": "0::{path}", "v1": "4:memory:{path}"}
LIMIT = {"v2": "memory.max", "v1": "memory.limit_in_bytes"}
USAGE = {"v2": "memory.current", "v1": "memory.usage_in_bytes"}


class System:
    """The files of a Linux system in a folder."""

    def __init__(self, root):
        self.root = root
        self.write("/proc/meminfo", "MemTotal: 16384000 kB\nMemAvailable: 8192000 kB\n")
        pages = [2 * RESIDENT // PAGE, RESIDENT // PAGE, 10, 1, 0, RESIDENT // PAGE, 0]
        self.write("/proc/self/statm", " ".join(map(str, pages)))

    def write(self, path, text):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    def mount(self, version, path, top="/", point="/sys/fs/cgroup"):
        lines = (*OTHERS, MOUNTS[version].format(top=top, point=point))
        self.write("/proc/self/mountinfo", "\n".join(lines))
        lines = ("9:cpu,cpuacct:/other", GROUPS[version].format(path=path))
        self.write("/proc/self/cgroup", "\n".join(lines))

    def limit(self, version, folder, limit, usage=0, cached=0):
        self.write(f"{folder}/{LIMIT[version]}", limit)
        self.write(f"{folder}/{USAGE[version]}", usage)
        own = f"inactive_file {7 if version == 'v1' else cached}"  # of v1: not below it
        stat = f"anon 5\n{own}\ntotal_inactive_file {cached}\nactive_file 9"
        self.write(f"{folder}/memory.stat", stat)


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 8000 MiB free, whose shell sets no limit."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    return System(tmp_path)


def left(system):
    """MiB that the process can take besides its own."""
    return (room(system.root).free - RESIDENT) / MIB


def test_a_machine_without_limits_gives_what_is_free(system):
    assert left(system) == 8000
    assert room(system.root).where == ""
    assert room(system.root).remedy == "close other programs"


def test_nothing_is_known_where_there_is_no_proc(tmp_path):
    assert room(tmp_path) is None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_container_has_what_its_limit_leaves_and_files_in_its_cache(system, version):
    system.mount(version, "/docker/abc")
    system.limit(version, "/sys/fs/cgroup/docker/abc", 900 * MIB, 700 * MIB, 50 * MIB)
    assert left(system) == 900 - (700 - 50)
    found = room(system.root)
    assert "container or service" in found.where and LIMIT[version] in found.remedy


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_limit_of_a_group_around_the_own_one_counts(system, version):
    system.mount(version, "/slice/job/step")
    none = UNLIMITED if version == "v1" else "max"
    system.limit(version, "/sys/fs/cgroup/slice/job/step", none, 90 * MIB)
    system.limit(version, "/sys/fs/cgroup/slice/job", 4000 * MIB, 100 * MIB)
    system.limit(version, "/sys/fs/cgroup/slice", 2000 * MIB, 500 * MIB)
    assert left(system) == 1500


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(
    "path, top", [("/", "/"), ("/d/abc", "/d/abc"), ("/d/abc", "/"), ("/../b", "/a")]
)
def test_a_container_that_sees_only_its_own_group_finds_its_limit(
    system, version, path, top
):
    """Its group is mounted where others have the topmost one."""
    system.mount(version, path, top)
    system.limit(version, "/sys/fs/cgroup", 600 * MIB, 100 * MIB)
    assert left(system) == 500


def test_a_mount_may_have_a_space_in_its_name(system):
    system.mount("v2", "/a", point=r"/mnt/the\040groups")
    system.limit("v2", "/mnt/the groups/a", 600 * MIB, 100 * MIB)
    assert left(system) == 500


def test_a_limit_that_slows_down_counts_like_one_that_kills(system):
    system.mount("v2", "/a")
    system.limit("v2", "/sys/fs/cgroup/a", "max", 100 * MIB)
    system.write("/sys/fs/cgroup/a/memory.high", 400 * MIB)
    assert left(system) == 300 and "memory.high" in room(system.root).remedy


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_limit_above_the_machine_changes_nothing(system, version):
    system.mount(version, "/a")
    system.limit(version, "/sys/fs/cgroup/a", 99999 * MIB, 100 * MIB)
    assert left(system) == 8000 and room(system.root).where == ""


def test_a_container_above_its_limit_has_what_the_process_holds(system):
    system.mount("v2", "/a")
    system.limit("v2", "/sys/fs/cgroup/a", 100 * MIB, 200 * MIB)
    assert left(system) == 0


def test_another_controller_with_such_a_file_is_none_of_memory(system):
    system.mount("v1", "/a")
    system.limit("v1", "/sys/fs/cgroup/cpu/a", MIB)
    assert left(system) == 8000


def test_a_container_that_hides_the_machine_still_has_its_limit(system):
    (system.root / "proc/meminfo").unlink()
    system.mount("v2", "/")
    system.limit("v2", "/sys/fs/cgroup", 600 * MIB, 100 * MIB)
    assert left(system) == 500


@pytest.mark.parametrize("text", ["", "max", "none 1", "12x", "-"])
def test_a_limit_that_is_no_number_is_none(system, text):
    system.mount("v2", "/a")
    system.limit("v2", "/sys/fs/cgroup/a", text)
    assert left(system) == 8000


@pytest.mark.parametrize("mode, expected", [(0, 8000), (1, 8000), (2, 250)])
def test_a_machine_that_keeps_promises_gives_what_it_may_promise(
    system, mode, expected
):
    kib = MIB // 1024
    lines = f"CommitLimit: {1000 * kib} kB\nCommitted_AS: {750 * kib} kB"
    system.write("/proc/meminfo", f"MemAvailable: {8000 * kib} kB\n{lines}")
    system.write("/proc/sys/vm/overcommit_memory", mode)
    assert left(system) == expected


def test_this_machine_has_less_free_than_it_has():
    if sys.platform == "linux":
        most = PAGE * os.sysconf("SC_PHYS_PAGES")
        assert 10**8 < room().free <= most + 10**8


# --- Real limits of the shell ---------------------------------------------------------

CALL = """
import resource
resource.setrlimit(resource.{name}, ({limit}, {limit}))
from vectormix_tf.optim.memory import room
print(*room(), sep="\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("name, flag", [("RLIMIT_AS", "-v"), ("RLIMIT_DATA", "-d")])
def test_the_limit_of_the_shell_counts(name, flag):
    cores = os.cpu_count()
    limit = 8 * 10**9 + cores * 2 * 10**8
    code = CALL.format(name=name, limit=limit)
    if limit >= room().free:
        pytest.skip("the machine has less memory than the limit")
    found = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, check=True
    )
    free, where, remedy = found.stdout.splitlines()
    assert where == f" under ulimit {flag}" and remedy == "raise that limit"
    unused = memory.ADDRESSES + memory.ADDRESSES_OF_CORE * cores
    expected = limit - unused * (name == "RLIMIT_AS")
    assert int(free) == pytest.approx(expected, abs=2e8)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_run_without_memory_for_tensorflow_is_one_line(tmp_path):
    photo = Path(__file__).parents[2] / "examples/images/content_cat.jpg"
    run = f"ulimit -v 1500000 && {sys.executable} -m vectormix_tf dream"
    run += f" --image={photo} --output={tmp_path}/out.png"
    found = subprocess.run(["bash", "-c", run], text=True, capture_output=True)
    (line,) = found.stderr.splitlines()
    assert found.returncode == 2 and "TensorFlow takes about 0.7 GB" in line
    assert "under ulimit -v; raise that limit." in line
    assert not [*tmp_path.iterdir()]


def test_a_start_with_memory_passes_and_one_without_does_not(monkeypatch):
    for free, passes in ((memory.LEAST, True), (memory.LEAST - 1, False)):
        found = memory.Room(free, " there", "raise it")
        monkeypatch.setattr(memory, "room", lambda found=found: found)
        if passes:
            memory.check_start()
        else:
            assert "are free there; raise it" in refusal(memory.check_start)
    monkeypatch.setattr(memory, "room", lambda: None)
    memory.check_start()
