"""The studio's pages with invented people and works, to look at and for tests.

    python tests/studio/pages_sample.py

It is at http://127.0.0.1:8765; sign in as anna, or as ida, who moderates.

Nothing of it is in the package. Every form's fields are kept in `posts`.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import functools
import io
import pathlib
import sys
import urllib.parse

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vectormix_tf.studio import contexts, intake, pages, thumbnails
from vectormix_tf.studio.contexts import (
    AdminPage,
    AuditRow,
    ErrorPage,
    Fact,
    FeedPage,
    Frame,
    JobCard,
    JobPage,
    LinkPage,
    LoginForm,
    MinePage,
    NewForm,
    PasswordForm,
    PersonPage,
    PersonRow,
    Picture,
    Preset,
    Reveal,
    ReviewRow,
    SessionRow,
    SettingsPage,
    SignupForm,
    Size,
    StyleCard,
    StylesPage,
    Tab,
    Thumb,
    Usage,
    Viewer,
    WorkCard,
    WorkPage,
)

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
DAY = datetime.datetime(2026, 9, 14, 10, 20)
PORT = 8765

# Title, author, file, box that is cut out (shares of the sides), photograph, style.
WORKS = [
    ("Pavilion at noon", "mara", "mix_pavilion", None, "pavilion", "church_at_auvers"),
    ("", "jonas", "mix_flower", None, "flower", "vestibule_asylum"),
    ("First one up", "eileen", "mix_astronaut", (0.1, 0, 0.8, 1), "astronaut",
     "hubble"),
    ("Something in the leaves", "tomo", "dream_deep", None, "flower", ""),
    ("Monday", "anna", "mix_coffee", None, "coffee", "night_cafe"),
    ("Roofs that look back at you, and a very long title", "li-wei", "dream_pavilion",
     (0, 0, 0.62, 1), "pavilion", ""),
    ("Kept colors", "mara", "own_colors", None, "flower", "harvest"),
    ("Tiles", "ole", "tile", None, "flower", "langlois_bridge"),
    ("Low tide", "jonas", "dream_low", None, "flower", ""),
    ("Garden wall", "sofia", "places", (0, 0, 0.7, 1), "flower", "harvest"),
    ("Middle of the dream", "anna", "dream_middle", None, "flower", ""),
    ("After the guide", "tomo", "guided", None, "pavilion", ""),
    ("Cup, seen twice", "sofia", "mix_coffee", (0.2, 0, 0.85, 1), "coffee", "harvest"),
    ("Gate", "eileen", "mix_pavilion", (0.3, 0, 0.8, 1), "pavilion", "night_cafe"),
]  # fmt: skip
STYLES = [
    ("church_at_auvers", "The Church at Auvers", 412),
    ("harvest", "The Harvest", 233),
    ("night_cafe", "The Night Café", 190),
    ("cafe_terrace", "Café Terrace at Night", 188),
    ("langlois_bridge", "The Langlois Bridge", 121),
    ("pere_tanguy", "Père Tanguy", 76),
    ("road_to_tarascon", "The Painter on the Road to Tarascon", 64),
    ("vestibule_asylum", "Vestibule in the Asylum", 41),
]
PHOTOGRAPHS = ("pavilion", "flower", "astronaut", "coffee", "cat", "rocket")


def file_of(name):
    for folder in (EXAMPLES, EXAMPLES / "images"):
        if (folder / f"{name}.jpg").exists():
            return folder / f"{name}.jpg"
    raise HTTPException(404)


@functools.cache
def pictures(name, box=None):
    """The whole picture and its thumbnails, as files."""
    with Image.open(file_of(name)) as image:
        image = image.convert("RGB")
    if box:
        width, height = image.size
        sides = (width, height, width, height)
        image = image.crop([int(a * b) for a, b in zip(box, sides, strict=True)])
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92)
    return image.size, [file.getvalue(), *(t.data for t in thumbnails.make(image))]


def picture(name, box=None, alt=""):
    (width, height), _ = pictures(name, box)
    cut = "-" + "-".join(map(str, box)) if box else ""
    thumbs = []
    for side in thumbnails.SIDES:
        share = min(1, side / max(width, height))
        url = f"/files/{name}{cut}.{side}"
        thumbs.append(Thumb(url, round(width * share), round(height * share)))
    return Picture(f"/files/{name}{cut}.whole", width, height, *thumbs, alt)


def style_card(name, title, uses=0):
    return StyleCard(
        name, title, "Vincent van Gogh", picture(f"style_{name}", alt=title), uses
    )


@functools.cache
def environment():
    """Compiles each template once, for all samples."""
    return pages.environment()


class Sample:
    """All that the pages show, and what was posted."""

    def __init__(self, is_empty=False, hold=1.0, runs=True, has_worker=True):
        self.is_empty, self.hold, self.runs = is_empty, hold, runs
        self.has_worker = has_worker
        self.posts, self.liked, self.asked = [], {2, 6}, 0
        self.version = 1
        self.jobs = [] if is_empty else self.first_jobs()
        if not has_worker:
            self.jobs = [dataclasses.replace(self.jobs[1], ahead=0, wait_seconds=None,
                                             has_worker=False)]  # fmt: skip
        self.moved = asyncio.Event()
        self.environment = environment()
        self.refuse = None  # (status, {"error": ...}) of the next order

    @staticmethod
    def first_jobs():
        done = {"step": 41, "steps": 100, "seconds_left": 48, "fraction": 0.41}
        seen = picture("mix_flower", alt="The picture so far")
        return [
            JobCard("j1", "/me/jobs/j1", "Mix with The Harvest", "running",
                    preview=seen, **done),
            JobCard("j2", "/me/jobs/j2", "Dream", "queued", ahead=2, wait_seconds=170,
                    preview=picture("content_cat", alt="Your photograph")),
            JobCard("j3", "/me/jobs/j3", "Mix with Père Tanguy", "failed", key="again3",
                    error="The picture became too large for this machine."),
        ]  # fmt: skip

    def advance(self, **changes):
        """The first job goes on; whoever waits for news gets it."""
        self.jobs[0] = dataclasses.replace(self.jobs[0], **changes)
        self.version += 1
        self.moved.set()

    def tick(self):
        job = self.jobs[0]
        step = min(job.steps, job.step + 7)
        fraction, left = step / job.steps, (job.steps - step) * 0.8
        state = "done" if step == job.steps else "running"
        self.advance(step=step, fraction=fraction, seconds_left=left, state=state,
                     work_url="/w/4" if state == "done" else None)  # fmt: skip

    # Contexts

    def viewer(self, request):
        name = request.cookies.get("name")
        if not name:
            return None
        is_moderator = name == "ida"
        busy = sum(not job.is_final for job in self.jobs)
        return Viewer(name, is_moderator, busy, 3 if is_moderator else 0)

    def works(self, author=None, viewer=None, visibility="public"):
        return [
            self.work(number, viewer, visibility)
            for number, (_, by, *_) in enumerate(WORKS)
            if (author is None or by == author) and not self.is_empty
        ]

    def work(self, number, viewer=None, visibility="public"):
        title, author, name, box, _, style = WORKS[number]
        words = {each[0]: each[1] for each in STYLES}
        kind = "mix" if style else "dream"
        return WorkCard(
            str(number), f"/w/{number}", title, author,
            picture(name, box, title or f"A {kind} by {author}"), kind,
            words.get(style, "Hubble Deep Field" if style else ""),
            (37 * (number + 3)) % 53 + (number in self.liked),
            number in self.liked, visibility,
        )  # fmt: skip

    def styles(self):
        return tuple(style_card(*each) for each in STYLES)

    def form(self, **changes):
        values = {
            "styles": self.styles(), "style": "harvest", "size": 512,
            "sizes": (Size(384, 25, 15), Size(512, 45, 25), Size(768, 130, 70),
                      Size(1024, 260, 150)),
            "presets": (Preset("bold", "Bold", 0.3), Preset("even", "Even", 0.5),
                        Preset("faithful", "Faithful", 0.75)),
            "strengths": (Preset("light", "Light", 5), Preset("usual", "Usual", 10),
                          Preset("deep", "Deep", 20)),
            "strength": "usual", "limit_bytes": 32 << 20,
            "media_types": intake.MEDIA_TYPES, "ahead": 2,
            "wait_seconds": 100 if self.has_worker else None, "key": "key-1",
        }  # fmt: skip
        return NewForm(**values | changes)

    # Pages

    def page(self, request, template, page, status=200, **frame):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        made = Frame(viewer=self.viewer(request), path=path, key="key-0", **frame)
        text = pages.render(self.environment, template, made, page)
        return HTMLResponse(text, status, {"cache-control": "private, no-cache"})

    async def feed(self, request):
        number = int(request.query_params.get("before", 0))
        viewer, best = self.viewer(request), request.url.path == "/best"
        days = request.query_params.get("days", "7")
        tabs = (
            Tab("New", "/", not best),
            Tab("Best of the week", "/best?days=7", best and days == "7"),
            Tab("Best of the month", "/best?days=30", best and days == "30"),
        )
        works = self.works(viewer=viewer)
        works = works[number:] + works[: number and 5]
        if best:
            works.sort(key=lambda each: -each.likes)
        example = (picture("content_pavilion"), picture("mix_pavilion"))
        heading = "Best" if best else "New pictures"
        older = None if number or self.is_empty else f"{request.url.path}?before=9"
        return self.page(
            request,
            "feed.html",
            FeedPage(heading, tabs, tuple(works), older, not (best or number), example),
        )

    async def show(self, request):
        number = int(request.path_params["id"])
        if number >= len(WORKS):
            raise HTTPException(404)
        viewer = self.viewer(request)
        is_owner = viewer is not None and viewer.name == WORKS[number][1]
        visibility = "private" if is_owner and number == 10 else "public"
        work, (*_, photo, style) = self.work(number, viewer, visibility), WORKS[number]
        named = next((each for each in self.styles() if each.id == style), None)
        words = (
            f"Half the photograph, half {work.style}: alpha 0.50, 512 pixels, 100 steps"
            " from the preview."
            if style
            else "What InceptionV3 sees in it: three octaves of ten steps, 512 pixels."
        )
        facts = (Fact("Kind", work.kind.title()), Fact("Alpha", "0.50"),
                 Fact("Size", "512 × 342 pixels"), Fact("Steps", "100"),
                 Fact("Seed", "7"))  # fmt: skip
        shows = number % 2 == 0 and not WORKS[number][3]
        page = WorkPage(
            work, words, facts, DAY, style=named,
            before=picture(f"content_{photo}") if shows else None,
            share_url=str(request.base_url) + f"w/{number}", is_owner=is_owner,
            reveals=(Reveal("The picture, its title and your name", True),
                     Reveal("The style and the settings it was made with", True),
                     Reveal("The photograph, unless you choose so below", False),
                     Reveal("Where and when it was taken, its file's name", False)),
            reasons=(("unwanted", "It should not be shown here"),
                     ("person", "It shows a person who has not agreed"),
                     ("rights", "It is someone else's picture"),
                     ("else", "Something else")),
            key="key-2",
        )  # fmt: skip
        return self.page(request, "work.html", page)

    async def person(self, request):
        name = request.path_params["name"]
        viewer = self.viewer(request)
        works = tuple(self.works(name, viewer))
        known = {each[1] for each in WORKS} | {"ida"}
        if name not in known:
            raise HTTPException(404)
        likes = sum(each.likes for each in works)
        styles = (self.people_styles()[:1]) if name == "mara" else ()
        is_self = viewer is not None and viewer.name == name
        page = PersonPage(name, DAY, works, len(works), likes, styles, is_self=is_self)
        return self.page(request, "person.html", page)

    def people_styles(self):
        hubble = picture("style_hubble", alt="Hubble Deep Field")
        return (
            StyleCard("p1", "Deep Field", "shared by mara", hubble, 58, "mara"),
            StyleCard("p2", "Roof tiles", "shared by ole", picture("tile"), 17, "ole"),
            StyleCard("p3", "Low tide", "shared by jonas", picture("dream_low"), 3,
                      "jonas"),
        )  # fmt: skip

    async def all_styles(self, request):
        people = () if self.is_empty else self.people_styles()
        return self.page(request, "styles.html", StylesPage(self.styles(), people))

    async def new(self, request):
        trial = request.url.path == "/try"
        changes = {"style": request.query_params.get("style", "harvest")}
        if trial:
            changes["sizes"] = (Size(256, 15, 9),)
        if request.query_params.get("again"):
            changes |= {
                "content": picture("content_coffee", alt="The photograph of Monday"),
                "content_id": "4",
            }
        if request.query_params.get("full"):
            changes["refusal"] = "You have 5 pictures in line already; let one be done."
        form = self.form(**changes)
        return self.page(request, "try.html" if trial else "new.html", form)

    async def mine(self, request):
        viewer = self.viewer(request)
        if viewer is None:
            return RedirectResponse("/login?next=/me", 303)
        works = [] if self.is_empty else self.works(viewer.name, viewer)
        shades = ("private", "public", "unlisted")
        works = tuple(
            dataclasses.replace(
                each, visibility=shades[i % 3], title=each.title if i else ""
            )
            for i, each in enumerate(works)
        )  # fmt: skip
        usage = (
            Usage("Pictures in line", "2", "5", 0.4),
            Usage("Pictures today", "9", "40", 0.22),
            Usage("Room", "412 MB", "500 MB", 0.88),
        )
        open_jobs = tuple(job for job in self.jobs if job.state != "done")
        page = MinePage(open_jobs, works, self.version, usage)
        return self.page(request, "mine.html", page)

    async def job(self, request):
        found = [job for job in self.jobs if job.id == request.path_params["id"]]
        if not found:
            raise HTTPException(404)
        facts = (
            Fact("Alpha", "0.50"),
            Fact("Size", "512 pixels"),
            Fact("Steps", "100"),
        )
        page = JobPage(found[0], facts, picture("content_flower"), self.styles()[1],
                       self.version)  # fmt: skip
        return self.page(request, "job.html", page)

    async def news(self, request):
        self.asked += 1
        after = int(request.query_params["after"])
        if after >= self.version:
            if self.runs and self.jobs and not self.jobs[0].is_final:
                await asyncio.sleep(self.hold)
                self.tick()
            else:
                self.moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.moved.wait(), self.hold)
        jobs = [job.news() for job in self.jobs]
        return JSONResponse({"after": self.version, "jobs": jobs})

    async def login(self, request):
        return self.page(request, "login.html", LoginForm())

    async def signup(self, request):
        return self.page(
            request, "signup.html", SignupForm(is_reviewed=True, key="key-3")
        )

    async def password(self, request):
        link = request.query_params.get("link", "")
        if link:
            page = PasswordForm("mara", link, least=8)
        else:
            page = PasswordForm(error="There is no such link; ask for a new one.")
        return self.page(request, "password.html", page, 200 if link else 404)

    async def link(self, request):
        name = request.path_params["name"]
        url = f"{request.base_url}password?link={'k' * 43}"
        page = LinkPage(
            name, f"{name}@example.org", url, f"/admin?show=people&name={name}"
        )
        return self.page(request, "link.html", page)

    async def settings(self, request):
        page = SettingsPage(
            "anna", "anna@example.org",
            (SessionRow("s1", "Firefox on Linux", DAY, DAY, True),
             SessionRow("s2", "Safari on iPhone", DAY, DAY)),
            (Usage("Room", "412 MB", "500 MB", 0.88),), works=12,
        )  # fmt: skip
        return self.page(request, "settings.html", page)

    async def admin(self, request):
        show = request.query_params.get("show", "review")
        names = [
            ("review", "To review"),
            ("people", "People"),
            ("audit", "What was done"),
        ]
        tabs = tuple(Tab(t, f"/admin?show={n}", n == show) for n, t in names)
        states = ("hidden", "held", "removed")
        reports = (("Someone else's picture", "This is from my site, see the corner."),
                   ("It should not be shown here", ""))  # fmt: skip
        review = tuple(
            ReviewRow(self.work(i), reports if state == "hidden" else (), state, DAY,
                      f"/admin?show=people&name={WORKS[i][1]}")
            for i, state in zip((5, 3, 1), states, strict=True)
        )  # fmt: skip
        people = (PersonRow("anna", DAY, 12), PersonRow("spam4you", DAY, 40, 31, True),
                  PersonRow("jonas", DAY, 5, 1), PersonRow("ida", DAY, 0, 0, False,
                                                           "moderator"))  # fmt: skip
        audit = (AuditRow(DAY, "ida", "removed a work of spam4you", "advertising"),
                 AuditRow(DAY, "ida", "approved Monday by anna"))  # fmt: skip
        facts = (Fact("Waiting", "14"), Fact("Running", "2"), Fact("Workers", "3"),
                 Fact("Stored", "41.2 GB"))  # fmt: skip
        if self.is_empty:
            review = ()
        page = AdminPage(tabs, show, review, people, "", audit, facts, key="key-4",
                         may_appoint=True)  # fmt: skip
        return self.page(request, "admin.html", page)

    async def fail(self, request):
        raise HTTPException(int(request.path_params["status"]))

    async def error(self, request, raised):
        heading, text = contexts.ERROR_TEXTS[raised.status_code]
        page = ErrorPage(raised.status_code, heading, text)
        return self.page(request, "error.html", page, raised.status_code)

    # What is posted

    async def post(self, request):
        async with request.form() as form:
            fields = [
                (key, await value.read() if isinstance(value, UploadFile) else value)
                for key, value in form.multi_items()
            ]
        path, fields = request.url.path, dict(fields)
        self.posts.append((path, fields))
        wants_json = "application/json" in request.headers.get("accept", "")
        if path.endswith("/like"):
            number = int(path.split("/")[2])
            (self.liked.add if fields["like"] == "1" else self.liked.discard)(number)
            if wants_json:
                told = {"likes": self.work(number).likes, "liked": number in self.liked}
                return JSONResponse(told)
        if path in ("/new", "/try") and wants_json:
            if self.refuse:
                return JSONResponse(self.refuse[1], self.refuse[0])
            return JSONResponse({"id": "j1", "url": "/me/jobs/j1"}, 201)
        target = {"/new": "/me/jobs/j1", "/try": "/me/jobs/j1", "/login": "/me"}
        where = (
            fields.get("next")
            or target.get(path)
            or request.headers.get("referer", "/")
        )
        where = urllib.parse.urlsplit(where)
        answer = RedirectResponse(
            where.path + (f"?{where.query}" if where.query else ""), 303
        )
        if path == "/login":
            answer.set_cookie("name", fields["name"])
        if path == "/logout":
            answer.delete_cookie("name")
        return answer

    async def file(self, request):
        name, _, kind = request.path_params["name"].rpartition(".")
        name, *box = name.split("-")
        _, files = pictures(name, tuple(map(float, box)) or None)
        kinds = ["whole", *map(str, thumbnails.SIDES)]
        headers = {"cache-control": "public, max-age=300"}
        data = files[kinds.index(kind)]
        return Response(data, media_type="image/jpeg", headers=headers)

    def app(self):
        routes = [
            Route("/", self.feed),
            Route("/best", self.feed),
            Route("/w/{id:int}", self.show),
            Route("/u/{name}", self.person),
            Route("/styles", self.all_styles),
            Route("/new", self.new),
            Route("/try", self.new),
            Route("/me", self.mine),
            Route("/me/jobs/{id}", self.job),
            Route("/me/settings", self.settings),
            Route("/api/news", self.news),
            Route("/login", self.login),
            Route("/signup", self.signup),
            Route("/password", self.password),
            Route("/admin", self.admin),
            Route("/admin/people/{name}/password", self.link),
            Route("/error/{status:int}", self.fail),
            Route("/files/{name}", self.file),
            Mount("/static", StaticFiles(directory=pages.STATIC)),
            Route("/{path:path}", self.post, methods=["POST"]),
        ]
        handlers = {HTTPException: self.error}
        app = Starlette(routes=routes, exception_handlers=handlers)
        for route in app.routes[:-2]:  # a form is posted to the page that shows it
            if isinstance(route, Route):
                route.methods = {"GET", "HEAD"}
        return with_headers(Posts(app, self))


class Posts:
    """Takes all that is posted, also to addresses that have a page."""

    def __init__(self, app, sample):
        self.app, self.sample = app, sample

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            from starlette.requests import Request

            answer = await self.sample.post(Request(scope, receive))
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def with_headers(app):
    async def answer(scope, receive, send):
        async def send_with(message):
            if message["type"] == "http.response.start":
                added = [(k.encode(), v.encode()) for k, v in pages.HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await app(scope, receive, send_with)

    return answer


if __name__ == "__main__":
    made = Sample(is_empty="--empty" in sys.argv)
    uvicorn.run(made.app(), port=PORT, log_level="warning")
