"""`vectormix studio`: a web service in which many people make pictures."""

import importlib.util
import logging
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.commands import export, serve
from vectormix_tf.cli.flags import define_settings, define_threads, given_settings
from vectormix_tf.cli.job import required_flag
from vectormix_tf.cli.messages import print_message, print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.settings import MAX_SIZE
from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.errors import InputError, check_choice

PORT, MAX_PORT = 8080, 65535
DATABASE = "VECTORMIX_DATABASE"  # environment variable, as `supervisor` sets it
ENGINES = ("served", "library")
BROKEN = 1  # exit code of `check`
MOST_WEB_PROCESSES = 64
PACKAGES = (
    *("sqlalchemy", "alembic", "obstore", "argon2", "starlette", "uvicorn"),
    *("jinja2", "python_multipart", "prometheus_client"),
)
LOG = "%(asctime)s %(process)d %(levelname)s %(message)s"

MORE = """parts, each of which may run by itself, on several machines:
  vectormix studio          all of the below that one machine needs, in --data
  vectormix studio web      answers browsers and programs
  vectormix studio worker   makes the pictures, by --server or --engine=library
  vectormix studio server   serves --model to workers
  vectormix studio export   writes --model
  vectormix studio link     prints a link that makes an administrator, or with --name
                            one for a new password of that person; each works once
  vectormix studio check    says what is broken in the database and the store
  vectormix studio upgrade  makes database and store, or brings the database to the
                            schema of this program
VECTORMIX_DATABASE stands for --database, which lists of processes would show."""


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `studio`."""
    integer, string = flags.DEFINE_integer, flags.DEFINE_string
    port = {"lower_bound": 0, "upper_bound": MAX_PORT, "flag_values": values}
    text = "the folder of a studio on one machine, which is made"
    define_path("data", "studio", text, flag_values=values)
    string(
        "database",
        None,
        "sqlite:///PATH or postgresql://USER@HOST/NAME; by default in --data",
        flag_values=values,
    )
    text = "where pictures are: a folder or s3://BUCKET/PREFIX; by default in --data"
    define_path("store", None, text, flag_values=values)
    string(
        "server",
        None,
        "model servers, grpc://HOST:PORT with commas between; by default one is"
        " started",
        flag_values=values,
    )
    text = "the folder of an exported model; by default one is exported into --data"
    define_path("model", None, text, flag_values=values)
    string(
        "host",
        "127.0.0.1",
        "address to listen on; 0.0.0.0 is reachable from all machines",
        flag_values=values,
    )
    integer("port", PORT, "port to listen on", **port)
    string(
        "public_url",
        None,
        "what people type, e.g. https://studio.example; cookies are secure then",
        flag_values=values,
    )
    flags.DEFINE_list(
        "proxies",
        [],
        "addresses of proxies that tell the addresses of people",
        flag_values=values,
    )
    string(
        "filter",
        None,
        "MODULE:FUNCTION of yours that says of a picture's bytes, before it is"
        " published, vectormix_tf.studio.moderation.Verdict: allow, hold or refuse",
        flag_values=values,
    )
    string(
        "name",
        None,
        "whose password a link of `studio link` is for",
        flag_values=values,
    )
    text = (
        "port of Prometheus' metrics; 0 for none. With several web processes, the next"
        " ones have the next numbers"
    )
    integer("metrics_port", 0, text, **port)
    integer(
        "web_processes",
        1,
        "processes that answer people; more than one on Linux only",
        lower_bound=1,
        upper_bound=MOST_WEB_PROCESSES,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "share_port",
        False,
        "whether more than one `studio web` listens at the port, on Linux only",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "engine",
        "served",
        ENGINES,
        "what a worker works with: model servers, or this package in the worker, which"
        " takes several styles, masks and larger sizes",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "stand_in",
        False,
        "with --engine=library: take the orders of model servers too, and end once"
        " there is a worker with one",
        flag_values=values,
    )
    integer(
        "largest",
        MAX_SIZE,
        "long side of the largest picture that a worker with --engine=library makes",
        lower_bound=1,
        upper_bound=MAX_SIZE,
        flag_values=values,
    )
    define_settings(StudioSettings, values)


def _run(values: flags.FlagValues, words: Sequence[str]) -> int:
    """Runs a part of the studio; returns the exit code."""
    part, *rest = words or [""]
    if rest or part not in PARTS:
        check_choice("the part of the studio", part, [each for each in PARTS if each])
        raise InputError(f"unexpected {rest[0]!r}; flags are written --name=value.")
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            text = f"studio needs {package}: pip install 'vectormix_tf[studio]'"
            raise InputError(text)
    from vectormix_tf.studio import children

    children.adopt()
    return PARTS[part](values)


# --- The parts ------------------------------------------------------------------------


def _all(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.supervisor import Place, supervise

    if not values.server:
        _check_serve()
    place = Place(
        data=_data(values),
        database=_database_address(values),
        store=_store_address(values),
        server=values.server,
        model=None if values.model is None else pathlib.Path(values.model),
        host=values.host,
        port=values.port,
        public_url=values.public_url,
        web_processes=values.web_processes,
        metrics_port=values.metrics_port or None,
    )
    given = given_settings(StudioSettings, values)
    settings = [f"--{name}={value}" for name, value in given.items()]
    if values.threads:
        settings.append(f"--threads={values.threads}")
    web = [f"--proxies={','.join(values.proxies)}"] if values.proxies else []
    web += [f"--public_url={values.public_url}"] if values.public_url else []
    web += [f"--filter={values.filter}"] if values.filter else []
    return supervise(place, settings, web, print_message)


def _web(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.web.options import Options
    from vectormix_tf.studio.web.server import serve as serve_web

    _log()
    options = Options(
        host=values.host,
        port=values.port,
        public_url=values.public_url,
        proxies=tuple(values.proxies),
        metrics_port=values.metrics_port or None,
        filter=values.filter,
        share_port=values.share_port,
    )
    serve_web(_database(values), _store(values), _settings(values), options)
    return 0


def _worker(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.worker import Engine, Worker, ending_by_signals

    _log()
    engine: Engine
    if values.engine == "library":
        from vectormix_tf.studio.library import Library

        engine = Library(values.largest, values.stand_in)
    elif values.stand_in:
        raise InputError("--stand_in is for a worker with --engine=library.")
    else:
        from vectormix_tf.studio.served import Served

        engine = Served(required_flag(values, "server"))
    database, store = _database(values), _store(values)
    until = "served" if values.stand_in else None
    worker = Worker(database, store, _settings(values), engine, until)
    with ending_by_signals(worker):
        worker.run()
    return 0


def _server(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.children import give_way

    _check_serve()
    give_way()
    words = [f"--model={required_flag(values, 'model')}", "--rest_port=0"]
    words.append("--nowarm_up")  # a worker does that, and for its own requests alone
    words += [f"--host={values.host}", f"--port={values.port}"]
    return _command(serve.COMMAND, words)


def _export(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.children import give_way

    give_way()
    words = [f"--output={required_flag(values, 'model')}", "--nowarm_up"]
    return _command(export.COMMAND, words)


def _link(values: flags.FlagValues) -> int:
    from vectormix_tf.studio import accounts
    from vectormix_tf.studio.errors import Refusal
    from vectormix_tf.studio.supervisor import address_of

    database = _database(values)
    if values.name is None:
        path = f"/signup?link={accounts.administrator_link(database)}"
    else:
        try:
            path = f"/password?link={accounts.link_for(database, values.name)}"
        except Refusal as error:
            text = f"nobody who may sign in has the name {values.name!r}."
            raise InputError(text) from error
    address = values.public_url or address_of(values.host, values.port)
    print_result(address.rstrip("/") + path)
    return 0


def _check(values: flags.FlagValues) -> int:
    from vectormix_tf.studio import invariants

    database, store = _database(values), _store(values)
    findings = invariants.check(database) + invariants.check_store(database, store)
    for finding in findings:
        rows = "".join(f"\n  {', '.join(map(str, row))}" for row in finding.rows)
        print_result(f"broken: {finding.invariant}{rows}")
    count = len(invariants.INVARIANTS)
    print_result(f"{len(findings)} broken of {count} invariants of the database, and 2")
    return BROKEN if findings else 0


def _upgrade(values: flags.FlagValues) -> int:
    from vectormix_tf.studio.database import Database
    from vectormix_tf.studio.migrations import upgrade
    from vectormix_tf.studio.store import Store

    database = Database(_database_address(values))
    if database.is_sqlite:
        folder = pathlib.Path(database.engine.url.database).parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    Store(_store_address(values))  # which is made
    backup = upgrade.upgrade(database)
    if backup is not None:
        print_result(f"the database as it was before is {backup}")
    print_result(f"the database has schema {upgrade.version()}")
    return 0


PARTS: Mapping[str, Callable[[flags.FlagValues], int]] = {
    "": _all,
    "web": _web,
    "worker": _worker,
    "server": _server,
    "export": _export,
    "link": _link,
    "check": _check,
    "upgrade": _upgrade,
}

# --- What parts share -----------------------------------------------------------------


def _command(command: Command, words: Sequence[str]) -> int:
    """Runs another command with these flags."""
    values = flags.FlagValues()
    command.define(values)
    define_threads(values)
    values(["vectormix", *words])
    return command.call(values)


def _check_serve() -> None:
    for package in ("grpc", "tensorflow_serving"):
        if importlib.util.find_spec(package) is None:
            text = (
                f"the model server needs {package}: pip install 'vectormix_tf[serve]'"
            )
            raise InputError(text)


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format=LOG)
    for noisy in ("alembic", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _settings(values: flags.FlagValues) -> StudioSettings:
    return StudioSettings(**given_settings(StudioSettings, values))


def _data(values: flags.FlagValues) -> pathlib.Path:
    return pathlib.Path(required_flag(values, "data")).absolute()


def _database_address(values: flags.FlagValues) -> str:
    usual = f"sqlite:///{_data(values) / 'studio.sqlite'}"
    return values.database or os.environ.get(DATABASE) or usual


def _database(values: flags.FlagValues):
    from vectormix_tf.studio.database import Database
    from vectormix_tf.studio.migrations import upgrade

    database = Database(_database_address(values))
    path = database.engine.url.database
    if database.is_sqlite and not pathlib.Path(path).is_file():
        text = f"there is no studio in `{path}`; vectormix studio makes one."
        raise InputError(text)
    upgrade.check(database)
    return database


def _store_address(values: flags.FlagValues) -> str:
    return values.store or str(_data(values) / "store")


def _store(values: flags.FlagValues):
    from vectormix_tf.studio.store import Store

    return Store(_store_address(values), make=False)


COMMAND = Command(
    "studio",
    "vectormix studio --data=studio [--port=8080] [flags]",
    "Run a place where many people make pictures, until Ctrl-C: pages with a feed, a"
    "\nfair queue that loses nothing, and workers. It prints its address, and the link"
    "\nthat makes the first administrator.",
    _define,
    _run,
    pictures=True,
    more=MORE,
)
