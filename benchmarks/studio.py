"""Times a studio's pages while many people look at them, wait for news and order.

    python benchmarks/studio.py --people=200 --orders=5 --minutes=10

The web processes are the real ones. Workers are real too, but their engine is a toy
whose jobs take a second: what is measured is the studio, not the network.
"""

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import functools
import io
import multiprocessing
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
from PIL import Image

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import leases, ports, schema
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.shift import Shift, Verdict
from vectormix_tf.studio.store import Store
from vectormix_tf.studio.worker import Outcome, Worker, ending_by_signals

PASSWORD = "correct horse battery"
PAGES = ("/", "/best?days=7", "/styles", "/me", "/new", "/me/settings")
PAUSE = 10.0  # mean seconds between two pages of a person
SHOWN = 0.5  # how often a work is shown to all, of those looked at in one's own list
JOB_SECONDS, STEPS = 0.8, 8  # of the toy engine
COLORS = 16  # of its pictures
LOOKS = 10  # at the memory of the web process
PATIENCE = 60.0  # seconds for the process to answer
KEPT_SECONDS = 2.0  # that a connection is kept unused; the server's are 5
LIMITS = {"waiting": 1000, "daily": 100_000, "quota": 100_000, "sign_ups": 10**6}


# --- A worker whose jobs take a second ------------------------------------------------


