"""The page of a ballot: by its text, and in a browser, opened from disk."""

import html.parser
import re
from pathlib import Path

import pytest
from accessibility import violations
from PIL import Image

from vectormix_tf.evaluation import ballot, votes

SHEETS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A ballot of three sheets."""
    here = tmp_path_factory.mktemp("page")
    for name, color in (("one", "red"), ("other", "blue")):
        Image.new("RGB", (96, 80), color).save(here / f"{name}.png")
    row = "one.png\tother.png\tplain\tone.png\tmine\tother.png\n"
    (here / "rows.tsv").write_text(row * SHEETS)
    pairs = ballot.read_rows(str(here / "rows.tsv"))
    ballot.write(str(here / "vote"), ballot.draw(pairs, 0))
    return here / "vote"


class Elements(html.parser.HTMLParser):
    """All elements of a page, as (tag, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_needs_nothing_but_its_folder(folder):
    text = (folder / ballot.PAGE).read_text("utf-8")
    elements = Elements(text).found
    links = [a[k] for _, a in elements for k in ("src", "href") if k in a]
    assert links == [f"{number:02}.png" for number in range(1, SHEETS + 1)]
    assert all((folder / link).is_file() for link in links)
    assert "://" not in text and "@import" not in text and "url(" not in text
    assert not re.search(r"\{(data|links)\}", text)


def test_what_can_be_used_has_a_name(folder):
    elements = Elements((folder / ballot.PAGE).read_text("utf-8")).found
    labels = {a["for"] for tag, a in elements if tag == "label"}
    inputs = [a for tag, a in elements if tag == "input"]
    assert inputs and all(a["id"] in labels for a in inputs)
    assert ("html", {"lang": "en"}) in elements
    assert all("alt" in a for tag, a in elements if tag == "img")


@pytest.fixture
def visit(chromium, folder):
    """Opens the page from disk; nothing may be complained of in its console."""
    complaints, contexts = [], []

    def open_page(width=1280, **options):
        options["viewport"] = {"width": width, "height": 800}
        contexts.append(chromium.new_context(offline=True, **options))
        return again(contexts[-1])

    def again(context):
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / ballot.PAGE).as_uri())
        return page

    open_page.again = again
    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def saved(page, tmp_path):
    with page.expect_download() as download:
        page.click("#save")
    assert download.value.suggested_filename == "votes.txt"
    path = tmp_path / "votes.txt"
    download.value.save_as(path)
    return path


def test_votes_by_keys_are_saved_as_vote_counts_them(visit, folder, tmp_path):
    page = visit()
    assert page.locator("#sheet").evaluate("image => image.decode()") is None
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("calm  sky")
    page.keyboard.press("ArrowRight")  # within the reason it moves, and is no vote
    page.keyboard.press("Enter")
    assert page.inner_text("#status") == "Sheet 02 of 3"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert "All sheets have a vote" in page.inner_text("#left")
    path = saved(page, tmp_path)
    key = votes.read_key(str(folder))
    marked = [f"# ballot {key.ballot}", "01 LEFT calm sky", "02 RIGHT", "03 RIGHT", ""]
    assert path.read_text("utf-8").split("\n") == marked
    found = votes.read_votes(str(path), key)
    assert found == {1: "LEFT", 2: "RIGHT", 3: "RIGHT"}


def test_votes_by_clicks_are_still_there_when_the_page_is_opened_again(visit):
    page = visit()
    page.click("text=RIGHT →")
    page.fill("#reason", "bold")
    page.click("#next")
    page.click("text=← LEFT")
    page.click("text=RIGHT →")  # a changed mind
    page = visit.again(page.context)
    assert page.inner_text("#status") == "Sheet 03 of 3"  # the first without a vote
    assert "No vote yet on 03" in page.inner_text("#left")
    assert page.locator("#next").is_disabled()
    page.click("#back")
    page.click("#back")
    assert page.input_value("#reason") == "bold"
    pressed = page.locator("[aria-pressed=true]")
    assert pressed.count() == 1 and "RIGHT" in pressed.inner_text()
    text = page.text_content("#text").split("\n")
    assert text[1:3] == ["01 RIGHT bold", "02 RIGHT"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_can_be_read_on_a_phone_in_both_schemes(scheme, visit):
    page = visit(width=360, color_scheme=scheme)
    page.keyboard.press("ArrowLeft")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    assert not violations(page)
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(3):
        page.keyboard.press("Tab")
        assert page.evaluate(outline) == "solid"


def test_what_is_kept_of_another_kind_is_no_harm(visit, folder):
    page = visit()
    mark = votes.read_key(str(folder)).ballot
    for kept in ("[1, 2, 3]", "null", "no JSON", '[{"side": "<b>"}, {}, {}]'):
        place = f"vectormix ballot {mark}"
        page.evaluate("pair => localStorage.setItem(...pair)", [place, kept])
        other = visit.again(page.context)
        assert "on 01, 02, 03" in other.inner_text("#left"), kept
        assert "undefined" not in other.text_content("#text")


def test_the_page_is_part_of_the_installed_package(root):
    assert "evaluation/*.html" in (root / "setup.cfg").read_text("utf-8")
    assert Path(ballot.__file__).with_name(ballot.PAGE).is_file()
