"""The demo page: its limits and its line over HTTP, then in a browser."""

import contextlib
import io
import itertools
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import demo_engine
import numpy as np
import pytest
from accessibility import violations
from demo_engine import Connection, Run
from PIL import Image

import vectormix_tf
from vectormix_tf.errors import InputError

SERVING = pathlib.Path(__file__).parent.parent / "examples/serving"
httpx = pytest.importorskip("httpx")
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
sys.path.insert(0, str(SERVING))

import app as command  # noqa: E402
import uploads  # noqa: E402
from desk import Options, fraction_done  # noqa: E402
from page import make_app  # noqa: E402

MIX = {"kind": "mix", "size": 96, "steps": 4}
GALLERY = {"content": "flower", "style": "harvest"}
QUICK = {"hold": 2.0, "chunk_seconds": 0.1, "rate": 1000, "per_visitor": 100}


def picture(kind="PNG", size=(90, 80), color=(200, 40, 40), **saving):
    file = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(
        file, kind, **saving
    )
    return file.getvalue()


def site_file(slot, name):
    return (SERVING.parent / f"images/{slot}_{name}.jpg").read_bytes()


def shown(data):
    """Pixels of a picture file."""
    with Image.open(io.BytesIO(data)) as image:
        return np.float32(image.convert("RGB"))


class Site:
    """The page, served at a port of this machine, with the model that it asks."""

    def __init__(self, connection=None, **options):
        self.model = connection or Connection()
        self.app = make_app(lambda: self.model, Run, Options(**QUICK | options))
        self.desk = self.app.state.desk
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = command.Server(self.app)
        run = {"sockets": [self._socket]}
        self._thread = threading.Thread(target=self._server.run, kwargs=run)

    def __enter__(self):
        self._thread.start()
        until(lambda: self._server.started)
        self._client = httpx.Client(base_url=self.url, timeout=20)
        return self

    def __exit__(self, *_):
        self.model.gate.set()
        self._client.close()
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()
        assert not self._thread.is_alive()
        assert not self.desk.orders and not self.desk.running

    def get(self, path, **options):
        return self._client.get(path, **options)

    def post(self, path, **options):
        return self._client.post(path, **options)

    def put(self, path, data, kind="image/png"):
        return self._client.put(path, content=data, headers={"content-type": kind})

    def delete(self, path):
        return self._client.delete(path)

    def open(self, **wanted):
        """Gives an order; returns its path and what is told of it."""
        answer = self.post("/runs", json=MIX | wanted)
        assert answer.status_code == 201, answer.text
        return f"/runs/{answer.json()['id']}", answer.json()

    def ended(self, path):
        """What is told of an order when it is over."""
        told = self.get(path).json()
        while told["state"] in ("waiting", "running"):
            told = self.get(path, params={"after": told["version"]}).json()
        return told


@pytest.fixture(scope="module")
def site():
    with Site() as site:
        yield site


def until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it has not come to that")


def refused(answer, status):
    assert answer.status_code == status
    (text,) = answer.json().values()
    assert text and len(text.splitlines()) == 1
    return text


# --- Orders ---------------------------------------------------------------------------


def test_two_uploads_become_a_picture_that_is_forgotten_once_it_is_fetched(site):
    path, told = site.open(alpha=0.25)
    assert told["state"] == "uploading" and told["missing"] == ["content", "style"]
    told = site.put(f"{path}/content", picture()).json()
    assert told["missing"] == ["style"]
    site.put(f"{path}/style", picture("JPEG", color=(0, 0, 255)), "image/jpeg")
    told = site.ended(path)
    assert told["state"] == "done" and told["step"] == told["steps"] == 4
    assert told["fraction"] == 1 and told["loss"] == 0.5  # of two terms, 1/4 each
    made = site.get(f"{path}/picture")
    assert made.headers["content-type"] == "image/png"
    assert made.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(made.content)) as image:
        assert image.size == (96, 85)
        assert image.getpixel((9, 9)) == (100, 20, 147)  # half of each
    preview = site.get(f"{path}/preview")
    assert preview.headers["content-type"] == "image/jpeg"
    assert site.delete(path).status_code == 204
    for what in ("", "/picture", "/preview"):
        refused(site.get(path + what), 404)
    assert site.model.inputs[-1]["alpha"] == 0.25