class Toy:
    """An engine whose picture is one color."""

    def describe(self, name: str) -> leases.Worker:
        """See `worker.Engine`."""
        versions = dict.fromkeys(schema.JOB_KINDS, "toy/1")
        return leases.Worker(name, ("served",), 1024, versions)

    def warm_up(self) -> None:
        """See `worker.Engine`."""

    def work(self, shift: Shift) -> Outcome:
        """See `worker.Engine`."""
        steps, step = shift.lease.steps, 0
        for _ in range(STEPS):
            progress = leases.Progress(step, step / steps)
            verdict = shift.report(progress, picture, lambda: b"state")
            if verdict != Verdict.GO_ON:
                return Outcome(verdict, progress, picture, lambda: b"state")
            time.sleep(JOB_SECONDS / STEPS)
            step = min(steps, step + max(1, steps // STEPS))
        done = leases.Progress(steps, 1.0)
        return Outcome(Verdict.GO_ON, done, picture, lambda: None)


def picture() -> bytes:
    """A PNG file of 512 x 341 pixels of one of some colors."""
    return _picture(random.randrange(COLORS))


@functools.cache
def _picture(number: int) -> bytes:
    file = io.BytesIO()
    color = tuple(random.Random(number).randrange(256) for _ in range(3))
    Image.new("RGB", (512, 341), color).save(file, "PNG")
    return file.getvalue()


def work(database: str, store: str) -> None:
    """The process of a worker."""
    settings = StudioSettings(**LIMITS)
    worker = Worker(Database(database), Store(store, make=False), settings, Toy())
    with ending_by_signals(worker):
        worker.run()


# --- People ---------------------------------------------------------------------------

Person = tuple[httpx.AsyncClient, str]  # and the id of an upload


@dataclasses.dataclass
class Seen:
    """What all people together have seen.

    Attributes:
        seconds: Of requests, by kind.
        statuses: How often each status was answered.
        failed: Requests that were not answered.
        ordered: Jobs.
    """

    seconds: dict[str, list[float]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    statuses: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )
    failed: int = 0
    ordered: int = 0

    async def ask(
        self, person: httpx.AsyncClient, method: str, path: str, kind: str, **options
    ) -> httpx.Response | None:
        """Sends a request, and notes how long it took."""
        begun = time.perf_counter()
        try:
            answer = await person.request(method, path, **options)
        except httpx.TransportError:
            self.failed += 1
            return None
        self.seconds[kind].append(time.perf_counter() - begun)
        self.statuses[answer.status_code] += 1
        return answer


@contextlib.asynccontextmanager
async def signed_in(
    url: str, name: str
) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A person with an account and a photograph: the client, and the upload's id."""
    kept = httpx.Limits(keepalive_expiry=KEPT_SECONDS)
    options = {"base_url": url, "timeout": PATIENCE, "limits": kept}
    async with httpx.AsyncClient(**options) as person:
        account = {"name": name, "password": PASSWORD}
        for path in ("/api/accounts", "/api/sessions"):
            (await person.post(path, json=account)).raise_for_status()
        answer = await person.put("/api/uploads", content=picture())
        yield person, answer.raise_for_status().json()["id"]


async def look(person: httpx.AsyncClient, seen: Seen) -> None:
    """Visits pages, and from a list of works one; shows some of the person's own."""
    while True:
        await asyncio.sleep(random.expovariate(1 / PAUSE))
        path = random.choice(PAGES)
        answer = await seen.ask(person, "GET", path, "page")
        works = re.findall(r'href="/w/([\w-]+)"', answer.text if answer else "")
        if not works:
            continue
        work = random.choice(works)
        await seen.ask(person, "GET", f"/w/{work}", "page")
        if path == "/me" and random.random() < SHOWN:
            change = {"visibility": "public"}
            await seen.ask(person, "PATCH", f"/api/works/{work}", "show", json=change)


async def poll(person: httpx.AsyncClient, seen: Seen) -> None:
    """Waits for news, as a tab does."""
    after = 0
    json = {"accept": "application/json"}
    while True:
        path = f"/api/news?after={after}"
        answer = await seen.ask(person, "GET", path, "news", headers=json)
        if answer is None or answer.status_code != httpx.codes.OK:
            await asyncio.sleep(1)
        else:
            after = answer.json()["after"]


async def order(people: list[Person], seen: Seen, rate: float) -> None:
    """Orders mixes for people in turn, at a steady rate."""
    due = time.monotonic()
    tasks: set[asyncio.Task] = set()
    while True:
        for person, upload in people:
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            job = {"kind": "mix", "content": upload, "style": "harvest", "size": 256}
            job |= {"alpha": 0.5, "steps": STEPS, "seed": seen.ordered}
            ask = seen.ask(person, "POST", "/api/jobs", "order", json=job)
            tasks.add(task := asyncio.create_task(ask))
            task.add_done_callback(tasks.discard)
            seen.ordered += 1


async def crowd(url: str, count: int, rate: float, seconds: float, web: int) -> None:
    """Lets people in, and prints what they have seen after some time."""
    async with contextlib.AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(signed_in(url, f"person{i}"))
            for i in range(count)
        ]
        print(f"{count} people are there", flush=True)
        seen = Seen()
        lives = [look(person, seen) for person, _ in people]
        lives += [poll(person, seen) for person, _ in people]
        lives.append(order(people, seen, rate))
        tasks = [asyncio.create_task(life) for life in lives]
        taken = []
        for _ in range(LOOKS):
            await asyncio.sleep(seconds / LOOKS)
            taken.append(memory(web))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    report(seen, taken)


def report(seen: Seen, taken: list[float]) -> None:
    """Prints a table of what people have seen."""
    print(f"\n{'':8}{'count':>8}{'median':>9}{'95 %':>9}{'slowest':>9}  ms")
    for kind, seconds in sorted(seen.seconds.items()):
        if kind == "news":  # which waits
            print(f"{kind:8}{len(seconds):8}")
            continue
        late = (
            statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
        )
        row = (statistics.median(seconds), late, max(seconds))
        print(f"{kind:8}{len(seconds):8}" + "".join(f"{1000 * v:9.0f}" for v in row))
    print(
        f"\nstatuses: {dict(sorted(seen.statuses.items()))}; unanswered: {seen.failed}"
    )
    print("memory of a web process, MB:", *(f"{each:.0f}" for each in taken))


# --- The studio -----------------------------------------------------------------------


def memory(process: int) -> float:
    """Resident megabytes of a process, on Linux; else 0."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{process}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024
    return 0.0


@contextlib.contextmanager
def studio(
    database: str, store: str, workers: int, webs: int
) -> Iterator[tuple[str, int]]:
    """Processes of the web and workers: the address, and the id of the first."""
    port = ports.free_port()
    command = [sys.executable, "-m", "vectormix_tf", "studio"]
    places = [f"--database={database}", f"--store={store}"]
    subprocess.run([*command, "upgrade", *places], check=True)
    flags = [*places, f"--port={port}", *(f"--{n}={v}" for n, v in LIMITS.items())]
    flags += ["--share_port"] if webs > 1 else []
    url = f"http://127.0.0.1:{port}"
    process = multiprocessing.get_context("spawn").Process
    staff = [process(target=work, args=(database, store)) for _ in range(workers)]
    answering = [
        subprocess.Popen([*command, "web", *flags], stderr=subprocess.DEVNULL)
        for _ in range(webs)
    ]
    try:
        for each in staff:
            each.start()
        wait_for(f"{url}/readyz")
        yield url, answering[0].pid
    finally:
        for each in [*answering, *staff]:
            each.terminate()
        for web in answering:
            web.wait()
        for each in staff:
            each.join()


def wait_for(url: str) -> None:
    """Waits until an address answers."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).is_success:
                return
        if time.monotonic() > end:
            raise TimeoutError(f"{url} does not answer")
        time.sleep(0.1)


def main() -> None:
    """Prints times of requests, statuses and the memory of the web process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--orders", type=float, default=5.0, help="a second")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--web_processes", type=int, default=1)
    parser.add_argument("--database", help="postgresql://...; by default SQLite")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or f"sqlite:///{folder}/studio.sqlite"
        numbers = arguments.workers, arguments.web_processes
        with studio(database, f"{folder}/store", *numbers) as (url, web):
            seconds = 60 * arguments.minutes
            run = crowd(url, arguments.people, arguments.orders, seconds, web)
            asyncio.run(run)
        command = [sys.executable, "-m", "vectormix_tf", "studio", "check"]
        places = [f"--database={database}", f"--store={folder}/store"]
        subprocess.run([*command, *places], check=True)


if __name__ == "__main__":
    main()
