"""The studio's pages in a browser, with invented data: with and without a script."""

import io
import pathlib
import re
import socket
import sys
import threading
import time

import pytest
from accessibility import violations
from PIL import Image

pytest.importorskip("jinja2")
pytest.importorskip("python_multipart")
uvicorn = pytest.importorskip("uvicorn")
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import pages_sample  # noqa: E402
from pages_sample import Sample  # noqa: E402

from vectormix_tf.studio import contexts, pages  # noqa: E402

# {page: who looks at it}; of each template at least one.
PAGES = {
    "/": None,
    "/best?days=7": "anna",
    "/w/0": "jonas",
    "/w/3": None,
    "/w/10": "anna",
    "/u/mara": "anna",
    "/styles": None,
    "/new?style=night_cafe": "anna",
    "/new?again=4": "anna",
    "/try": None,
    "/me": "anna",
    "/me/jobs/j1": "anna",
    "/me/jobs/j2": "anna",
    "/me/settings": "anna",
    "/login": None,
    "/signup": None,
    "/password": None,
    "/password?link=k": None,
    "/admin": "ida",
    "/admin?show=people": "ida",
    "/admin?show=audit": "ida",
    "/admin/people/anna/password": "ida",
    "/error/404": None,
    "/error/503": "anna",
}
RUNNING = {"runs": False, "hold": 0.3}


class Site:
    """Pages of a sample, served at a port of this machine."""

    def __init__(self, **options):
        self.sample = Sample(**RUNNING | options)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(self.sample.app(), log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        run = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run)

    def __enter__(self):
        self._thread.start()
        until(lambda: self._server.started)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(3)  # answers end; a file that is cut off would stay open
        self._server.force_exit = True
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()

    def posted(self, path):
        """The fields of the only form that was posted there."""
        until(lambda: any(each == path for each, _ in self.sample.posts))
        (fields,) = [fields for each, fields in self.sample.posts if each == path]
        return fields


def until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it has not come to that")


@pytest.fixture(scope="module")
def shared():
    """A site for tests that only look."""
    with Site() as site:
        yield site


@pytest.fixture
def site():
    with Site() as site:
        yield site


@pytest.fixture
def visit(chromium):
    """Opens pages; none may complain in its console or ask another host."""
    complaints, contexts_, asked = [], [], []

    def open_page(site, path, who=None, width=1280, height=800, seen=True, **options):
        sides = {"width": width, "height": height}
        context = chromium.new_context(viewport=sides, **options)
        contexts_.append(context)
        if who:
            context.add_cookies([{"name": "name", "value": who, "url": site.url}])
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append((site.url, request.url)))
        if not seen:  # faster
            page.route("**/files/**", lambda route: route.abort())
        page.goto(site.url + path)
        return page

    yield open_page
    for context in contexts_:
        context.close()
    # That a request was refused is told by the browser itself.
    assert not [line for line in complaints if "Failed to load resource" not in line]
    assert asked and all(url.startswith((own, "blob:" + own)) for own, url in asked), (
        asked
    )