def test_what_a_run_was_made_from_is_let_go_of_as_soon_as_it_began(site):
    site.model.gate.clear()
    path, _ = site.open(**GALLERY)
    until(lambda: site.get(path).json().get("octaves"))
    (order,) = site.desk.orders.values()
    assert not order.inputs and order.transparency is None
    site.model.gate.set()
    assert site.ended(path)["state"] == "done"
    site.delete(path)
    assert not site.desk.orders


# Not too small for the default network.
PREVIEWED = GALLERY | {"size": 128}


def test_a_mix_has_a_preview_at_once_until_the_model_has_taken_a_step(site):
    site.model.gate.clear()
    path, told = site.open(**PREVIEWED)
    assert told["preview"]
    seen = shown(site.get(f"{path}/preview").content)
    expected = vectormix_tf.preview(
        *(site_file(slot, name) for slot, name in GALLERY.items()), size=128
    )
    # The photograph was made smaller before it was sent, and the preview is a JPEG.
    assert np.abs(seen - np.float32(expected.pil)).mean() < 8
    until(lambda: site.get(path).json().get("octaves"))
    np.testing.assert_array_equal(shown(site.get(f"{path}/preview").content), seen)
    site.model.gate.set()
    assert site.ended(path)["state"] == "done"
    after = shown(site.get(f"{path}/preview").content)
    assert np.abs(after - seen).mean() > 8
    site.delete(path)


def test_a_preview_is_seen_in_the_line_and_looks_as_the_model_mixes(monkeypatch):
    about = {"fixed": {"color": "content"}, "open": {"abstraction": 4.0, "tv": 1.0}}
    known = demo_engine.ABOUT["mix"]
    both = {key: known[key] | about[key] for key in about}
    monkeypatch.setitem(demo_engine.ABOUT, "mix", known | both)
    given, make = [], vectormix_tf.preview

    def preview(*pictures, **settings):
        given.append(settings)
        return make(*pictures, **settings)

    monkeypatch.setattr(vectormix_tf, "preview", preview)
    with Site(places=1) as site:
        site.model.gate.clear()
        site.open(**PREVIEWED)
        path, told = site.open(**PREVIEWED, alpha=0.25)
        assert told["state"] == "waiting" and told["preview"]
        assert site.get(f"{path}/preview").status_code == 200
    look = {"size": 128, "alpha": 0.25, "color": "content", "abstraction": 4.0}
    assert given[1] == look


def test_without_a_preview_a_mix_goes_on(site, monkeypatch):
    def refuse(*_):
        raise InputError("it is too small.")

    monkeypatch.setattr(uploads, "preview", refuse)
    path, told = site.open(**PREVIEWED)
    assert not told["preview"] and site.ended(path)["state"] == "done"
    site.delete(path)


def test_a_run_that_is_stopped_during_its_preview_is_over(site, monkeypatch):
    make, stopped = uploads.preview, []

    def preview(inputs, settings):
        order = [*site.desk.orders.values()][-1]
        stopped.append(site.post(f"/runs/{order.id}/stop").json())
        return make(inputs, settings)

    monkeypatch.setattr(uploads, "preview", preview)
    path, told = site.open(**PREVIEWED)
    assert stopped[0]["state"] == told["state"] == "stopped" and not told["preview"]
    site.delete(path)


def test_a_dream_takes_one_picture_and_goes_through_its_octaves(site):
    path, told = site.open(kind="dream", content="cat")
    assert told["missing"] == []
    told = site.ended(path)
    assert (told["octave"], told["octaves"], told["step"]) == (3, 3, 4)
    assert set(told["losses"]) == {"amplify"}
    assert set(site.model.inputs[-1]) == {"image_bytes", "size", "steps"}
    site.delete(path)


def test_the_models_defaults_stand_where_nothing_is_said(site):
    answer = site.post("/runs", json={"kind": "dream", "content": "cat"})
    path = f"/runs/{answer.json()['id']}"
    site.ended(path)
    sent = site.model.inputs[-1]
    assert {k: sent[k] for k in ("size", "steps")} == {"size": 512, "steps": 10}
    site.delete(path)


