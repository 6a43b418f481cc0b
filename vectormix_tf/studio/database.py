"""The database: SQLite in a file, or PostgreSQL on a server.

All functions of the studio that begin with `source` take a `Database`, and are then a
transaction of their own, or the connection of a transaction to be part of. A
transaction that fails for a passing reason (a busy file, a conflict, a server that
restarts) is begun anew, so it may run twice where a connection breaks during its
commit. Every writer is safe against that: what it makes has an identifier that was
drawn before, a fence, or a state that it does not pass twice.
"""

import functools
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from vectormix_tf.errors import InputError
from vectormix_tf.studio.errors import Refusal, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 10.0  # seconds for which a transaction is tried
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0  # seconds between two tries
# SQLite looks for its lock after pauses that grow to 0.1 s, so who has waited for long
# gets it last. It waits for this time only, and begins anew with short pauses.
LOCK_SECONDS, LOCK_PAUSE = 0.02, 0.005
CONNECT_SECONDS = 5
POOL, OVERFLOW = 10, 20  # connections of a process
OLDEST_SQLITE = (3, 35, 0)  # RETURNING
ID_BYTES = 12  # 96 bits: no one guesses one, and no two are equal

# Classes of SQLSTATE that pass: 08 connection lost, 40 conflict or deadlock, 53300 too
# many connections, 55P03 lock not available, 57P shutdown and start of the server.
PASSING_STATES = ("08", "40", "53300", "55P03", "57P")
FULL_STATES = ("53100",)
PASSING_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)
PRIMARY = 0xFF  # SQLite's extended codes have the primary one in their low byte


class Database:
    """A database that many threads may use; each process makes its own.

    Args:
        address: `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`.
        patience: Seconds for which a transaction is tried while the database is away
            or busy.
        clock: Takes the place of the database's own clock, in tests: a function that
            returns seconds since 1970.

    Raises:
        InputError: If the address is none of these.
    """

    def __init__(
        self,
        address: str,
        patience: float = PATIENCE,
        clock: Callable[[], float] | None = None,
    ):
        self.address = address
        self.patience = patience
        self.engine = _engine(address, clock)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # A transaction of SQLite's WAL is a snapshot anyway.
        snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        options = {} if self.is_sqlite else snapshot
        self._reading = self.engine.execution_options(**options)
        self._writing = self.engine.execution_options(studio_writes=True)
        # SQLite has one writer at a time; other processes look for its end again and
        # again, threads of this one take turns.
        self._turn = threading.Lock()

    def transaction(self, work: Callable[[Connection], T]) -> T:
        """Does work that writes, as a whole or not at all, and returns its result.

        Args:
            work: May be called several times; all it changes is in the database.

        Raises:
            Unavailable: If the database is full, or was away for `patience` seconds.
            Refusal: "bad_input" for what no database can hold.
        """
        end = time.monotonic() + self.patience
        if not self.is_sqlite:
            return self._attempt(self._writing, work, end)
        if not self._turn.acquire(timeout=self.patience):
            raise self._has_not_answered("others write")
        try:
            return self._attempt(self._writing, work, end)
        finally:
            self._turn.release()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Does work that only reads, all of it at one moment of the database."""
        return self._attempt(self._reading, work, time.monotonic() + self.patience)

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    def _attempt(
        self, engine: sa.Engine, work: Callable[[Connection], T], end: float
    ) -> T:
        """Does work as a transaction until it succeeds, or fails for good.

        Args:
            engine: Of the kind of transaction.
            work: What to do.
            end: When to begin it no more, by `time.monotonic`.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except (sa.exc.DataError, UnicodeEncodeError) as error:
                # NUL, half a surrogate pair, a number of more than 64 bits
                text = "this has characters or numbers that cannot be stored."
                raise Refusal("bad_input", text) from error
            except sa.exc.DBAPIError as error:
                if _is_full(error):
                    raise Unavailable("the disk of the database is full.") from error
                if not _is_passing(error):
                    raise
                if time.monotonic() + pause > end:
                    raise self._has_not_answered(str(error.orig).strip()) from error
                if _is_locked(error):
                    time.sleep(LOCK_PAUSE * random.uniform(0.5, 1))
                    continue
            except sa.exc.TimeoutError as error:  # all connections of the pool are used
                raise Unavailable("the database is overloaded.") from error
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _has_not_answered(self, why: str) -> Unavailable:
        return Unavailable(
            f"the database has not answered for {self.patience:g} seconds: {why}"
        )


