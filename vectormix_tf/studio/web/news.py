"""Waits for news of people's jobs: one query for all who wait, and no thread of theirs.

A page asks once, and is answered when something of its person's jobs changes. Until
then it is an event in this process; a task looks at the counters of all people who
wait, a few times a second.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool

from vectormix_tf.studio import queue
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import Unavailable

log = logging.getLogger("vectormix.studio.web")

LOOK_SECONDS = 0.4  # between two looks at the counters
AWAY_SECONDS = 2.0  # until the next one if the database is away


class News:
    """Who waits for news, and who tells them.

    Args:
        database: Where the counters are.
        look: Seconds between two looks.
    """

    def __init__(self, database: Database, look: float = LOOK_SECONDS):
        self._database, self._look = database, look
        self._waiting: dict[str, list[tuple[int, asyncio.Event]]] = {}
        self._someone = asyncio.Event()
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(len(each) for each in self._waiting.values())

    async def wait(self, user: str, after: int, seconds: float) -> None:
        """Waits until a person's counter is no longer `after`.

        Args:
            user: Whose jobs.
            after: The number that the page knows.
            seconds: Longest time; then there is no news.
        """
        with self._entered(user, after) as event, contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    async def run(self) -> None:
        """Tells who waits, for ever."""
        while True:
            await self._someone.wait()
            try:
                users = list(self._waiting)
                found = await run_in_threadpool(queue.counters, self._database, users)
            except Exception as error:
                if isinstance(error, Unavailable):
                    log.warning("news: %s", error)
                else:  # those who wait would never be told again
                    log.exception("news")
                await asyncio.sleep(AWAY_SECONDS)
                continue
            self._tell(found)
            await asyncio.sleep(self._look)

    def close(self) -> None:
        """Lets all go who wait, and whoever comes: the process ends."""
        self._closed = True
        for each in self._waiting.values():
            for _, event in each:
                event.set()

    def _tell(self, found: dict[str, int]) -> None:
        for user, each in self._waiting.items():
            for after, event in each:
                if found.get(user, after) != after:
                    event.set()

    @contextlib.contextmanager
    def _entered(self, user: str, after: int) -> Iterator[asyncio.Event]:
        place = (after, asyncio.Event())
        if self._closed:
            place[1].set()
        self._waiting.setdefault(user, []).append(place)
        self._someone.set()
        try:
            yield place[1]
        finally:
            self._waiting[user].remove(place)
            if not self._waiting[user]:
                del self._waiting[user]
            if not self._waiting:
                self._someone.clear()
