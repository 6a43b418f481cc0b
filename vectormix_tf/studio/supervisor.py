"""The studio on one machine: everything by one command, in one folder."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO

from vectormix_tf.errors import InputError
from vectormix_tf.studio import accounts, ports
from vectormix_tf.studio.children import Child
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.migrations import upgrade
from vectormix_tf.studio.store import FREE_BYTES, Store
from vectormix_tf.tfserving.versions import versions

DATABASE = "VECTORMIX_DATABASE"  # environment variable: lists of processes show flags
SECRET_FOLDER = 0o700
MODEL_BYTES = 400_000_000  # that an exported model takes at most, while it is written
LOOK_SECONDS = 0.2  # between two looks at the children
ANSWER_SECONDS = 2.0  # for the web process to say that it is ready
WEB_GRACE, WORKER_GRACE, SERVER_GRACE = 15.0, 20.0, 15.0  # seconds to end
EXPORT = "export"  # name of the process that writes the model
USER_ERROR = 2  # exit code of a child that has told what is wrong
MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where the studio of this machine is.

    Attributes:
        data: Its folder.
        database: Address of the database.
        store: Address of the store.
        server: Addresses of model servers; None to start one.
        model: Folder of an exported model; None to export one.
        host: Address that the web processes listen on.
        port: The same.
        public_url: What people type; None for http://HOST:PORT.
        web_processes: How many there are.
        metrics_port: Of the first one's metrics, the next ones have the next numbers;
            None for none.

    Raises:
        InputError: If several web processes cannot share a port here.
    """

    data: pathlib.Path
    database: str
    store: str
    server: str | None
    model: pathlib.Path | None
    host: str
    port: int
    public_url: str | None
    web_processes: int = 1
    metrics_port: int | None = None

    def __post_init__(self) -> None:
        if self.web_processes > 1:
            ports.check_can_share()


def supervise(
    place: Place,
    settings: Sequence[str],
    web: Sequence[str],
    tell: Callable[[str], None],
) -> int:
    """Starts a studio and keeps it going until SIGINT or SIGTERM.

    Args:
        place: Where.
        settings: Flags that its processes get.
        web: Flags that the web processes get besides.
        tell: Prints a line for the operator.

    Returns:
        The exit code.

    Raises:
        InputError: If it cannot be started; one line says why.
    """
    _make_folder(place.data)
    with _alone(place.data), _signals() as ended:
        ports.listen(place.host, place.port).close()
        link = _prepare_database(place, tell)
        Store(place.store)
        model = None if place.server else _model_folder(place)
        staff = _staff(place, model, settings, web)
        first = [] if model is None else _first(place, model, settings, tell)
        ended.staff = [*staff, *first]
        address = place.public_url or address_of(place.host, place.port)
        return _keep_going(staff, first, place, address, link, tell, ended)


# --- Before ---------------------------------------------------------------------------


def _make_folder(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(mode=SECRET_FOLDER, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"data `{folder}` cannot be made: {reason}.") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"data `{folder}` cannot be written to; name another folder.")
    if free < FREE_BYTES + MODEL_BYTES:
        raise InputError(
            f"the disk of `{folder}` has {free / MEGABYTE:.0f} MB left; the studio"
            f" needs {(FREE_BYTES + MODEL_BYTES) / MEGABYTE:.0f}."
        )


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Refuses a second supervisor; the lock ends with this process."""
    with open(folder / ".lock", "a+b") as file:
        if not _lock(file):
            file.seek(0)
            number = file.read().decode(errors="replace").strip()
            raise InputError(
                f"a studio runs in `{folder}` already (process {number}); stop it"
                " first, or name another folder."
            )
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


def _lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            # Beyond its text, which others read.
            file.seek(1 << 20)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _prepare_database(place: Place, tell: Callable[[str], None]) -> str | None:
    """Upgrades the database; returns the administrator's token if there is none yet."""
    database = Database(place.database)
    try:
        backup = upgrade.upgrade(database)
        if backup is not None:
            tell(f"upgraded the database; the one before is {backup}")
        if accounts.has_administrator(database):
            return None
        return accounts.administrator_link(database)
    finally:
        database.close()


def _model_folder(place: Place) -> pathlib.Path:
    """The folder of the model, which is still to be exported if it has no version.

    An export is renamed when it is whole, so what has a number is whole.
    """
    folder = place.model or place.data / "model"
    if not _has_model(folder):
        if place.model is not None:
            text = f"model `{folder}` has no version; export one there first."
            raise InputError(text)
        for unfinished in folder.glob(".*"):  # of an export that was killed
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _has_model(folder: pathlib.Path) -> bool:
    return folder.is_dir() and bool(versions(folder))


