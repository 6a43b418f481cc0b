"""The studio in a browser: a picture's whole life, with the real web and worker."""

import contextlib
import socket
import threading

import pytest
import sqlalchemy as sa
import uvicorn
from accessibility import violations
from studio_engine import Quick
from studio_site import environment, photograph
from studio_town import PASSWORD

from vectormix_tf.studio import accounts, schema, shift, works
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.web.app import application
from vectormix_tf.studio.web.options import Options
from vectormix_tf.studio.web.site import Site
from vectormix_tf.studio.worker import Worker

STEP_SECONDS = 0.05
FILE = {"name": "photo.png", "mimeType": "image/png", "buffer": photograph()}
LOST = "/w/nothing"  # where there is no work
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture
def url(town, monkeypatch):
    """The address of a studio whose worker takes quick steps."""
    monkeypatch.setattr(shift, "HEARTBEAT_SECONDS", 0.1)
    site = Site(town.database, town.store, town.settings, Options())
    site.environment = environment()
    worker = Worker(town.database, town.store, town.settings, Quick(STEP_SECONDS))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application(site), log_level="error")
        server = uvicorn.Server(config)
        run = {"sockets": [listener]}
        threads = [
            threading.Thread(target=server.run, kwargs=run),
            threading.Thread(target=worker.run),
        ]
        for thread in threads:
            thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        worker.stop()
        site.news.close()
        server.should_exit = True
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


@pytest.fixture
def visit(chromium, url):
    """Opens the studio as someone of their own; nothing may be complained of."""
    said = []

    def hear(message):
        # A job may end just before its latest preview is asked for; and who is signed
        # out, or looks for what is not there, is told so by the page, too.
        at = message.location["url"]
        if "/preview?" not in at and at != url + LOST and "401" not in message.text:
            said.append(message.text)

    def enter(size, scheme="light"):
        width, height = SIZES[size]
        looks = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
        context = stack.enter_context(chromium.new_context(**looks))
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    with contextlib.ExitStack() as stack:
        yield enter
    assert not said


def join(page, url, name, link=""):
    page.goto(f"{url}/signup?link={link}" if link else f"{url}/signup")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button:has-text('Join')")
    page.wait_for_url(lambda at: "/signup" not in at)


def order(page, url):
    """Orders a mix; returns the address of its job."""
    page.goto(f"{url}/new")
    page.set_input_files("[name=content]", FILE)
    page.click("button:has-text('Mix it')")
    page.wait_for_url("**/me/jobs/*")
    return page.url


def work_of(page):
    """The address of the work that a job's page comes to."""
    link = page.locator("#jobs a[href^='/w/']").first
    link.wait_for()
    return link.get_attribute("href")


@pytest.mark.parametrize(
    ("database", "size"),
    [("sqlite", "phone"), ("postgresql", "desktop")],
    indirect=["database"],
)
def test_a_picture_is_ordered_watched_published_liked_reported_and_removed(
    size, visit, url, town
):
    link = accounts.administrator_link(town.database)
    anna, ben, ida = (visit(size) for _ in range(3))
    join(ida, url, "ida", link)
    join(anna, url, "anna")
    job = order(anna, url)
    second = anna.context.new_page()  # another tab
    second.goto(job)
    anna.locator("#jobs", has_text="step").wait_for()
    anna.reload()  # in mid-run
    work = work_of(anna)
    assert work_of(second) == work
    second.close()

    anna.goto(url + work)
    anna.locator("text=Only you can see it.").wait_for()
    anna.get_by_role("button", name="Publish").first.click()
    anna.click("[action$='/visibility'] button.primary")
    anna.locator("text=Everyone can see it.").wait_for()

    join(ben, url, "ben")
    ben.goto(url)
    ben.click(f"[action='{work}/like'] button")
    ben.locator(f"[action='{work}/like'] [aria-pressed=true]").wait_for()
    ben.goto(url + work)
    ben.click("text=Use this style")
    ben.wait_for_url("**/new?style=*")
    ben.goto(url + work)
    ben.get_by_role("button", name="Report").first.click()
    ben.locator("[name=reason]").first.check()
    ben.click("[action$='/report'] button.primary")
    ben.locator("text=Thank you.").wait_for()

    ida.goto(f"{url}/admin")
    ida.click("button[formaction$='/remove']")
    ida.locator("text=Nothing to review").wait_for()
    assert ben.request.get(url + work).status == 404
    number = work.rpartition("/")[2]
    with pytest.raises(Refusal):
        works.find(town.database, None, number)


def test_who_is_signed_out_meanwhile_is_asked_to_sign_in_and_nothing_is_ordered(
    visit, url, town
):
    anna = visit("desktop")
    join(anna, url, "anna")
    anna.goto(f"{url}/new")
    anna.set_input_files("[name=content]", FILE)
    anna.context.clear_cookies()
    anna.click("button:has-text('Mix it')")
    anna.locator("text=not signed in any more").wait_for()
    assert (
        town.database.read(
            lambda c: c.scalar(sa.select(sa.func.count(schema.jobs.c.id)))
        )
        == 0
    )


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_axe_finds_no_violation_on_any_page(size, scheme, visit, url, town):
    def check(page, *paths):
        for path in paths:
            page.goto(url + path)
            page.wait_for_load_state("load")
            assert not violations(page), path

    link = accounts.administrator_link(town.database)
    ida, nobody = visit(size, scheme), visit(size, scheme)
    join(ida, url, "ida", link)
    check(ida, "/", "/me", "/admin")  # with nothing in them yet
    job = order(ida, url).removeprefix(url)
    assert not violations(ida)  # in mid-run
    work = work_of(ida)
    ida.goto(url + work)
    ida.get_by_role("button", name="Publish").first.click()
    assert not violations(ida)  # with what becomes visible
    ida.click("[action$='/visibility'] button.primary")
    ida.locator("text=Everyone can see it.").wait_for()
    again = ida.get_by_role("link", name="Again").first.get_attribute("href")
    check(ida, "/", work, job, "/me", "/new", again, "/me/settings", "/admin")
    shown = ("/", "/best?days=7", "/styles", "/u/ida", work)
    check(nobody, *shown, "/signup", "/login", "/try", LOST)