def test_a_stopped_run_keeps_the_picture_so_far(site):
    site.model.gate.clear()
    path, _ = site.open(**GALLERY)
    until(lambda: site.get(path).json().get("octaves"))
    told = site.post(f"{path}/stop").json()
    assert told["state"] == "running" and told["stopping"]
    site.model.gate.set()
    told = site.ended(path)
    assert told["state"] == "stopped" and told["step"] == 1 and told["picture"]
    assert site.get(f"{path}/picture").content.startswith(b"\x89PNG")
    site.delete(path)


def test_an_error_of_the_model_in_mid_run_keeps_the_picture_so_far(site):
    site.model.breaks_at = 2
    path, _ = site.open(**GALLERY)
    told = site.ended(path)
    site.model.breaks_at = None
    assert told["state"] == "failed" and told["picture"]
    assert told["error"] == "the model does not answer; try again in a minute."
    site.delete(path)


def test_a_mistake_of_ours_is_told_without_its_details(site, monkeypatch, caplog):
    monkeypatch.setattr(Run, "advance", lambda self, steps: 1 / 0)
    path, _ = site.open(**GALLERY)
    told = site.ended(path)
    assert told["state"] == "failed" and "ZeroDivision" not in told["error"]
    site.delete(path)


def test_a_transparent_picture_stays_so(site):
    path, _ = site.open(**GALLERY | {"content": None})
    site.put(f"{path}/content", picture(color=(10, 200, 30, 51)))
    assert site.ended(path)["state"] == "done"
    with Image.open(io.BytesIO(site.get(f"{path}/picture").content)) as image:
        assert image.mode == "RGBA" and image.getpixel((5, 5))[3] == 51
    site.delete(path)


def test_pictures_come_upright_and_no_larger_than_needed():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = picture("JPEG", (400, 200), exif=exif)
    png, transparency = uploads.prepare(data, "picture", 200, 10**6)
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (100, 200) and transparency is None


def test_of_a_panorama_enough_pixels_are_kept_for_the_network():
    for sides, size in [((4000, 400), (745, 75)), ((400, 40), (400, 40))]:
        png, _ = uploads.prepare(picture("PNG", sides), "picture", 100, 10**7)
        with Image.open(io.BytesIO(png)) as image:
            assert image.size == size


def test_the_work_done_counts_pixels():
    settings = {"octave_scale": 2.0}
    # The first of two octaves costs a quarter of the second.
    assert fraction_done(settings, 1, 2, 10, 10) == pytest.approx(0.2)
    assert fraction_done(settings, 2, 2, 5, 10) == pytest.approx(0.2 + 0.4)
    growing = settings | {"octave_steps": 4.0}
    assert fraction_done(growing, 1, 2, 10, 10) == pytest.approx(1 / 17)


