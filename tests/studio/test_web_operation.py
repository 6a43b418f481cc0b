"""What an operator sees of the web process: numbers, lines, its beginning and end."""

import io
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from studio_site import FORM, Web
from studio_town import PASSWORD

from vectormix_tf.errors import InputError
from vectormix_tf.studio import leases, pictures, ports, queue, styles
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.store import Store
from vectormix_tf.studio.web import keeper, logs, paintings, server
from vectormix_tf.studio.web.metrics import Metrics
from vectormix_tf.studio.web.options import Options
from vectormix_tf.studio.web.site import Site


def value_of(web, name, **labels):
    return web.site.metrics.registry.get_sample_value(name, labels)


# --- Numbers --------------------------------------------------------------------------


def test_requests_are_counted_by_the_template_of_their_route(web):
    ann = web.member("ann")
    work = ann.make(kind="dream")
    for _ in range(2):
        ann.get(f"/w/{work}")
    ann.get("/w/none")
    ann.get("/nowhere/at/all")
    ann.get("/static/studio.css")
    ann.ask("BREW", "/")
    count = "vectormix_request_seconds_count"
    here = {"route": "/w/{id}", "method": "GET"}
    assert value_of(web, count, status="200", **here) == 2
    assert value_of(web, count, status="404", **here) == 1
    assert value_of(web, count, route="other", method="GET", status="404") == 1
    assert value_of(web, count, route="/static", method="GET", status="200") == 1
    assert value_of(web, count, route="other", method="OTHER", status="405") == 1
    assert value_of(web, "vectormix_uploads_total", end="taken") == 1


def test_the_line_and_all_states_are_told_on_a_port_of_their_own(web):
    ann = web.member("ann")
    ann.job(kind="dream")
    ann.job(kind="mix")
    web.town.claim()
    for _, duty in keeper.duties(web.site):
        duty()
    listener = web.site.metrics.listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.port}/metrics"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        text = answer.read().decode()
    listener.close()
    assert "vectormix_queue_waiting_jobs 1.0" in text
    assert "vectormix_queue_running_jobs 1.0" in text
    assert 'vectormix_jobs{state="queued"} 1.0' in text
    assert 'vectormix_jobs{state="failed"} 0.0' in text
    assert re.search(r"vectormix_queue_waiting_seconds [1-9]", text)
    assert "ann" not in text


@pytest.mark.parametrize("share", [False, sys.platform == "linux"])
def test_a_port_in_use_is_told(share):
    with ports.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}.*choose another `port`"):
            server._shared_port(Options(port=port, share_port=share))
    assert server._shared_port(Options(port=port, host="localhost")) is None


def test_a_port_of_metrics_that_is_taken_is_told(town):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = Options(metrics_port=taken.getsockname()[1])
        site = Site(town.database, town.store, town.settings, options)
        with pytest.raises(InputError, match="metrics_port"), server._metrics(site):
            pass


# --- Lines ----------------------------------------------------------------------------