def picture(color=(200, 40, 40), size=(90, 60), kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def chosen(name="mine.png", data=None):
    data = data or picture()
    return {"name": name, "mimeType": "image/png", "buffer": data}


# --- Every page -----------------------------------------------------------------------


def test_each_template_is_looked_at_below():
    seen = {
        each.name
        for each in (pages.FOLDER / "templates").iterdir()
        if "extends" in each.read_text("utf-8")
    }
    assert seen == {f"{name}.html" for name in TEMPLATES}


TEMPLATES = ("admin", "error", "feed", "job", "link", "login", "mine", "new",
             "password", "person", "settings", "signup", "styles", "try",
             "work")  # fmt: skip


def every_page(visit, site, *sides, **options):
    """Opens all pages, one after the other; yields (page, path)."""
    page = visit(site, "/login", None, *sides, **options)
    for path, who in PAGES.items():
        page.context.clear_cookies()
        if who:
            page.context.add_cookies([{"name": "name", "value": who, "url": site.url}])
        page.goto(site.url + path)
        yield page, path


def test_every_page_reads_without_a_script(visit, shared):
    for page, path in every_page(visit, shared, seen=False, java_script_enabled=False):
        assert page.locator("h1").count() == 1, path
        assert len(page.inner_text("main")) > 40, path
        assert page.locator("main .scripted:visible").count() == 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(visit, shared, scheme):
    phone = every_page(visit, shared, 320, 640, seen=False, color_scheme=scheme)
    for page, path in phone:
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert page.evaluate(wide) <= 0, path  # WCAG 2.2, 1.4.10
        assert not violations(page), path


@pytest.mark.parametrize("path", ["/", "/w/0", "/styles", "/new", "/me", "/admin"])
def test_pictures_keep_their_place_and_say_what_they_are(visit, shared, path):
    page = visit(shared, path, PAGES.get(path) or "anna", seen=False)
    for image in page.locator("main img[src]").all():
        assert image.get_attribute("width") and image.get_attribute("height")
        assert image.get_attribute("alt") is not None
    assert page.locator("main, header, footer, nav").count() >= 4
    names = "[...document.querySelectorAll('[id]')].map(each => each.id)"
    names = page.evaluate(names)
    assert len(names) == len(set(names))


def test_with_less_motion_nothing_moves(visit, shared):
    page = visit(shared, "/", "anna", reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter(each => {
        const style = getComputedStyle(each);
        return style.transitionDuration.split(",").some(time => parseFloat(time))
            || style.animationName !== "none";
    }).length"""
    page.click("[data-like] button >> nth=0")
    page.locator("[data-beat]").wait_for()
    assert page.evaluate(moving) == 0


def test_a_page_holds_no_script_or_style_and_names_no_other_site():
    for path in (pages.FOLDER / "templates").iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), (
            path.name
        )
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path.name
        assert not re.search(r"https?:|[\"'(]//", text), path.name
    for path in pages.STATIC.iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|[\"'(]//|innerHTML|eval\(", text), path.name


def test_what_a_person_typed_is_escaped():
    evil = '"><script>alert(1)</script>'
    card = pages_sample.picture("mix_flower", alt=evil)
    work = contexts.WorkCard("1", "/w/1", evil, evil, card, style=evil)
    page = contexts.FeedPage("New", (), (work,))
    frame = contexts.Frame(contexts.Viewer(evil), path=evil, notice=evil)
    text = pages.render(pages_sample.environment(), "feed.html", frame, page)
    assert "alert(1)" in text and "<script>" not in text
    assert not re.search(r'="[^"]*"><script', text)


def test_a_page_that_misses_a_value_is_a_mistake_and_no_hole():
    made = pages_sample.environment()
    with pytest.raises(Exception, match="has no attribute 'heading'"):
        pages.render(made, "feed.html", contexts.Frame(), contexts.LoginForm())


# --- Without a script -----------------------------------------------------------------


def plain(visit, site, path, who="anna"):
    return visit(site, path, who, seen=False, java_script_enabled=False)


def test_a_picture_is_ordered_without_a_script(visit, site):
    page = plain(visit, site, "/new")
    page.set_input_files("[name=content]", chosen("secret-name.png"))
    page.locator("label", has_text="The Night Café").click()
    page.fill("[name=alpha]", "0.3")
    page.locator(".chips label", has_text="768").click()
    page.click("text=Make it")
    page.wait_for_url("**/me/jobs/j1")
    sent = site.posted("/new")
    assert sent["content"] == picture() and sent["style"] == "night_cafe"
    wanted = {"kind": "mix", "alpha": "0.3", "size": "768", "key": "key-1"}
    assert wanted.items() <= sent.items()


@pytest.mark.parametrize(
    ("start", "who", "opened", "fields", "button", "path", "sent"),
    [
        ("/w/0", "jonas", None, {}, ".like button", "/w/0/like", {"like": "1"}),
        ("/w/2", "jonas", None, {}, ".like button", "/w/2/like", {"like": "0"}),
        ("/w/10", "anna", "Publish", {}, "#publish .primary", "/w/10/visibility",
         {"visibility": "public", "key": "key-2"}),
        ("/w/10", "anna", None, {"title": "A cup"}, "text=Keep", "/w/10/title",
         {"title": "A cup"}),
        ("/w/10", "anna", "Delete", {}, "#delete .alarm", "/w/10/delete", {}),
        ("/w/0", "jonas", "Report", {"text": "Mine"}, "#report .primary", "/w/0/report",
         {"reason": "rights", "text": "Mine"}),
        ("/me", "anna", None, {}, "#job-j2 button", "/me/jobs/j2/cancel", {}),
        ("/me", "anna", None, {}, "#job-j3 button", "/me/jobs/j3/again",
         {"key": "again3"}),
        ("/login", None, None, {"name": "mara", "password": "x y z"},
         ".door .primary", "/login",
         {"name": "mara", "password": "x y z", "next": "/"}),
        ("/signup", None, None, {"name": "mara", "password": "a long one"},
         ".door .primary", "/signup",
         {"name": "mara", "password": "a long one", "email": "", "key": "key-3"}),
        ("/password?link=k", None, None, {"password": "a long one"},
         ".door .primary", "/password",
         {"link": "k", "username": "mara", "password": "a long one"}),
        ("/me/settings", "anna", None, {}, "text=Sign out >> nth=-1",
         "/me/sessions/s2/revoke", {}),
        ("/me/settings", "anna", "Delete my account", {"password": "x"},
         "#leave .alarm", "/me/settings/delete", {"password": "x"}),
        ("/admin", "ida", None, {"why": "spam"}, ".review >> nth=0 >> .alarm",
         "/admin/works/5/remove", {"why": "spam", "key": "key-4", "next": "/admin"}),
        ("/admin", "ida", None, {}, ".review >> nth=1 >> text=Publish",
         "/admin/works/3/approve", {}),
        ("/admin", "ida", None, {}, "text=Restore", "/admin/works/1/restore", {}),
        ("/admin?show=people", "ida", None, {}, "text=Ban >> nth=0",
         "/admin/people/anna/ban", {}),
        ("/admin?show=people", "ida", None, {}, "text=Link for a new password >> nth=0",
         "/admin/people/anna/password", {}),
        ("/", "anna", "anna", {}, ".menu button", "/logout", {}),
    ],
)  # fmt: skip
def test_a_form_posts_without_a_script(
    visit, site, start, who, opened, fields, button, path, sent
):
    page = plain(visit, site, start, who)
    if opened:
        page.locator("summary", has_text=opened).click()
    if "report" in path:
        page.check("[value=rights]")
    scope = "#leave " if opened == "Delete my account" else ""
    for name, value in fields.items():
        page.locator(f"{scope}[name={name}]").first.fill(value)
    page.locator(button).first.click()
    assert sent.items() <= site.posted(path).items()


# --- With a script --------------------------------------------------------------------


def test_a_like_counts_at_once_and_is_taken_back(visit, site):
    page = visit(site, "/", "anna")
    form = page.locator("[action='/w/0/like']")
    button, number = form.locator("button"), form.locator("[data-likes]")
    before = int(number.inner_text())
    for pressed, likes in (("true", before + 1), ("false", before)):
        button.click()
        form.locator(f"[aria-pressed={pressed}]").wait_for()
        assert int(number.inner_text()) == likes
        assert f"{likes} likes" in button.get_attribute("aria-label")
    assert len(site.sample.posts) == 2 and page.url == site.url + "/"


def test_a_like_that_is_not_counted_is_told(visit, site):
    page = visit(site, "/", "anna")
    page.route("**/like", lambda route: route.abort())
    page.click("[action='/w/0/like'] button")
    page.locator("#toast", has_text="was not counted").wait_for()
    page.keyboard.press("Escape")
    page.locator("#toast").wait_for(state="hidden")


def test_back_keeps_the_place_in_the_feed(visit, shared):
    page = visit(shared, "/", "anna")
    page.click("a[rel=next]")
    page.wait_for_url("**/?before=9")
    page.evaluate("scrollTo(0, 420)")
    page.locator(".canvas:visible").nth(3).click()
    page.wait_for_url("**/w/**")
    page.go_back()
    page.wait_for_url("**/?before=9")
    until(lambda: abs(page.evaluate("scrollY") - 420) < 2)
    page.go_back()
    page.wait_for_function("location.search === ''")


def test_a_picture_is_dropped_seen_and_sent_once(visit, site):
    page = visit(site, "/new", "anna")
    give(page, "drop", ".slot[data-slot=content]", "flower.png")
    page.locator("[data-slot=content].filled img[src^=blob]").wait_for()
    assert page.inner_text("#content-hint") == "flower.png"
    page.click("text=Faithful")
    assert page.input_value("#alpha") == "0.75"
    page.locator(".chips label", has_text="1024").click()
    assert "about 4 minutes" in page.inner_text("#estimate")
    page.dblclick("#send")
    page.wait_for_url("**/me/jobs/j1")
    sent = site.posted("/new")  # one of them
    assert sent["content"] == picture() and sent["alpha"] == "0.75"
    assert sent["style"] == "harvest" and sent["key"] == "key-1"


# Gives a file to a page by an event of the mouse or the clipboard.
GIVE = """([kind, selector, name, data]) => {
    const carried = new DataTransfer();
    const bytes = Uint8Array.from(data);
    carried.items.add(new File([bytes], name, {type: "image/png"}));
    const key = kind === "paste" ? "clipboardData" : "dataTransfer";
    const made = kind === "paste" ? ClipboardEvent : DragEvent;
    const event = new made(kind, {[key]: carried, bubbles: true, cancelable: true});
    document.querySelector(selector).dispatchEvent(event);
}"""


def give(page, kind, selector, name, data=None):
    page.evaluate(GIVE, [kind, selector, name, list(data or picture())])


def test_what_is_pasted_goes_where_a_picture_is_missing(visit, site):
    page = visit(site, "/new", "anna")
    give(page, "paste", "body", "first.png")
    page.locator("[data-slot=content].filled").wait_for()
    give(page, "drop", "[data-slot=style_file]", "second.png", picture((1, 2, 3)))
    page.locator("[data-slot=style_file].filled").wait_for()
    assert page.locator("[name=style]:checked").count() == 0
    page.click("#send")
    page.wait_for_url("**/me/jobs/j1")
    sent = site.posted("/new")
    assert sent["style_file"] == picture((1, 2, 3)) and "style" not in sent


def test_a_style_of_the_shelf_takes_the_place_of_ones_own(visit, site):
    page = visit(site, "/new", "anna")
    page.set_input_files("[name=content]", chosen())
    page.set_input_files("[name=style_file]", chosen("own.png"))
    page.locator(".pick", has_text="Père Tanguy").click()
    assert page.locator("[data-slot=style_file].filled").count() == 0
    page.click("#send")
    page.wait_for_url("**/me/jobs/j1")
    sent = site.posted("/new")
    assert sent["style"] == "pere_tanguy" and sent["style_file"] == b""


def test_a_dream_hides_what_it_does_not_need(visit, site):
    page = visit(site, "/new?again=4", "anna")
    assert page.locator("[data-slot=content] img").is_visible()
    page.locator(".kinds label", has_text="Dream").click()
    assert not page.locator(".part-style").is_visible()
    assert not page.locator("#alpha").is_visible()
    page.locator(".chips label", has_text="Deep").click()
    assert page.inner_text("#send") == "Dream it"
    page.click("#send")  # the photograph is the one of before
    page.wait_for_url("**/me/jobs/j1")
    sent = site.posted("/new")
    assert (sent["kind"], sent["strength"]) == ("dream", "deep")
    assert sent["content_id"] == "4"


def test_what_is_wrong_with_an_order_is_told_and_can_be_mended(visit, site):
    page = visit(site, "/new", "anna")
    page.click("#send")
    page.locator("#toast", has_text="Choose a photograph first").wait_for()
    assert not site.sample.posts
    page.set_input_files("[name=content]", chosen())
    text = "The picture cannot be read, it may be damaged; get a new copy."
    site.sample.refuse = 400, {"error": text, "code": "broken", "field": "content"}
    page.click("#send")
    page.locator("#toast", has_text=text).wait_for()
    assert page.locator("[name=content][aria-invalid=true]").count() == 1
    site.sample.refuse = None
    page.click("#send:enabled")
    page.wait_for_url("**/me/jobs/j1")
    keys = {fields["key"] for _, fields in site.sample.posts}
    assert len(site.sample.posts) == 2 and keys == {"key-1"}


def test_too_large_a_file_is_told_before_it_is_sent(visit, shared):
    page = visit(shared, "/new", "anna")
    page.evaluate("document.querySelector('#order').dataset.limit = 50")
    page.set_input_files("[name=content]", chosen("large.png"))
    page.locator("#toast", has_text="large.png has over").wait_for()
    assert page.locator(".filled").count() == 0


def test_jobs_are_seen_to_go_on_and_to_end(visit, site):
    page = visit(site, "/me", "anna")
    job = page.locator("#job-j1")
    assert job.locator("[data-status]").inner_text() == "41 %"
    until(lambda: site.sample.asked >= 2)  # it goes on asking
    site.sample.advance( fraction=0.7, step=70, seconds_left=20,
            preview=pages_sample.picture("mix_coffee"))  # fmt: skip
    job.locator("[data-status]", has_text="70 %").wait_for()
    assert "about 20 seconds left" in job.inner_text()
    assert job.locator("progress").evaluate("each => each.value") == 70
    until(lambda: "mix_coffee" in job.locator("img").get_attribute("src"))
    assert "The Harvest" in page.inner_text("#spoken")
    site.sample.advance(state="failed", error="The model went away.")
    job.locator("button", has_text="Again").wait_for()
    assert "The model went away." in job.inner_text()
    assert job.locator("progress").count() == 0


def test_a_report_for_ears_does_not_chatter(visit, site):
    page = visit(site, "/me", "anna")
    page.locator("#job-j1").wait_for()
    page.evaluate("""() => {
        window.said = [];
        const spoken = document.querySelector("#spoken");
        new MutationObserver(() => said.push(spoken.innerText))
            .observe(spoken, {childList: true});
    }""")
    for percent in range(50, 60):
        site.sample.advance(fraction=percent / 100)
        page.locator("#job-j1", has_text=f"{percent} %").wait_for()
    assert len(page.evaluate("said")) <= 1


def test_a_page_of_one_job_ends_with_its_picture(visit, site):
    page = visit(site, "/me/jobs/j1", "anna")
    site.sample.advance(state="done", fraction=1.0, work_url="/w/4")
    page.click("text=See the picture")
    page.wait_for_url("**/w/4")


def test_a_hidden_tab_does_not_ask(visit, site):
    page = visit(site, "/me", "anna")
    until(lambda: site.sample.asked >= 1)
    page.evaluate("""() => {
        Object.defineProperty(document, "hidden", {get: () => true});
        document.dispatchEvent(new Event("visibilitychange"));
    }""")
    time.sleep(0.5)
    asked = site.sample.asked
    time.sleep(0.8)
    assert site.sample.asked == asked


def test_a_page_whose_server_is_away_asks_less_and_less(visit, site):
    page = visit(site, "/styles", "anna")
    failed = []
    page.route("**/api/news*", lambda route: (failed.append(1), route.abort()))
    page.clock.install()
    page.goto(site.url + "/me")
    for _ in range(60):
        page.clock.run_for(1000)
    assert 3 <= len(failed) <= 8


# --- Keyboard -------------------------------------------------------------------------


def test_a_dialog_keeps_the_focus_and_gives_it_back(visit, site):
    page = visit(site, "/w/10", "anna")
    button = page.locator(".owner button", has_text="Publish")
    button.focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open]").wait_for()
    inside = "Boolean(document.activeElement.closest('dialog[open]'))"
    for _ in range(12):
        page.keyboard.press("Tab")
        is_page = "document.activeElement === document.body"  # then the browser's own
        assert page.evaluate(inside) or page.evaluate(is_page)
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="hidden")
    assert button.evaluate("each => each === document.activeElement")


def test_a_ban_is_asked_about(visit, site):
    page = visit(site, "/admin?show=people", "ida")
    page.click("button:text-is('Ban') >> nth=0")
    page.locator("dialog[open]", has_text="Ban anna?").wait_for()
    page.keyboard.press("Enter")  # on "Not now"
    page.locator("dialog").first.wait_for(state="detached")
    assert not site.sample.posts
    page.click("button:text-is('Ban') >> nth=0")
    page.click("dialog[open] .alarm")
    site.posted("/admin/people/anna/ban")


@pytest.mark.parametrize("path", ["/", "/w/0", "/new", "/me"])
def test_everything_is_reached_with_tab_and_seen_when_it_is(visit, shared, path):
    page = visit(shared, path, "anna")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    look = """() => {
        const each = document.activeElement;
        const near = [each, each.nextElementSibling].filter(Boolean);
        const outlined = near.some(one => {
            const style = getComputedStyle(one);
            return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
        });
        return [each.tagName + "." + each.className + each.name, outlined];
    }"""
    names = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(look)
        if name.startswith("BODY"):
            break
        names.append(name)
        assert is_seen, name
    assert len(names) >= 8


def test_the_photograph_is_laid_over_the_picture_by_the_keyboard(visit, shared):
    page = visit(shared, "/w/0", "jonas")
    slider = page.locator("[data-compare] input")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    cut = (
        "getComputedStyle(document.querySelector('.layers')).getPropertyValue('--cut')"
    )
    assert page.evaluate(cut) == "3%"


def test_the_first_visit_invites(visit):
    with Site(is_empty=True) as site:
        for path, who in (("/", None), ("/me", "anna"), ("/u/anna", "anna"),
                          ("/admin", "ida")):  # fmt: skip
            page = visit(site, path, who)
            page.locator(".none .lead").wait_for()
        assert page.locator("h1").count() == 1


def test_a_job_that_waits_for_a_worker_says_so_until_one_is_there(visit):
    with Site(has_worker=False) as site:
        page = visit(site, "/new")
        assert page.inner_text("#estimate") == (
            "2 pictures in front of yours; it begins as soon as a worker is there, and"
            " takes about 45 seconds."
        )
        page.goto(site.url + "/me/jobs/j2")
        figures = page.locator("[data-figures]")
        assert figures.inner_text() == "begins as soon as a worker is there"
        site.sample.advance(wait_seconds=40, has_worker=True)
        until(lambda: figures.inner_text() == "begins in about 40 seconds")


# --- Words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "figures"),
    [
        ({"ahead": 0, "wait_seconds": 3}, "Next in line", "begins in a few seconds"),
        ({"ahead": 1, "wait_seconds": 42}, "2nd in line", "begins in about 40 seconds"),
        ({"ahead": 11}, "12th in line", ""),
        ({"ahead": 0, "has_worker": False}, "Next in line",
         "begins as soon as a worker is there"),
        ({"ahead": 2, "has_worker": False}, "3rd in line",
         "begins as soon as a worker is there"),
        ({"state": "running", "has_worker": False}, "0 %", ""),
        ({"state": "running", "fraction": 0.999, "steps": 9, "step": 9}, "99 %",
         "step 9 of 9"),
        ({"state": "running", "fraction": 1.7, "seconds_left": 8000}, "99 %",
         "about 2 hours left"),
        ({"state": "running", "is_stopping": True}, "Stopping", ""),
        ({"state": "done"}, "Done", ""),
        ({"state": "stopped"}, "Stopped", ""),
        ({"state": "stopped", "work_url": "/w/1"},
         "Stopped; the picture so far is kept", ""),
        ({"state": "failed", "error": "No."}, "Failed", "No."),
    ],
)  # fmt: skip
def test_a_state_is_told_in_words(changes, status, figures):
    job = contexts.JobCard("1", "/me/jobs/1", "Mix", "queued")
    job = contexts.dataclasses.replace(job, **changes)
    assert (job.status, job.figures) == (status, figures)
    assert job.news()["percent"] <= 100


@pytest.mark.parametrize(
    ("ahead", "wait_seconds", "place"),
    [
        (0, 0, "Yours would be next"),
        (0, 42, "Yours would be next"),
        (0, None, "Yours begins as soon as a worker is there"),
        (1, 42, "1 picture in front of yours; it begins in about 40 seconds"),
        (2, 0, "2 pictures in front of yours; it begins in a few seconds"),
        (2, None,
         "2 pictures in front of yours; it begins as soon as a worker is there"),
    ],
)  # fmt: skip
def test_the_place_of_a_new_picture_is_told_in_words(ahead, wait_seconds, place):
    assert contexts.NewForm(ahead=ahead, wait_seconds=wait_seconds).place == place


@pytest.mark.parametrize(
    ("width", "height", "shape"),
    [(300, 200, 150), (1, 9, 50), (9, 1, 240), (5, 5, 100)],
)
def test_a_card_has_the_nearest_aspect_that_the_style_sheet_knows(width, height, shape):
    small = contexts.Thumb("/a", width, height)
    assert contexts.Picture("/a", width, height, small, small).shape == shape
    sheet = (pages.STATIC / "studio.css").read_text("utf-8")
    for each in contexts.SHAPES:
        assert (
            f".card.s{each}, .easel.s{each} {{ --a: {each / 100:g}".replace("0.", ".")
            in sheet
        )