Source = Database | Connection


def writes(
    function: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Source, P], T]:
    """Makes a function of a connection a transaction; see the module."""

    @functools.wraps(function)
    def call(source: Source, *args: P.args, **kwargs: P.kwargs) -> T:
        if isinstance(source, Connection):
            return function(source, *args, **kwargs)
        return source.transaction(lambda c: function(c, *args, **kwargs))

    return call


def reads(
    function: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Source, P], T]:
    """Makes a function of a connection a transaction that only reads."""

    @functools.wraps(function)
    def call(source: Source, *args: P.args, **kwargs: P.kwargs) -> T:
        if isinstance(source, Connection):
            return function(source, *args, **kwargs)
        return source.read(lambda c: function(c, *args, **kwargs))

    return call


def now(connection: Connection) -> float:
    """The wall clock of the database: seconds since 1970.

    For dates that people see and for what lasts hours; what lasts seconds is measured
    by `clock.read`, which bears that this clock is set.
    """
    clock = connection.get_execution_options().get("studio_clock")
    if clock is not None:
        return clock()
    if connection.dialect.name == "sqlite":  # its server is this machine
        return time.time()
    seconds = sa.func.extract("epoch", sa.func.clock_timestamp())
    return float(connection.scalar(sa.select(seconds)))


def insert(connection: Connection, table: sa.Table) -> Any:
    """The dialect's own INSERT, which knows ON CONFLICT."""
    kind = sqlite if connection.dialect.name == "sqlite" else postgresql
    return kind.insert(table)


def new_id() -> str:
    """An identifier that tells nothing: 16 letters, digits, "-" and "_"."""
    return secrets.token_urlsafe(ID_BYTES)


def greatest(one: Any, other: Any) -> Any:
    """The greater of two numbers, in SQL."""
    return sa.case((one > other, one), else_=other)


# --- The engine -----------------------------------------------------------------------


def _engine(address: str, clock: Callable[[], float] | None) -> sa.Engine:
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError as error:
        raise InputError(_forms("an address of a database")) from error
    options = {"studio_clock": clock}
    if url.drivername == "sqlite" and url.database:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise InputError(
                f"SQLite {sqlite3.sqlite_version} is too old; the studio needs"
                f" {'.'.join(map(str, OLDEST_SQLITE))}."
            )
        engine = sa.create_engine(
            url,
            connect_args={"timeout": LOCK_SECONDS},
            pool_size=POOL,
            max_overflow=OVERFLOW,
            execution_options=options,
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise InputError(_forms(url.render_as_string(hide_password=True)))
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"},
        pool_size=POOL,
        max_overflow=OVERFLOW,
        execution_options=options,
    )


def _forms(received: str) -> str:
    return (
        "`database` must be sqlite:///PATH or postgresql://USER@HOST/NAME; received"
        f" {received}."
    )


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Sets up a connection: Python begins no transactions of its own."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",  # readers and the writer do not wait for each other
        "synchronous = FULL",  # what was answered survives a power failure
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer waits at its beginning: a reader that starts to write may not wait."""
    writes = connection.get_execution_options().get("studio_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _is_passing(error: sa.exc.DBAPIError) -> bool:
    """Whether the same may succeed a moment later."""
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) in PASSING_CODES
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no answer of a server
        return isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    return state.startswith(PASSING_STATES)


def _is_locked(error: sa.exc.DBAPIError) -> bool:
    """Whether another process writes to SQLite's file."""
    found = error.orig
    return isinstance(found, sqlite3.Error) and (
        _sqlite_code(found) == sqlite3.SQLITE_BUSY
    )


def _is_full(error: sa.exc.DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) == sqlite3.SQLITE_FULL
    return getattr(error.orig, "sqlstate", None) in FULL_STATES


def _sqlite_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & PRIMARY