# --- What is refused ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"kind": "paint"}, "kind"),
        ({"steps": 0}, "steps"),
        ({"steps": 501}, "steps"),
        ({"steps": "many"}, "steps"),
        ({"size": 74}, "size"),
        ({"size": 1025}, "size"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": 1.5}, "alpha"),
        ({"layers": "mixed4"}, "setting"),
        ({"style": "../harvest"}, "style"),
        ({"kind": "dream", "alpha": 0.5}, "setting"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(site, wanted, text):
    body = json.dumps(MIX | GALLERY | wanted)
    kind = {"content-type": "application/json"}
    answer = site.post("/runs", content=body, headers=kind)
    assert text in refused(answer, 400)
    assert not site.desk.orders


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", b'"mix"', b"{" * 2000, b"[" * 4000]
)
def test_an_order_that_is_no_json_object_is_refused(site, body):
    kind = {"content-type": "application/json"}
    refused(site.post("/runs", content=body, headers=kind), 400)


def test_an_order_must_be_said_to_be_json_and_be_small(site):
    """Other sites' forms, which need no leave of ours, cannot say so."""
    refused(site.post("/runs", content=b"{}"), 415)
    kind = {"content-type": "application/json"}
    refused(site.post("/runs", content=b" " * 5000, headers=kind), 413)


BROKEN = picture("JPEG", (300, 200), quality=95)[:-300]


@pytest.mark.parametrize(
    ("data", "kind", "status", "text"),
    [
        (b"", "image/png", 400, "no PNG, JPEG or WebP"),
        (b"GIF89a" + bytes(40), "image/png", 400, "no PNG, JPEG or WebP"),
        (picture("GIF"), "image/png", 400, "no PNG, JPEG or WebP"),
        (picture("BMP", (9, 9)), "image/jpeg", 400, "no PNG, JPEG or WebP"),
        (BROKEN, "image/jpeg", 400, "cannot be read"),
        (picture(size=(300, 400)), "image/png", 400, "over the limit of 0.1 megapix"),
        (picture(), "image/gif", 415, "content type"),
        (picture(), "text/html", 415, "content type"),
        (bytes(20_001), "image/png", 413, "has over 20000 bytes"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_and_its_order_forgotten(
    data, kind, status, text
):
    with Site(pixels=100_000, upload_bytes=20_000) as site:
        path, _ = site.open(style="harvest")
        assert text in refused(site.put(f"{path}/content", data, kind), status)
        assert not site.desk.orders
        path, _ = site.open(style="harvest")  # and the page goes on
        assert site.put(f"{path}/content", picture()).status_code == 200


def test_an_upload_without_a_length_is_cut_at_the_limit(site):
    def parts():
        for _ in range(20):
            yield bytes(2**20)

    path, _ = site.open(style="harvest")
    with contextlib.suppress(httpx.TransportError):  # it may close in mid-upload
        refused(site.put(f"{path}/content", parts()), 413)
    until(lambda: not site.desk.orders)


def test_an_upload_that_does_not_come_is_ended():
    with Site(upload_seconds=0.2) as site:
        path, _ = site.open(style="harvest")

        def parts():
            yield b"\x89PNG"
            time.sleep(0.8)
            yield b""

        with contextlib.suppress(httpx.TransportError):
            refused(site.put(f"{path}/content", parts()), 408)
        assert not site.desk.orders


def test_a_picture_that_is_not_asked_for_is_refused(site):
    path, _ = site.open(style="harvest")
    refused(site.put(f"{path}/style", picture()), 409)
    refused(site.put(f"{path}/else", picture()), 409)
    refused(site.put("/runs/unknown/style", picture()), 404)
    site.delete(path)


def test_a_question_must_name_a_version(site):
    path, _ = site.open(style="harvest")
    for after in ("yesterday", "", "--1", "9" * 5000):
        refused(site.get(path, params={"after": after}), 400)
    refused(site.get(f"{path}/picture"), 404)
    site.delete(path)


# --- The line -------------------------------------------------------------------------


def test_who_comes_first_is_served_first_and_everyone_knows_the_place():
    with Site(places=1) as site:
        site.model.gate.clear()
        first, *others = (site.open(**GALLERY)[0] for _ in range(4))
        assert site.get(first).json()["state"] == "running"
        places = [site.get(path).json() for path in others]
        assert [told["ahead"] for told in places] == [0, 1, 2]
        assert {told["state"] for told in places} == {"waiting"}
        site.delete(others[1])  # who leaves makes the line shorter
        told = site.get(others[2], params={"after": places[2]["version"]}).json()
        assert told["ahead"] == 1
        site.model.gate.set()
        for path in (first, others[0], others[2]):
            assert site.ended(path)["state"] == "done"


def test_no_more_run_at_once_than_there_are_places():
    with Site(places=2) as site:
        site.model.gate.clear()
        paths = [site.open(**GALLERY)[0] for _ in range(3)]
        states = [site.get(path).json()["state"] for path in paths]
        assert states == ["running", "running", "waiting"]
        assert site.desk.running == 2


def test_who_stops_while_waiting_gets_no_picture():
    with Site(places=1) as site:
        site.model.gate.clear()
        paths = [site.open(**GALLERY)[0] for _ in range(2)]
        told = site.post(f"{paths[1]}/stop").json()
        assert told["state"] == "stopped" and not told["picture"]
        assert not site.desk.line


def test_a_full_line_says_so_and_when_to_come_back():
    with Site(places=1, waiting=2) as site:
        site.model.gate.clear()
        for _ in range(3):
            site.open(**GALLERY)
        answer = site.post("/runs", json=MIX | GALLERY)
        assert "full" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) > 0


def test_one_visitor_has_a_few_pictures_at_once_and_others_are_let_in():
    with Site(per_visitor=1) as site:
        site.model.gate.clear()
        path, _ = site.open(**GALLERY)
        refused(site.post("/runs", json=MIX | GALLERY), 429)
        for order in site.desk.orders.values():
            order.visitor = "someone else"
        site.open(**GALLERY)


def test_one_visitor_has_a_rate():
    with Site(rate=2, rate_seconds=300.0) as site:
        for _ in range(2):
            site.delete(site.open()[0])
        answer = site.post("/runs", json=MIX)
        assert "5 minutes" in refused(answer, 429)
        assert 290 < int(answer.headers["retry-after"]) <= 300


def test_what_nobody_asks_for_is_stopped_and_forgotten():
    with Site(places=1, patience=0.3, hold=0.1) as site:
        site.model.gate.clear()
        for _ in range(2):
            site.open(**GALLERY)
        site.open()
        until(lambda: not site.desk.orders)
        assert site.desk.running == 1  # until its step is taken
        site.model.gate.set()
        until(lambda: not site.desk.running)


def test_who_asks_is_there_however_long_it_takes():
    with Site(patience=0.3, hold=1.0) as site:
        site.model.gate.clear()
        path, told = site.open(**GALLERY)
        until(lambda: site.get(path).json()["preview"])
        version = site.get(path).json()["version"]
        assert site.get(path, params={"after": version}).json()["state"] == "running"


def test_time_that_is_up_ends_a_run_and_keeps_its_picture():
    with Site(Connection(pause=0.05), run_seconds=0.1) as site:
        path, _ = site.open(**GALLERY, steps=400)
        told = site.ended(path)
        assert told["state"] == "stopped" and told["picture"]
        assert "time is up" in told["error"]


def test_a_question_waits_for_news_and_no_longer_than_it_may():
    with Site(hold=0.2) as site:
        path, told = site.open()
        assert site.get(path, params={"after": told["version"]}).json() == {
            key: value for key, value in told.items() if key != "id"
        }


# --- The rest of the page -------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/about", "/nothing"])
def test_every_answer_has_the_headers_that_keep_others_out(site, path):
    headers = site.get(path).headers
    policy = dict(
        part.strip().split(" ", 1)
        for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_the_page_holds_no_script_and_names_no_other_site():
    page = (SERVING / "static/index.html").read_text("utf-8")
    assert (
        page.count("<script") == 1
        and "style=" not in page
        and " on"
        not in [attribute[:3] for attribute in re.findall(r" [a-z]+(?==)", page)]
    )
    for path in (SERVING / "static").iterdir():
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|[\"'(]//", text), path.name


def test_what_the_page_offers_is_what_the_model_can(site):
    about = site.get("/about").json()
    assert about["size"] == [75, 1024] and about["steps"] == [1, 500]
    assert about["defaults"]["mix"] == {"alpha": 0.5, "steps": 40, "size": 512}
    assert about["defaults"]["dream"] == {"steps": 10, "size": 512}
    for role, works in about["gallery"].items():
        assert len(works) >= 6
        for work in works:
            assert work["title"] and work["credit"]
            small = site.get(f"/gallery/small/{role}/{work['name']}").content
            whole = site.get(f"/gallery/whole/{role}/{work['name']}").content
            assert len(small) < 20_000 < len(whole)
    assert site.get("/gallery/small/style/none").status_code == 404
    assert site.get("/gallery/else/style/harvest").status_code == 404


def test_health_is_the_models():
    with Site() as site:
        answer = site.get("/health")
        assert answer.status_code == 200
        told = {"status": "ok", "model": 3, "running": 0, "waiting": 0}
        assert answer.json() == told
    with Site(Connection(down=True)) as site:
        answer = site.get("/health")
        assert answer.status_code == 503 and answer.json()["status"] == "down"
        assert answer.json()["error"] == "UNAVAILABLE"
        assert "does not answer" in refused(site.get("/about"), 503)
        assert "does not answer" in refused(site.post("/runs", json=MIX), 503)
        assert site.get("/").status_code == 200


def test_the_log_has_neither_ids_nor_names_nor_addresses(caplog):
    caplog.set_level("INFO")
    with Site() as site:
        path, _ = site.open(style="harvest")
        site.put(f"{path}/content", picture())
        site.ended(path)
        until(lambda: not site.desk.running)
    lines = [each.getMessage() for each in caplog.records]
    assert [line for line in lines if line.startswith("run 1: mix")]
    for secret in (path.removeprefix("/runs/"), "127.0.0.1", "harvest"):
        assert not [line for line in lines if secret in line and "http" not in line]


def test_a_page_that_is_closed_tells_those_who_wait_and_takes_no_one():
    with Site(places=1, hold=30.0) as site:
        site.model.gate.clear()
        running, _ = site.open(**GALLERY)
        waiting, _ = site.open(**GALLERY)
        until(lambda: site.get(running).json()["preview"])
        loop_call(site, site.desk.close)
        assert "shutting down" in site.get(waiting).json()["error"]
        assert site.get(running).json()["stopping"]
        refused(site.post("/runs", json=MIX), 503)
        site.model.gate.set()
        assert site.ended(running)["picture"]


def loop_call(site, function):
    """Calls something in the page's own loop."""
    done = threading.Event()
    (task,) = site.desk._running.values()
    task.get_loop().call_soon_threadsafe(lambda: (function(), done.set()))
    assert done.wait(10)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ([], "--server"),
        (["--server=x", "--port=http"], "--port"),
        (["--server=x", "--port=70000"], "port"),
        (["--server=x", "--places=0"], "places"),
        (["--server=x", "--colour=red"], "--colour"),
    ],
)
def test_a_mistake_in_a_flag_is_one_line_and_exit_code_2(flags, text, capsys):
    try:
        code = command.main(flags)
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert code == 2 and text in err
    assert out == "" and len(err.splitlines()) == 1


# The client has its own tests; here it is what `demo_engine` has.
WITH_DEMO_MODEL = """
import sys, types
sys.path[:0] = sys.argv[1:3]
import demo_engine
from vectormix_tf import client
client.Run, client.connect = demo_engine.Run, lambda _: demo_engine.Connection()
import app
sys.exit(app.main(["--server=grpc://localhost:8500", *sys.argv[3:]]))
"""


def test_the_command_serves_until_it_is_asked_to_end(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folders = [str(SERVING), str(pathlib.Path(__file__).parent)]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WITH_DEMO_MODEL, *folders]
        + [f"--port={port}"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        with client, contextlib.ExitStack() as stack:
            stack.callback(process.kill)
            until(lambda: answers(client))
            wanted = MIX | GALLERY | {"steps": 500}
            path = f"/runs/{client.post('/runs', json=wanted).json()['id']}"
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=20)
            stack.pop_all()
    assert process.returncode == 0
    assert "run 1: mix" in log and "Traceback" not in log
    assert path.removeprefix("/runs/") not in log
    assert not list(tmp_path.iterdir())


def answers(client):
    with contextlib.suppress(httpx.TransportError):
        return client.get("/health").status_code == 200
    return False


# --- In a browser ---------------------------------------------------------------------

# The mean color of what the stage shows.
MEAN = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
}"""


@pytest.fixture
def visit(chromium):
    """Opens the page of a site; nothing may be complained of in its console."""
    complaints, contexts = [], []

    def open_page(site, width=1280, height=800, **options):
        sides = {"width": width, "height": height}
        contexts.append(chromium.new_context(viewport=sides, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site.url)
        page.locator(".works button").nth(10).wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    # That a request was refused is told by the browser itself.
    assert not [line for line in complaints if "Failed to load resource" not in line]


def fill(page, slot, data, name="mine.png", kind="image/png"):
    file = {"name": name, "mimeType": kind, "buffer": data}
    page.set_input_files(f".slot[data-slot={slot}] input", file)


def choose(page, *names):
    for name in names:
        page.click(f"button[data-name={name}]")


def begin(page, steps):
    page.fill("#steps", str(steps))
    page.click("#start:enabled")


def wait_for(page, state):
    page.locator(f"[data-state={state}]").wait_for()


def downloaded(page):
    with page.expect_download() as caught:
        page.click("#download")
    assert caught.value.suggested_filename.startswith("vectormix-")
    return pathlib.Path(caught.value.path()).read_bytes()


def test_pictures_are_uploaded_watched_and_downloaded(visit):
    with Site(Connection(pause=0.06)) as site:
        page = visit(site)
        assert page.is_disabled("#start")
        fill(page, "content", picture(color=(250, 10, 10)))
        fill(page, "style", picture(color=(10, 10, 250)))
        page.select_option("#size", "256")
        begin(page, 30)
        page.locator("#figures", has_text=re.compile("Step [1-9]")).wait_for()
        stage, means = page.locator("#picture"), []
        while page.get_attribute("#stage", "data-state") == "running":
            means.append(stage.evaluate(MEAN)[2])
        wait_for(page, "done")
        assert len(set(means)) > 2
        # Bluer and bluer, but for what JPEG does to the last one and PNG does not.
        assert all(after > before - 5 for before, after in itertools.pairwise(means))
        assert "Step 30 of 30" in page.inner_text("#figures")
        with Image.open(io.BytesIO(downloaded(page))) as image:
            assert image.format == "PNG" and max(image.size) == 256
            assert image.getpixel((9, 9)) == (130, 10, 130)
        until(lambda: not site.desk.orders)


def test_a_preview_is_shown_at_once_and_is_no_result(visit):
    with Site() as site:
        site.model.gate.clear()
        page = visit(site)
        fill(page, "content", picture(color=(250, 10, 10)))
        fill(page, "style", picture(color=(10, 10, 250)))
        page.click("#start:enabled")
        page.locator("#stage[data-preview]").wait_for()
        shown = page.locator("#picture")
        red, _, blue = shown.evaluate(MEAN)[:3]
        assert blue > 200 > 60 > red
        until(lambda: shown.evaluate("each => getComputedStyle(each).opacity") == "1")
        assert "roughly" in shown.get_attribute("alt")
        site.model.down, site.model.breaks_at = True, 0
        site.model.gate.set()
        page.locator("[role=alert]").wait_for()


def test_a_stopped_run_can_be_downloaded_and_begun_again(visit):
    with Site(Connection(pause=0.05)) as site:
        page = visit(site)
        choose(page, "flower", "harvest")
        begin(page, 400)
        wait_for(page, "running")
        assert page.is_disabled("#start")
        page.click("#stop")
        wait_for(page, "stopped")
        assert "so far" in page.inner_text("#status")
        assert downloaded(page).startswith(b"\x89PNG")
        begin(page, 1)
        wait_for(page, "done")


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"not a picture", "notes.txt", "text/plain"),
        (b"not a picture", "picture.png", "image/png"),
    ],
)
def test_a_bad_file_is_told_in_the_page_at_once(visit, site, data, name, kind):
    page = visit(site)
    fill(page, "content", data, name, kind)
    notice = page.locator("[role=alert]")
    notice.wait_for()
    assert name in notice.inner_text()
    assert page.is_disabled("#start")
    page.keyboard.press("Escape")
    notice.wait_for(state="hidden")


def test_what_only_the_server_finds_wrong_is_told_in_the_page(visit, site):
    """A browser shows as much of a broken picture as there is."""
    page = visit(site)
    fill(page, "content", BROKEN, "broken.jpg", "image/jpeg")
    choose(page, "harvest")
    page.click("#start:enabled")
    notice = page.locator("[role=alert]")
    notice.wait_for()
    assert "content picture cannot be read" in notice.inner_text()
    wait_for(page, "empty")
    assert page.is_enabled("#start")


def test_a_model_that_is_lost_is_told_and_the_picture_so_far_kept(visit):
    with Site() as site:
        site.model.breaks_at = 3
        page = visit(site)
        choose(page, "flower", "harvest")
        begin(page, 9)
        wait_for(page, "failed")
        assert "does not answer" in page.inner_text("[role=alert]")
        assert downloaded(page).startswith(b"\x89PNG")


def test_a_page_that_lost_its_server_keeps_the_last_preview(visit):
    with Site() as site:
        site.model.gate.clear()
        page = visit(site)
        choose(page, "flower", "harvest")
        page.clock.install()
        begin(page, 9)
        wait_for(page, "running")
        page.route("**/runs/*", lambda route: route.abort())
        site.model.gate.set()
        for _ in range(100):
            page.clock.run_for(1000)
            if page.get_attribute("#stage", "data-state") == "failed":
                break
        assert "connection was lost" in page.inner_text("[role=alert]")
        assert downloaded(page).startswith(b"\xff\xd8")  # a JPEG
        page.unroute_all()


def test_the_place_in_line_is_shown_until_it_is_ones_turn(visit):
    with Site(places=1) as site:
        site.model.gate.clear()
        paths = [site.open(**GALLERY)[0] for _ in range(2)]
        page = visit(site)
        choose(page, "cat", "harvest")
        begin(page, 2)
        badge = page.locator("#badge")
        badge.wait_for()
        assert "2nd in line" in badge.inner_text()
        assert "2nd in line" in page.inner_text("#spoken")
        site.delete(paths[1])
        badge.get_by_text("1st in line").wait_for()
        site.model.gate.set()
        wait_for(page, "done")


def test_who_stops_in_line_is_where_one_began(visit):
    with Site(places=1) as site:
        site.model.gate.clear()
        site.open(**GALLERY)
        page = visit(site)
        choose(page, "cat", "harvest")
        begin(page, 2)
        page.locator("#badge").wait_for()
        page.click("#stop")
        wait_for(page, "empty")
        assert page.is_hidden("#download") and page.is_enabled("#start")


def test_who_leaves_is_forgotten(visit):
    with Site() as site:
        site.model.gate.clear()
        page = visit(site)
        choose(page, "cat", "harvest")
        begin(page, 2)
        wait_for(page, "running")
        page.goto("about:blank")
        until(lambda: not site.desk.orders)


def test_keys_are_enough(visit):
    with Site(Connection(pause=0.05)) as site:
        page = visit(site)

        def reach(selector):
            for _ in range(60):
                if page.evaluate("s => document.activeElement.matches(s)", selector):
                    break
                page.keyboard.press("Tab")
            focused = page.locator(":focus-visible")
            assert focused.evaluate("(e, s) => e.matches(s)", selector)
            return focused

        outline = reach("button[data-name=harvest]").evaluate(
            "e => getComputedStyle(e).outlineStyle"
        )
        assert outline == "solid"
        page.keyboard.press("Enter")
        reach("button[data-name=coffee]")
        page.keyboard.press("Space")
        reach("#alpha")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#alpha-value") == "alpha 0.55"
        reach("#steps")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("300")
        reach("#start")
        page.keyboard.press("Enter")
        wait_for(page, "running")
        reach("#stop")  # which has the focus already
        page.keyboard.press("Enter")
        wait_for(page, "stopped")
        reach("#download")
        with page.expect_download():
            page.keyboard.press("Enter")


def test_a_dream_needs_no_style(visit, site):
    page = visit(site)
    choose(page, "cat")
    assert page.is_disabled("#start")
    page.check("input[value=dream]")
    assert page.locator("[data-slot=style]").evaluate("e => e.inert")
    assert page.input_value("#steps") == "10"
    begin(page, 1)
    wait_for(page, "done")
    page.check("input[value=mix]")
    assert page.input_value("#steps") == "40"


def test_nothing_jumps(visit):
    with Site(Connection(pause=0.05)) as site:
        page = visit(site)

        def places():
            parts = (".slots", "#alpha", "#start", ".easel", "#status", "footer")
            return [page.locator(part).bounding_box()["y"] for part in parts]

        before = places()
        choose(page, "flower", "harvest")
        assert places() == before
        begin(page, 400)
        wait_for(page, "running")
        assert places() == before
        page.click("#stop")
        wait_for(page, "stopped")
        assert places() == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phones_width_is_enough_and_axe_finds_nothing(visit, site, scheme):
    # Colors on their way to others are no colors to measure.
    options = {"color_scheme": scheme, "reduced_motion": "reduce", "has_touch": True}
    page = visit(site, 360, 740, **options)

    def check():
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == 360
        assert not violations(page)

    check()
    fill(page, "content", b"none", f"{'long' * 30}.png")
    page.locator("[role=alert]").wait_for()
    check()
    fill(page, "content", picture(), f"{'long' * 30}.png")
    choose(page, "church_at_auvers")
    check()
    begin(page, 2)
    wait_for(page, "done")
    check()


def test_a_model_that_comes_late_is_waited_for(visit):
    with Site() as site:
        page = visit(site)
        site.model.down = True
        page.clock.install()
        page.reload()
        page.get_by_text("does not answer").wait_for()
        site.model.down = False
        page.clock.run_for(6000)
        page.locator(".works button").nth(10).wait_for()
        assert "Choose a picture" in page.inner_text("#hint")
