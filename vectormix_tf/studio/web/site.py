"""What all requests of a web process share, and what a handler gets of one."""

import dataclasses
import urllib.parse
from collections.abc import Mapping
from typing import Any

import anyio
from sqlalchemy.engine import Connection
from starlette.requests import Request

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import accounts, intake, moderation, pages
from vectormix_tf.studio.database import Database, Source
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.store import Store
from vectormix_tf.studio.web.metrics import Metrics
from vectormix_tf.studio.web.news import News
from vectormix_tf.studio.web.options import Options

# Requests that have a picture in memory or are decoding it; more are asked to wait.
MOST_UPLOADS = 32
DECODERS = 4  # threads of theirs, so that pages have all others
JSON = "application/json"


class Site:
    """What all requests share.

    Args:
        database: With the schema of this program.
        store: Where pictures are.
        settings: Of the studio.
        options: Of this process.
        limits: Of what is uploaded.

    Attributes:
        environment: Of the templates.
        news: Who waits for news of jobs.
        metrics: For Prometheus.
        judge: The operator's filter.
        decoders: Threads that decode pictures; made by the application.
        uploading: Requests that bring pictures now.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        settings: StudioSettings,
        options: Options,
        limits: intake.Limits | None = None,
    ):
        self.database, self.store = database, store
        self.settings, self.options = settings, options
        self.limits = limits or intake.Limits()
        self.environment = pages.environment()
        self.news = News(database)
        self.metrics = Metrics()
        self.judge = moderation.load_filter(options.filter)
        self.decoders: anyio.CapacityLimiter | None = None
        self.uploading = 0


@dataclasses.dataclass(frozen=True)
class Ask:
    """A request, with all that a handler needs of it: it runs in a thread.

    Attributes:
        site: What all share.
        request: Of HTTP.
        account: Who asks, who may be a guest; None for a visitor.
        token: Of the session, or "".
        fields: Of a form or of JSON.
        body: Of an upload.
        moment: The transaction that a page reads in, or None.
    """

    site: Site
    request: Request
    account: accounts.Account | None = None
    token: str = ""
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    moment: Connection | None = None

    @property
    def database(self) -> Source:
        """What is read from; `site.database` is what is written to."""
        return self.site.database if self.moment is None else self.moment

    @property
    def user(self) -> str | None:
        """Id of who asks, also of a guest."""
        return self.account.id if self.account else None

    @property
    def member(self) -> accounts.Account | None:
        """Who asks, if that is no guest."""
        return self.account if self.account and self.account.role != "guest" else None

    @property
    def me(self) -> accounts.Account:
        """Who asks, where a route needs an account."""
        assert self.account is not None
        return self.account

    @property
    def path(self) -> str:
        """Path and query."""
        url = self.request.url
        return url.path + (f"?{url.query}" if url.query else "")

    @property
    def wants_json(self) -> bool:
        """Whether the answer is for a program."""
        return wants_json(self.request)

    def address(self, path: str) -> str:
        """The whole address of a path of this site, to hand on."""
        root = self.site.options.public_url or str(self.request.base_url)
        return root.rstrip("/") + path

    def place(self, name: str) -> str:
        """A part of the path."""
        return self.request.path_params[name]

    def query(self, name: str, default: str = "") -> str:
        """A value of the query."""
        return self.request.query_params.get(name, default)

    def text(self, name: str, default: str = "") -> str:
        """A field that is a text.

        Raises:
            Refusal: "bad_input" if it is something else.
        """
        value = self.fields.get(name, default)
        if value is None:
            return default
        if not isinstance(value, str):
            raise Refusal("bad_input", f"`{name}` must be a text.")
        return value

    def next(self, default: str) -> str:
        """Where a form wants to go on: a path of this site."""
        return local_path(self.text("next"), default)


def wants_json(request: Request) -> bool:
    """Whether the answer of a request is for a program."""
    if request.url.path.startswith("/api/"):
        return True
    return JSON in request.headers.get("accept", "")


def local_path(told: str, default: str = "/") -> str:
    r"""A path of this site, or the default for what leads elsewhere.

    Browsers take "//host" and "/\host" for other sites, and drop tabs and line breaks.
    """
    strange = "\\" in told or any(ord(each) <= ord(" ") for each in told)
    if not told.startswith("/") or told.startswith("//") or strange:
        return default
    try:
        parts = urllib.parse.urlsplit(told)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else told