@pytest.fixture
def lines(monkeypatch):
    """What is logged, as it is read."""
    stream, root = io.StringIO(), logging.getLogger()
    own = logging.getLogger("vectormix")
    monkeypatch.setattr(root, "handlers", [])
    before = root.level, own.level
    logs.install(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.setLevel(before[0])
    own.setLevel(before[1])


def test_lines_name_no_person_no_address_and_no_secret(quick_web, lines):
    ann = quick_web.member("canary-ann", FORM | {"x-forwarded-for": "198.51.100.99"})
    work = ann.publish(ann.make(kind="dream"), "unlisted")
    ann.post(f"/w/{work}/title", {"title": "canary title"})
    ann.get("/u/canary-ann?canary=1")
    ann.post("/login", {"name": "canary-ann", "password": "canary password"})
    ann.get("/canary/%2e%2e/nowhere")
    told = lines()
    assert {"route": "/u/{name}", "method": "GET", "status": 200}.items() <= (
        next(each for each in told if each.get("route") == "/u/{name}").items()
    )
    text = json.dumps(told)
    secrets = (*(work, "canary", ann.client.cookies["session"]), "198.51.100.99")
    assert [each for each in (*secrets, "203.0.113.9") if each in text] == []


def test_a_mistake_is_logged_by_its_places_and_not_its_text(
    quick_web, lines, monkeypatch
):
    def broken(*_):
        try:
            int("canary cause")
        except ValueError as error:
            raise KeyError("canary text") from error

    monkeypatch.setattr(styles, "popular", broken)
    assert quick_web.visitor().get("/styles").status_code == 500
    (told,) = (each for each in lines() if each["level"] == "error")
    assert "ValueError" in told["error"] and "KeyError" in told["error"]
    assert any("broken" in place for place in told["error"])
    assert "canary" not in json.dumps(told)


# --- What it does by itself -----------------------------------------------------------


def test_a_lease_that_ended_is_taken_back_without_a_worker(web):
    ann = web.member("ann")
    job = ann.job(kind="dream")
    web.town.claim()
    web.town.pass_time(leases.LEASE_SECONDS + 1)
    for _, duty in keeper.duties(web.site):
        duty()
    assert queue.find(web.database, ann.id, job).state == "queued"


def test_it_goes_on_while_the_database_is_away(portal, town, monkeypatch, caplog):
    done = []
    monkeypatch.setattr(keeper, "REAP_SECONDS", 0.02)

    def reap(database):
        done.append(1)
        if len(done) == 1:
            raise Unavailable("the database has not answered.")
        if len(done) == 2:
            raise KeyError("a mistake")

    monkeypatch.setattr(leases, "reap", reap)
    with Web(portal, town, keeps=True).living():
        end = time.monotonic() + 20
        while len(done) < 4:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert "has not answered" in caplog.text


def test_the_package_s_styles_are_there_and_each_has_a_picture(quick_web):
    page = quick_web.visitor().get("/styles").text
    assert set(paintings.PAINTINGS) == set(pictures.builtin_names())
    for name, (title, _) in paintings.PAINTINGS.items():
        assert f"/files/paintings/{name}/320" in page and title in page
        width, height = paintings.sizes(name)
        answer = quick_web.visitor().get(f"/files/paintings/{name}/320")
        assert answer.headers["content-type"] == "image/jpeg"
        assert max(width, height) >= 320 and len(answer.content) < 60_000
    for path in ("harvest/321", "harvest/x", "none/320", "..%2fharvest/320"):
        answer = quick_web.visitor().get(f"/files/paintings/{path}")
        assert answer.status_code in (400, 404), path


def test_a_database_that_is_away_at_the_start_is_waited_for(portal, town, monkeypatch):
    def away(source):
        raise Unavailable("the database has not answered.")

    monkeypatch.setattr(paintings, "install", away)
    with Web(portal, town).living() as web:
        assert web.visitor().get("/healthz").status_code == 200


# --- The process ----------------------------------------------------------------------


def test_the_process_answers_and_ends_at_once_though_someone_waits(
    empty_sqlite, tmp_path
):
    import shutil

    import httpx

    path = tmp_path / "studio.sqlite"
    shutil.copy(empty_sqlite, path)
    Store(str(tmp_path / "store"))
    port = ports.free_port()
    words = ["studio", "web", f"--data={tmp_path}", f"--port={port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "vectormix_tf", *words],
        stderr=subprocess.PIPE,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
        for _ in range(300):
            try:
                client.get("/readyz")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        form = {"name": "ann", "password": PASSWORD}
        assert client.post("/api/accounts", json=form).status_code == 201
        assert client.post("/api/sessions", json=form).status_code == 201
        waiting = client.build_request("GET", "/api/news?after=0", timeout=30)
        begun = time.monotonic()
        import threading

        answers = []
        thread = threading.Thread(target=lambda: answers.append(client.send(waiting)))
        thread.start()
        time.sleep(0.7)
        process.send_signal(signal.SIGTERM)
        thread.join(20)
        assert answers[0].status_code == 200
        _, text = process.communicate(timeout=20)
        assert time.monotonic() - begun < server.GRACE_SECONDS
        client.close()
    finally:
        process.kill()
        process.wait()
    told = [json.loads(line) for line in text.decode().splitlines()]
    assert {each["route"] for each in told} >= {"/api/accounts", "/api/news"}


def test_metrics_begin_with_all_states():
    made = Metrics()
    value = made.registry.get_sample_value("vectormix_jobs", {"state": "done"})
    assert value == 0
