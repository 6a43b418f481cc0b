"""The studio on one machine: what is started, what ends, and what is refused."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from vectormix_tf.errors import InputError
from vectormix_tf.studio import children, ports, supervisor
from vectormix_tf.studio.children import Child, command
from vectormix_tf.studio.supervisor import Place, supervise
from vectormix_tf.studio.web.options import Options

NOWHERE = "--server=grpc://127.0.0.1:9"  # so that no model server is started
SECONDS = 90  # for processes to start on a busy machine


def parts():
    """{part: [(process id, words)]} of the processes of all studios."""

    def words_of(pid):
        with contextlib.suppress(OSError):
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return []

    found = {}
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        words = words_of(pid)
        if b"vectormix" in words and b"studio" in words:
            part = words[words.index(b"studio") + 1].decode()
            found.setdefault(part, []).append((int(pid), words))
    return found


def pids_of(data, part):
    """Process ids of a part of a studio."""
    mine = str(data).encode()
    each = parts().get(part, [])
    return [pid for pid, words in each if any(mine in word for word in words)]


def children_of(data):
    """{part: process id} of the processes of a studio."""
    return {part: pid for part in ("web", "worker") for pid in pids_of(data, part)}


def wait_until(holds, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)
    return found


@pytest.fixture
def studio(tmp_path):
    """Starts a studio without a model server; all of it is gone afterwards."""
    made = []
    data = tmp_path / "data"

    def start(*flags):
        words = [
            "studio",
            f"--data={data}",
            f"--port={ports.free_port()}",
            NOWHERE,
            *flags,
        ]
        log = open(tmp_path / "log", "wb")  # noqa: SIM115
        with log:
            process = subprocess.Popen(command(words), stderr=log, cwd=tmp_path)
        made.append(process)
        wait_until(lambda: "administrator" in (tmp_path / "log").read_text())
        return process

    yield data, start, lambda: (tmp_path / "log").read_text()
    for process in made:
        process.kill()
        process.wait()


linux = pytest.mark.skipif(not os.path.exists("/proc"), reason="needs /proc")


@linux
def test_processes_come_back_when_they_die_and_go_when_they_are_told(studio):
    data, start, log = studio
    process = start()
    assert "the studio is at http://127.0.0.1:" in log()
    assert log().count("/signup?link=") == 1
    assert data.stat().st_mode & 0o777 == 0o700
    before = wait_until(lambda: both(data))
    os.kill(before["worker"], signal.SIGKILL)
    after = wait_until(lambda: both(data, before["worker"]))
    assert after["web"] == before["web"]
    assert "worker ended (-9); again in 1 s" in log()
    second = subprocess.run(
        command(["studio", f"--data={data}", NOWHERE]), capture_output=True, text=True
    )
    assert second.returncode == 2
    assert f"process {process.pid}" in second.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert children_of(data) == {}


def both(data, without=None):
    found = children_of(data)
    return found if len(found) == 2 and without not in found.values() else None


@linux
def test_processes_end_with_a_supervisor_that_is_killed(studio):
    data, start, log = studio
    process = start()
    wait_until(lambda: both(data))
    process.kill()
    process.wait()
    wait_until(lambda: children_of(data) == {})


@linux
def test_several_web_processes_answer_at_one_port(studio):
    data, start, log = studio

    def webs(without=None):
        found = pids_of(data, "web")
        return found if len(found) == 2 and without not in found else None

    start("--web_processes=2")
    address = re.search(r"studio is at (\S+)", log())[1]
    killed, other = wait_until(webs)
    os.kill(killed, signal.SIGKILL)
    assert other in wait_until(lambda: webs(without=killed))
    assert re.search(r"web [12] ended \(-9\); again in 1 s", log())
    for _ in range(8):  # each by a connection of its own
        with urllib.request.urlopen(f"{address}/readyz", timeout=SECONDS) as answer:
            assert answer.status == 200


@linux
@pytest.mark.slow
def test_with_a_model_server_a_worker_is_ready_to_work(toy_model, tmp_path):
    data, port = tmp_path / "data", ports.free_port()
    words = ["studio", f"--data={data}", f"--model={toy_model}", f"--port={port}"]
    process = subprocess.Popen(command(words), cwd=tmp_path)
    try:
        wait_until(lambda: workers_of(data), 3 * SECONDS)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert children_of(data) == {}
    finally:
        process.kill()
        process.wait()


def workers_of(data):
    import sqlite3

    with contextlib.suppress(sqlite3.Error):
        file = f"file:{data}/studio.sqlite?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True)) as database:
            return database.execute("SELECT versions FROM workers").fetchall()
    return []


# --- What is refused ------------------------------------------------------------------


def place(tmp_path, **values):
    data = tmp_path / "data"
    usual = {
        "data": data,
        "database": f"sqlite:///{data}/studio.sqlite",
        "store": str(data / "store"),
        "server": "grpc://127.0.0.1:9",
        "model": None,
        "host": "127.0.0.1",
        "port": ports.free_port(),
        "public_url": None,
    }
    return Place(**usual | values)


def refused(tmp_path, **values):
    with pytest.raises(InputError) as error:
        supervise(place(tmp_path, **values), [], [], print)
    return str(error.value)


def test_a_port_in_use_is_told_before_anything_is_made(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in refused(tmp_path, port=port)
    assert not (tmp_path / "data" / "studio.sqlite").exists()


def test_several_web_processes_are_refused_where_one_would_get_everyone(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InputError, match="only Linux"):
        place(tmp_path, web_processes=2)
    with pytest.raises(InputError, match="only Linux"):
        Options(share_port=True)
    assert place(tmp_path, web_processes=1) and Options()


@linux
def test_a_port_is_shared_only_by_those_who_all_want_to():
    with ports.listen("127.0.0.1", 0, shared=True) as one:
        port = one.getsockname()[1]
        ports.listen("127.0.0.1", port, shared=True).close()
        with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1 port {port}"):
            ports.listen("127.0.0.1", port)


def test_a_full_disk_is_told_before_anything_is_made(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**6))
    assert "has 1 MB left" in refused(tmp_path)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "data").write_text("a file")
    assert "cannot be made" in refused(tmp_path)


def test_a_folder_without_a_model_is_told(tmp_path):
    empty = tmp_path / "models"
    empty.mkdir()
    assert "has no version" in refused(tmp_path, server=None, model=empty)


# --- The model ------------------------------------------------------------------------


class Ending:
    """Stands for the processes that end by themselves, when they are told to."""

    stdin, pid = None, None

    def __init__(self, words, code):
        self.words, self.code = words, code

    def poll(self):
        return self.code

    def terminate(self):
        self.code = self.code or 0

    def wait(self, seconds=None):
        return self.code


@pytest.fixture
def starts(monkeypatch):
    """Processes that were started; `code` is that with which one ends."""
    made = []

    def start(words, environment):
        made.append(Ending(words, None))
        return made[-1]

    monkeypatch.setattr(children, "start", start)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0)
    return made


def keep_going(tmp_path, until, told, **values):
    """Supervises a studio that exports its model, until something holds."""
    here = place(tmp_path, server=None, **values)
    folder = supervisor._model_folder(here)
    staff = supervisor._staff(here, folder, [], [])
    first = supervisor._first(here, folder, ["--size=640"], told.append)
    told = (here, "http://here", None, told.append)
    return supervisor._keep_going(staff, first, *told, until)


def test_pages_and_a_worker_are_there_while_the_model_is_exported(tmp_path, starts):
    told, looks = [], []
    folder = tmp_path / "data" / "model"
    (folder / ".0123abcd" / "variables").mkdir(parents=True)

    def ended():
        looks.append([each.words[1] for each in starts])
        if len(looks) == 3:
            assert list(folder.iterdir()) == []  # half an export is thrown away
            (folder / "1").mkdir()
            of("export").code = 0
        if len(looks) == 6:
            of("worker").code = 0
        return len(looks) == 9

    def of(part):
        return next(each for each in starts if each.words[1] == part)

    assert keep_going(tmp_path, ended, told) == 0
    assert looks[2] == ["worker", "export", "web"]
    assert looks[-1] == [*looks[2], "server", "worker"]
    assert of("export").words == ["studio", "export", f"--model={folder}"]
    alone = ["--size=640", "--engine=library", "--stand_in"]
    assert of("worker").words == ["studio", "worker", starts[0].words[2], *alone]
    assert told == ["exporting the model, once; the first pictures do without it"]
    here = place(tmp_path, server=None)
    assert supervisor._first(here, folder, [], told.append) == []  # there is one now


def test_a_first_worker_that_dies_is_started_again(tmp_path, starts, monkeypatch):
    monkeypatch.setattr(children, "FIRST_PAUSE", 0.1)
    told = []

    def ended():
        workers = [each for each in starts if each.words[1] == "worker"]
        if len(workers) == 1:
            workers[0].code = -9
        return len(workers) == 2

    assert keep_going(tmp_path, ended, told) == 0
    assert told[-1] == "first worker ended (-9); again in 0 s"


def test_each_web_process_has_a_port_for_its_metrics(tmp_path, starts):
    def ended():
        return len(starts) >= 4

    values = {"web_processes": 2, "metrics_port": 9100}
    assert keep_going(tmp_path, ended, [], **values) == 0
    webs = [each.words for each in starts if each.words[1] == "web"]
    numbers = {word for words in webs for word in words if "metrics_port" in word}
    assert numbers == {"--metrics_port=9100", "--metrics_port=9101"}
    assert all("--share_port" in words for words in webs)


def test_an_export_that_fails_is_told(tmp_path, starts):
    def ended():
        for each in starts:
            each.code = 2 if each.words[1] == "export" else None
        return False

    with pytest.raises(InputError, match="could not be exported"):
        keep_going(tmp_path, ended, [])


# --- Children -------------------------------------------------------------------------


def test_pauses_grow_while_a_child_dies_and_are_forgotten_when_it_lives(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(children, "start", lambda *_: Dead())
    child, pauses = Child("web", [], {}, 1.0), []
    for lived in (0, 0, 0, 0, children.STEADY_SECONDS + 1, 0):
        assert child.tend() is None  # it is started
        now[0] += lived
        assert child.tend() == 1
        pauses.append(child.due - now[0])
        assert child.tend() is None and child.process is None  # not yet
        now[0] = child.due
    assert pauses == [1, 2, 4, 8, 1, 2]


class Dead:
    stdin = None

    def poll(self):
        return 1


def test_a_child_shows_as_what_it_is_and_has_this_package():
    words = command(["studio", "web"])
    assert " ".join(words).endswith("vectormix studio web")
    done = subprocess.run(
        command(["--version"]), cwd="/", capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("vectormix_tf ")