# --- The processes --------------------------------------------------------------------


def _staff(
    place: Place,
    model: pathlib.Path | None,
    settings: Sequence[str],
    web: Sequence[str],
) -> list[Child]:
    """The processes, in the order in which they are stopped."""
    secret, common = _common(place, settings)
    listen = [f"--host={place.host}", f"--port={place.port}"]
    server, staff = place.server, []
    if model is not None:
        port = ports.free_port()
        server = f"grpc://127.0.0.1:{port}"
        words = ["studio", "server", f"--model={model}", f"--port={port}"]
        staff = [Child("server", words, {}, SERVER_GRACE)]
    words = ["studio", "worker", *common, f"--server={server}"]
    worker = Child("worker", words, secret, WORKER_GRACE)
    words = ["studio", "web", *common, *listen, *web]
    return [*_webs(place, words, secret), worker, *staff]


def _common(
    place: Place, settings: Sequence[str]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """Variables and flags of the processes that know database and store."""
    return {DATABASE: place.database}, [f"--store={place.store}", *settings]


def _webs(place: Place, words: Sequence[str], secret: Mapping[str, str]) -> list[Child]:
    """The web processes, by the command of the first."""
    several, made = place.web_processes > 1, []
    for number in range(place.web_processes):
        own = ["--share_port"] if several else []
        if place.metrics_port is not None:
            own.append(f"--metrics_port={place.metrics_port + number}")
        name = f"web {number + 1}" if several else "web"
        made.append(Child(name, [*words, *own], secret, WEB_GRACE))
    return made


def _first(
    place: Place,
    model: pathlib.Path,
    settings: Sequence[str],
    tell: Callable[[str], None],
) -> list[Child]:
    """Processes that end by themselves: what writes the model, if there is none yet.

    And what makes pictures meanwhile, until the model is served.
    """
    if _has_model(model):
        return []
    tell("exporting the model, once; the first pictures do without it")
    words = ["studio", "export", f"--model={model}"]
    export = Child(EXPORT, words, {}, SERVER_GRACE)
    secret, common = _common(place, settings)
    words = ["studio", "worker", *common, "--engine=library", "--stand_in"]
    return [export, Child("first worker", words, secret, WORKER_GRACE)]


def address_of(host: str, port: int) -> str:
    """What to type on this machine for a web process that listens there."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"http://{host}:{port}"


def _keep_going(
    staff: Sequence[Child],
    first: Sequence[Child],
    place: Place,
    address: str,
    link: str | None,
    tell: Callable[[str], None],
    ended: Callable[[], bool],
) -> int:
    """Looks after the processes; those of the model wait until it is exported."""
    model = staff[place.web_processes :]
    running = [*staff[: place.web_processes], *(first or model)]
    told = False
    try:
        while not ended():
            for child in reversed(running):
                code = child.tend()
                if child in first and code == 0:
                    running.remove(child)
                    if child.name == EXPORT:
                        running += model
                    continue
                if child.name == EXPORT and code is not None:
                    text = "the model could not be exported; the line above says why."
                    raise InputError(text)
                if code == USER_ERROR and not told:
                    return USER_ERROR  # it has told why
                if code is not None:
                    pause = child.due - time.monotonic()
                    tell(f"{child.name} ended ({code}); again in {pause:.0f} s")
            if not told and _is_ready(address_of(place.host, place.port)):
                told = True
                tell(f"the studio is at {address}")
                if link is not None:
                    tell(f"become its administrator: {address}/signup?link={link}")
            time.sleep(LOOK_SECONDS)
    finally:
        for child in [*staff, *first]:
            child.stop()
    return 0


def _is_ready(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}/readyz", timeout=ANSWER_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False


class _Ending:
    """Whether a signal came; a second one ends all processes at once.

    Attributes:
        staff: The processes.
    """

    def __init__(self) -> None:
        self.staff: Sequence[Child] = ()
        self._received = False

    def __call__(self) -> bool:
        return self._received

    def handle(self, number: int, frame: object) -> None:
        """Handles a signal."""
        if self._received:
            for child in self.staff:
                if child.process is not None:
                    child.process.kill()
            os._exit(128 + number)
        self._received = True


@contextlib.contextmanager
def _signals() -> Iterator[_Ending]:
    ending = _Ending()
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, ending.handle) for number in numbers}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
