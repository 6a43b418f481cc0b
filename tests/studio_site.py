"""The studio's web process inside a test: an application, and people who visit it."""

import asyncio
import contextlib
import functools
import html
import io
import re

import anyio.from_thread
import httpx
from PIL import Image
from studio_engine import Quick
from studio_town import PASSWORD

from vectormix_tf.studio import accounts, pages
from vectormix_tf.studio.web.app import application
from vectormix_tf.studio.web.options import Options
from vectormix_tf.studio.web.site import Site
from vectormix_tf.studio.worker import Worker, keep_house

URL = "http://studio.test"
FORM = {"sec-fetch-site": "same-origin", "accept": "text/html"}
PROGRAM = {"accept": "application/json"}


@functools.cache
def environment():
    """Compiles each template once, for all tests."""
    return pages.environment()


@functools.cache
def photograph(color=(200, 40, 40), size=(90, 60), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


class Web:
    """An application that runs in a thread of its own, and its town."""

    def __init__(self, portal, town, keeps=False, **options):
        self.portal, self.town = portal, town
        self.database, self.store, self.settings = (
            *(town.database, town.store),
            town.settings,
        )
        made = Options(**options)
        self.site = Site(self.database, self.store, self.settings, made)
        self.site.environment = environment()
        self.app = application(self.site, keeps)
        self.url = made.public_url or URL
        self.worker = Worker(self.database, self.store, self.settings, Quick())

    def visitor(self, headers=FORM, **options):
        return Visitor(self, headers, **options)

    def member(self, name, headers=FORM, link=None):
        """A person who is signed in."""
        visitor = self.visitor(headers)
        visitor.id = self.town.person(name, link)
        visitor.name = name
        visitor.sign_in(name)
        return visitor

    def moderator(self, name="ida"):
        link = accounts.administrator_link(self.database)
        return self.member(name, link=link)

    def work(self):
        """Does all jobs that wait."""
        while self.worker.work_once():
            pass

    def purge(self):
        keep_house(self.database, self.store)

    @contextlib.contextmanager
    def living(self):
        """The application's beginning and end."""
        inbox, outbox = asyncio.Queue(), asyncio.Queue()
        run = functools.partial(self.app, {"type": "lifespan"}, inbox.get, outbox.put)
        done = self.portal.start_task_soon(run)
        self.portal.call(inbox.put, {"type": "lifespan.startup"})
        told = self.portal.call(outbox.get)
        assert told["type"] == "lifespan.startup.complete", told
        try:
            yield self
        finally:  # or the portal would wait for it for ever
            self.portal.call(inbox.put, {"type": "lifespan.shutdown"})
            told = self.portal.call(outbox.get)
        assert told["type"] == "lifespan.shutdown.complete", told
        done.result(10)


class Visitor:
    """A browser, or a program, with its cookies; all answers are kept."""

    def __init__(self, web, headers=FORM, client=("203.0.113.9", 4000)):
        self.web, self.name, self.id = web, None, None
        transport = httpx.ASGITransport(app=web.app, client=client)
        self.client = httpx.AsyncClient(
            transport=transport, base_url=web.url, headers=headers
        )

    def ask(self, method, path, **options):
        call = functools.partial(self.client.request, method, path, **options)
        return self.web.portal.call(call)

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, data=None, **options):
        return self.ask("POST", path, data=data, **options)

    def later(self, method, path, **options):
        """An answer that is waited for meanwhile."""
        call = functools.partial(self.client.request, method, path, **options)
        return self.web.portal.start_task_soon(call)

    def sign_in(self, name, password=PASSWORD):
        answer = self.post("/login", {"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        return answer

    def key(self, path):
        """The key of the form of a page."""
        return re.search(r'name="key" value="([^"]+)"', self.get(path).text)[1]

    def order(self, kind="mix", path="/new", picture=None, headers=None, **fields):
        """Sends the form of a new picture; by default with a built-in style."""
        page = self.get(path).text
        values = {
            "key": re.search(r'name="key" value="([^"]+)"', page)[1],
            "kind": kind,
            "alpha": "0.5",
            "strength": "light",
            "size": re.search(r'name="size" value="(\d+)"', page)[1],
        }
        style = re.search(r'name="style" value="([^"]+)"', page)
        values["style"] = style[1] if style else ""
        values |= fields
        data = photograph() if picture is None else picture
        files = {"content": ("photo.png", data)} if data else {"none": ("", b"")}
        return self.post(path, values, files=files, headers=headers)

    def job(self, **options):
        """Orders a picture; returns the id of its job."""
        answer = self.order(**options)
        assert answer.status_code == 303, shown(answer)
        return answer.headers["location"].rpartition("/")[2]

    def make(self, **options):
        """Orders a picture and has it made; returns the id of the work."""
        job = self.job(**options)
        self.web.work()
        return self.work_of(job)

    def work_of(self, job):
        page = self.get(f"/me/jobs/{job}").text
        return re.search(r'href="/w/([^"]+)"', page)[1]

    def publish(self, work, visibility="public", **fields):
        values = {"visibility": visibility} | fields
        answer = self.post(f"/w/{work}/visibility", values)
        assert answer.status_code == 303, shown(answer)
        return work


def shown(answer):
    """What an answer says, without tags."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


@contextlib.contextmanager
def portal():
    """A thread with a loop, for the applications of all tests of a module."""
    with anyio.from_thread.start_blocking_portal() as made:
        yield made
