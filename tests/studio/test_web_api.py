"""The studio's JSON for programs, what bad input gets, and the wait for news."""

import asyncio
import concurrent.futures
import io
import json
import re
import time
import zlib

import pytest
import sqlalchemy as sa
from PIL import Image
from studio_site import FORM, PROGRAM, Web, photograph, shown
from studio_town import PASSWORD, Town

from vectormix_tf.studio import accounts, intake, outlook, queue, schema, styles, works
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.web import guard, mine


class Program:
    """What programs do, in few words."""

    def __init__(self, web, name="ann"):
        self.visitor = web.visitor(PROGRAM)
        form = {"name": name, "password": PASSWORD}
        self("POST", "/api/accounts", form, 201)
        self("POST", "/api/sessions", form, 201)

    def __call__(self, method, path, value=None, status=200, **options):
        body = {} if value is None else {"json": value}
        answer = self.visitor.ask(method, path, **body, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def upload(self, data=None, status=201):
        data = photograph() if data is None else data
        return self("PUT", "/api/uploads", None, status, content=data)["id"]

    def order(self, status=201, key=None, **values):
        headers = {} if key is None else {"idempotency-key": key}
        wanted = {"kind": "mix", "style": "harvest", "alpha": 0.5, "size": 256}
        wanted |= {"steps": 10, "seed": 7} | values
        return self("POST", "/api/jobs", wanted, status, headers=headers)


@pytest.fixture
def ann(web):
    return Program(web)


# --- From one end to the other --------------------------------------------------------


def test_a_program_makes_a_mix_and_shows_it(web, ann):
    upload = ann.upload()
    job = ann.order(content=upload, key="one")["id"]
    told = ann("GET", f"/api/jobs/{job}")
    assert (told["state"], told["step"], told["work"]) == ("queued", 0, None)
    web.work()
    told = ann("GET", f"/api/jobs/{job}")
    assert (told["state"], told["step"], told["steps"]) == ("done", 10, 10)
    work = told["work"]
    told = ann("GET", f"/api/works/{work}")
    assert told["settings"] == {"alpha": 0.5, "steps": 10, "seed": 7}
    assert told["visibility"] == "private" and told["picture"].startswith("/files/")
    picture = ann.visitor.get(told["picture"])
    assert Image.open(io.BytesIO(picture.content)).format == "PNG"
    bob = Program(web, "bob")
    bob("GET", f"/api/works/{work}", status=404)
    assert bob("GET", "/api/feed") == {"works": [], "before": None}
    told = ann("PATCH", f"/api/works/{work}", {"visibility": "public"})
    assert told["visibility"] == "public"
    assert [each["id"] for each in bob("GET", "/api/feed")["works"]] == [work]
    like = f"/api/works/{work}/like"
    assert bob("PUT", like) == {"likes": 1, "liked": True}
    assert bob("PUT", like) == {"likes": 1, "liked": True}
    assert bob("DELETE", like) == {"likes": 0, "liked": False}
    ann("DELETE", f"/api/works/{work}", status=204)
    bob("GET", f"/api/works/{work}", status=404)


def test_a_work_has_a_link_while_it_is_unlisted(web, ann):
    ann.order(content=ann.upload(), kind="dream")
    web.work()
    (work,) = (each["id"] for each in ann("GET", "/api/works")["works"])
    told = ann("PATCH", f"/api/works/{work}", {"visibility": "unlisted"})
    assert web.visitor().get(told["share_url"]).status_code == 200
    told = ann("PATCH", f"/api/works/{work}", {"title": "Low tide"})
    assert (told["title"], told["visibility"]) == ("Low tide", "unlisted")
    ann("PATCH", f"/api/works/{work}", {"visibility": "secret"}, 400)
    ann("PATCH", f"/api/works/{work}", {"shows_content": "yes"}, 400)
    ann("PATCH", f"/api/works/{work}", {}, 400)


def test_a_job_is_stopped_and_ordered_again(web, ann):
    job = ann.order(content=ann.upload(), kind="dream")["id"]
    assert ann("POST", f"/api/jobs/{job}/cancel")["state"] == "stopped"
    fresh = ann("POST", f"/api/jobs/{job}/again", status=201)["id"]
    assert fresh != job
    assert ann("GET", f"/api/jobs/{fresh}")["state"] == "queued"
    states = [each["state"] for each in ann("GET", "/api/jobs")["jobs"]]
    assert states == ["queued", "stopped"]


def test_a_style_is_an_upload_a_style_or_the_name_of_a_painting(web, ann):
    content, own = ann.upload(), ann.upload(photograph((0, 90, 0)))
    user = accounts.account_of(web.database, ann.visitor.client.cookies["session"]).id
    known = {each["name"]: each["id"] for each in ann("GET", "/api/styles")["styles"]}
    for named, picked in (
        (own, queue.Picked(upload=own)),
        (known["harvest"], queue.Picked(style=known["harvest"])),
        ("harvest", queue.Picked(style=known["harvest"])),
    ):
        job = ann.order(content=content, style=named)["id"]
        assert queue.order_of(web.database, user, job, "x").inputs["style"] == picked
    ann.order(404, content=content, style="none")
    ann.order(404, content="none")


def test_ids_may_be_numbers(web, ann):
    rename = sa.update(schema.uploads).values(id="41")
    ann.upload()
    web.database.transaction(lambda c: c.execute(rename))
    assert ann.order(content=41, kind="dream")["id"]


def test_a_dream_ignores_what_only_a_mix_has(web, ann):
    job = ann.order(content=ann.upload(), kind="dream", style="none", alpha=9)
    assert job["settings"] == {"steps": 10, "seed": 7}


def test_an_account_tells_what_it_has_and_is_deleted(web, ann):
    ann.upload()
    told = ann("GET", "/api/me")
    assert (told["name"], told["role"], told["waiting"]) == ("ann", "member", [0, 10])
    assert told["bytes"][0] > 0
    ann("DELETE", "/api/me", {"password": "wrong horse"}, 401)
    ann("DELETE", "/api/me", {"password": PASSWORD}, 204)
    web.purge()
    assert list(web.store.list()) == []
    ann("GET", "/api/me", status=401)


def test_a_report_of_a_program_reaches_the_moderators(web, ann):
    ann.order(content=ann.upload(), kind="dream")
    web.work()
    (work,) = (each["id"] for each in ann("GET", "/api/works")["works"])
    ann("PATCH", f"/api/works/{work}", {"visibility": "public"})
    bob = Program(web, "bob")
    report = f"/api/works/{work}/report"
    bob("POST", report, {"reason": ""}, 400)
    bob("POST", report, {"reason": "rights", "text": "see my site"}, 204)
    text = shown(web.moderator().get("/admin"))
    assert "It is someone else's picture" in text and "see my site" in text


# --- Once -----------------------------------------------------------------------------


def test_the_same_key_is_the_same_job_and_another_order_with_it_is_refused(web, ann):
    upload = ann.upload()
    first = ann.order(content=upload, key="a key")
    assert ann.order(content=upload, key="a key")["id"] == first["id"]
    told = ann.order(409, content=upload, key="a key", alpha=0.1)
    assert told["code"] == "key_reused"
    assert ann.order(content=upload)["id"] != ann.order(content=upload)["id"]


def test_a_double_click_makes_one_job_and_keeps_one_photograph(web):
    ann = web.member("ann")
    key = ann.key("/new")
    fields = {"key": key, "kind": "dream", "size": "384"}
    files = {"content": ("a.png", photograph())}
    sent = [ann.later("POST", "/new", data=fields, files=files) for _ in range(4)]
    places = {each.result(30).headers["location"] for each in sent}
    assert len(places) == 1
    assert outlook.busy(web.database, ann.id) == 1
    count = sa.select(sa.func.count()).select_from(schema.uploads)
    assert web.database.read(lambda c: c.scalar(count)) == 1
    # Back, with other settings, is another order.
    other = ann.post("/new", fields | {"size": "512"}, files=files)
    assert other.headers["location"] not in places


# --- Bad input ------------------------------------------------------------------------


BOMB_SIDE = 20_000


def bomb():
    """A PNG whose header promises more pixels than anyone has memory for."""
    data = bytearray(photograph())
    data[16:24] = BOMB_SIDE.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (lambda: b"", 400, "empty"),
        (lambda: b"GIF87 no picture", 415, "not_a_picture"),
        (lambda: photograph()[:60], 400, "broken"),
        (bomb, 413, "too_many_pixels"),
        (lambda: b"\x89PNG\r\n\x1a\n" + bytes(40_000), 413, "too_large"),
    ],
)
def test_a_picture_that_cannot_be_used_is_told_and_nothing_is_kept(
    quick_web, data, status, code
):
    quick_web.site.limits = intake.Limits(bytes=30_000)
    ann = quick_web.member("ann")
    before = _stored(quick_web)
    answer = ann.ask("PUT", "/api/uploads", content=data())
    assert answer.status_code == status and answer.json()["code"] == code
    files = {"content": ("a.png", data())} if data() else {"content": ("", b"")}
    fields = {"key": "k" * 20, "kind": "dream", "size": "384"}
    page = ann.post("/new", fields, files=files)
    assert page.status_code == status
    if data():
        assert 'name="content" aria-label' in page.text
        assert 'aria-invalid="true"' in page.text
        told = ann.post("/new", fields, files=files, headers=PROGRAM).json()
        assert (told["code"], told["field"]) == (code, "content")
    assert _stored(quick_web) == before


def _stored(web):
    rows = sa.select(sa.func.count()).select_from(schema.blobs)
    return list(web.store.list()), web.database.read(lambda c: c.scalar(rows))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "film"}, "`kind`"),
        ({"kind": None}, "`kind`"),
        ({"alpha": 2}, "alpha"),
        ({"alpha": "much"}, "alpha"),
        ({"size": 0}, "size"),
        ({"size": "512x512"}, "size"),
        ({"size": 512.5}, "size"),
        ({"size": True}, "size"),
        ({"size": 10}, "size"),
        ({"steps": 0}, "steps"),
        ({"steps": 10**9}, "steps"),
        ({"steps": 1999, "octaves": 32}, "steps"),
        ({"seed": -1}, "seed"),
        ({"content": None}, "content"),
        ({"content": ["a"]}, "content"),
        ({"content": True}, "content"),
        ({"style": None}, "style"),
    ],
)
def test_a_setting_that_is_none_is_named(quick_web, values, field):
    ann = Program(quick_web)
    told = ann.order(400, **{"content": ann.upload()} | values)
    assert told["code"] == "bad_input" and field in told["error"]
    assert ann("GET", "/api/jobs") == {"jobs": []}


def test_a_file_on_the_server_cannot_be_named(web, ann):
    told = ann.order(content=ann.upload(), init="/etc/passwd", weights="/etc/passwd")
    assert set(told["settings"]) == {"alpha", "steps", "seed"}


def test_a_picture_larger_than_one_may_order_is_refused(web, ann):
    told = ann.order(413, content=ann.upload(), size=4096)
    assert told["code"] == "too_large" and "1024" in told["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"[" * 9000, b'{"a": NaN'])
def test_what_is_no_json_object_is_told(quick_web, body):
    answer = quick_web.visitor(PROGRAM).ask("POST", "/api/sessions", content=body)
    assert answer.status_code == 400 and answer.json()["code"] == "bad_input"


@pytest.mark.parametrize("value", [5, ["ann"], {"a": 1}, True])
def test_a_text_that_is_none_is_told(quick_web, value):
    form = {"name": value, "password": PASSWORD}
    answer = quick_web.visitor(PROGRAM).ask("POST", "/api/accounts", json=form)
    assert answer.status_code == 400 and "`name` must be a text" in answer.text


def test_a_body_too_large_is_refused_before_it_is_kept(quick_web):
    ann = quick_web.member("ann")
    answer = ann.post("/login", {"name": "x" * (guard.SMALL_BODY + 1)})
    assert answer.status_code == 413 and "too large" in shown(answer)

    async def endless():
        for _ in range(9):
            yield bytes(guard.SMALL_BODY // 8)

    answer = ann.ask("POST", "/api/sessions", content=endless(), headers=PROGRAM)
    assert answer.status_code == 413 and answer.json()["code"] == "too_large"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n"),
        ("multipart/form-data; boundary=x; charset=none", b"--x--"),
        ("application/x-www-form-urlencoded", b"\xff%ff&&=&kind=\x00"),
        ("", b""),
    ],
)
def test_a_form_that_cannot_be_read_is_told(quick_web, kind, body):
    ann = quick_web.member("ann")
    answer = ann.ask("POST", "/new", content=body, headers={"content-type": kind})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"alpha": "much"}, "alpha"),
        ({"alpha": "7"}, "kind"),
        ({"kind": "dream", "strength": "bottomless"}, "strength"),
        ({"size": "huge"}, "size"),
        ({"size": "10"}, "size"),
        ({"style": ""}, "style"),
        ({"style": "none"}, "style"),
        ({"picture": b""}, "content"),
        ({"picture": b"", "content_id": "none"}, "content"),
    ],
)
def test_what_is_wrong_with_an_order_is_told_with_its_field(quick_web, fields, field):
    ann = quick_web.member("ann")
    answer = ann.order(**fields)
    assert answer.status_code in (400, 404)
    assert 'class="problem"' in answer.text
    told = ann.order(**fields, headers=PROGRAM).json()
    assert told["field"] == field and told["error"].endswith(".")


def test_a_form_that_is_told_what_is_wrong_keeps_what_was_chosen(quick_web):
    ann = quick_web.member("ann")
    work = ann.make(size="384")
    page = ann.get(f"/new?again={work}").text
    content = re.search(r'name="content_id" value="([^"]+)"', page)[1]
    fields = {"picture": b"", "content_id": content, "size": "768"}
    page = ann.order(kind="mix", alpha="0.15", style="none", **fields).text
    assert f'name="content_id" value="{content}"' in page
    assert 'value="0.15"' in page and re.search(r'value="768"[^>]*checked', page)


def test_a_body_whose_length_is_none_is_refused(quick_web):
    for length in ("x", "9" * 400, "-1"):
        headers = {"content-length": length}
        answer = quick_web.visitor().ask("POST", "/login", content=b"", headers=headers)
        assert answer.status_code == 413


def test_what_a_person_may_not_order_now_is_told_before(portal, town, decoded_once):
    import dataclasses

    for limit, text in (
        ({"waiting": 1}, "1 picture in line already"),
        ({"daily": 1}, "ordered many pictures today"),
        ({"quota": 1}, "Your room is used up"),
    ):
        limited = Town(
            *(town.database, town.store),
            dataclasses.replace(town.settings, **limit),
        )
        with Web(portal, limited).living() as web:
            ann = web.member("ann-" + "".join(limit))
            ann.job(kind="dream")
            if "quota" in limit:
                limited.upload(ann.id, bytes(2_000_000))
            assert text in shown(ann.get("/new"))


def test_too_many_orders_are_refused_and_nothing_is_kept(portal, town, decoded_once):
    import dataclasses

    town.settings = dataclasses.replace(town.settings, waiting=1)
    with Web(portal, town).living() as web:
        ann = web.member("ann")
        ann.job(kind="dream")
        before = _stored(web)[1]
        answer = ann.order(kind="dream")
        assert answer.status_code == 429 and "in line already" in shown(answer)
        assert "disabled" in answer.text
        assert _stored(web)[1] == before


def test_when_many_pictures_arrive_at_once_the_next_one_is_asked_to_wait(
    quick_web, monkeypatch
):
    from vectormix_tf.studio.web import endpoints

    monkeypatch.setattr(endpoints, "MOST_UPLOADS", 0)
    answer = quick_web.member("ann").ask("PUT", "/api/uploads", content=photograph())
    assert answer.status_code == 503 and answer.json()["code"] == "busy"
    assert answer.headers["retry-after"]


def test_a_store_that_is_away_refuses_before_anything_is_written(web, monkeypatch):
    ann, visitor = web.member("ann"), web.visitor()
    content = web.town.upload(ann.id, photograph())

    def away(*_):
        raise Unavailable("the store is full; try again later.")

    monkeypatch.setattr(web.store, "check_writable", away)
    before = _rows(web)
    files = {"content": ("a.png", photograph())}
    fields = {"key": "k" * 20, "kind": "dream", "size": "256"}
    for answer in (
        ann.post("/new", fields, files=files),
        visitor.post("/try", fields, files=files),
        ann.ask("PUT", "/api/uploads", content=photograph()),
        ann.ask("POST", "/api/jobs", json={"kind": "dream", "content": content}),
    ):
        assert answer.status_code == 503 and answer.headers["retry-after"]
    assert answer.json()["code"] == "unavailable"
    assert "takes a short rest" in ann.post("/new", fields, files=files).text
    assert _rows(web) == before
    assert visitor.get("/readyz").status_code == 503
    assert visitor.get("/healthz").status_code == 200


def _rows(web):
    tables = [each for each in schema.metadata.sorted_tables if each.name != "sessions"]
    return web.database.read(
        lambda c: [c.execute(sa.select(each)).all() for each in tables]
    )


def test_a_database_that_is_away_is_told_on_every_page(web, monkeypatch):
    ann = web.member("ann")

    def away(*_):
        raise Unavailable("the database has not answered.")

    monkeypatch.setattr(web.database, "read", away)
    monkeypatch.setattr(web.database, "transaction", away)
    for path in ("/", "/me", "/w/x", "/nowhere"):
        answer = ann.get(path)
        assert answer.status_code == 503 and "takes a short rest" in answer.text
        assert int(answer.headers["retry-after"]) > 0
    assert ann.get("/api/feed").json()["code"] == "unavailable"
    assert ann.get("/readyz").json() == {"status": "away"}
    monkeypatch.undo()
    assert ann.get("/me").status_code == 200


def test_a_mistake_of_ours_is_told_without_its_text(web, monkeypatch, caplog):
    ann = web.member("ann")

    def broken(*_):
        raise KeyError("secret-canary")

    monkeypatch.setattr(works, "feed", broken)
    answer = ann.get("/")
    assert answer.status_code == 500 and "A mistake of ours" in answer.text
    assert "secret-canary" not in answer.text
    assert ann.get("/api/feed").json()["code"] == "internal"
    assert "secret-canary" not in "".join(each.getMessage() for each in caplog.records)


# --- News -----------------------------------------------------------------------------


def test_news_of_a_job_end_the_wait_at_once(web):
    ann = web.member("ann")
    job = ann.job(kind="dream")
    told = ann.get("/api/news?after=0").json()
    assert [each["id"] for each in told["jobs"]] == [job]
    assert told["jobs"][0]["status"] == "Next in line"
    waiting = ann.later("GET", f"/api/news?after={told['after']}")
    with pytest.raises(concurrent.futures.TimeoutError):
        waiting.result(1)
    lease = web.town.claim()
    web.town.beat(lease, 0.4, b"a small picture")
    fresh = waiting.result(10).json()
    assert fresh["after"] > told["after"]
    (job,) = fresh["jobs"]
    assert (job["state"], job["percent"]) == ("running", 40)
    assert job["preview"].startswith(f"/me/jobs/{job['id']}/preview")
    waiting = ann.later("GET", f"/api/news?after={fresh['after']}")
    web.town.finish(lease)
    (job,) = waiting.result(10).json()["jobs"]
    assert job["state"] == "done" and job["work"].startswith("/w/")


def test_a_wait_without_news_ends_by_itself(web, monkeypatch):
    monkeypatch.setattr(mine, "POLL_SECONDS", 0.3)
    ann = web.member("ann")
    assert ann.get("/api/news?after=0").json() == {"after": 0, "jobs": []}


def test_a_wait_without_news_tells_the_place_in_line_anew(web, monkeypatch):
    monkeypatch.setattr(mine, "POLL_SECONDS", 0.3)
    bob, ann = web.member("bob"), web.member("ann")
    bob.job(kind="dream")
    ann.job(kind="dream")
    told = ann.get("/api/news?after=0").json()
    assert told["jobs"][0]["status"] == "2nd in line"
    web.town.claim()
    later = ann.get(f"/api/news?after={told['after']}").json()
    assert later["after"] == told["after"]
    assert [each["status"] for each in later["jobs"]] == ["Next in line"]


def test_many_waits_take_no_thread_and_no_connection(quick_web):
    ann = quick_web.member("ann")
    first = time.monotonic()
    waiting = [ann.later("GET", "/api/news?after=0") for _ in range(100)]
    while quick_web.site.news.waiting < 100:
        time.sleep(0.02)
        assert time.monotonic() - first < 60
    begun = time.monotonic()
    assert ann.get("/styles").status_code == 200
    assert time.monotonic() - begun < 5
    assert quick_web.database.engine.pool.checkedout() == 0
    ann.job(kind="dream")
    assert all(each.result(20).json()["after"] == 1 for each in waiting)
    assert quick_web.site.news.waiting == 0


def test_a_page_that_is_left_waits_no_longer(web):
    ann = web.member("ann")
    leave = asyncio.Event()
    sent = []

    async def receive():
        if not sent:
            sent.append("asked")
            return {"type": "http.request", "body": b"", "more_body": False}
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    cookie = f"session={ann.client.cookies['session']}".encode()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/news",
        "raw_path": b"/api/news",
        "root_path": "",
        "scheme": "http",
        "server": ("studio.test", 80),
        "client": ("203.0.113.9", 1),
        "http_version": "1.1",
        "query_string": b"after=0",
        "headers": [(b"cookie", cookie), (b"host", b"studio.test")],
    }
    asked = web.portal.start_task_soon(web.app, scope, receive, send)
    _until(lambda: web.site.news.waiting == 1)
    web.portal.call(leave.set)
    asked.result(10)
    assert web.site.news.waiting == 0


def test_the_end_of_the_process_lets_all_go_who_wait(web):
    ann = web.member("ann")
    waiting = ann.later("GET", "/api/news?after=0")
    _until(lambda: web.site.news.waiting == 1)
    web.portal.call(web.site.news.close)
    assert waiting.result(10).status_code == 200
    assert ann.get("/api/news?after=0").status_code == 200


def test_the_database_may_be_away_while_people_wait(web, monkeypatch):
    from vectormix_tf.studio.web import news

    monkeypatch.setattr(news, "AWAY_SECONDS", 0.05)
    counters, times = queue.counters, []

    def away(source, users):
        if users and web.site.news.waiting:
            times.append(1)
            if len(times) < 3:
                raise Unavailable("the database has not answered.")
        return counters(source, users)

    monkeypatch.setattr(queue, "counters", away)
    ann = web.member("ann")
    waiting = ann.later("GET", "/api/news?after=0")
    _until(lambda: len(times) > 3)
    web.town.submit(ann.id)
    assert waiting.result(10).json()["after"] == 1


@pytest.mark.parametrize("after", ["", "x", "-1", "1e9", "9" * 30])
def test_a_number_of_news_that_is_none_is_told(quick_web, after):
    assert quick_web.member("ann").get(f"/api/news?after={after}").status_code == 400


def _until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it has not come to that"
        time.sleep(0.01)


def test_forms_tell_programs_in_json(web):
    ann, bob = web.member("ann"), web.member("bob", FORM | PROGRAM)
    work = ann.publish(ann.make(kind="dream"))
    told = bob.post(f"/w/{work}/like", {"like": "1"}).json()
    assert told == {"likes": 1, "liked": True}
    answer = bob.order(kind="dream", headers=PROGRAM)
    assert answer.status_code == 201 and answer.json()["url"].startswith("/me/jobs/")
    for path, form in (
        ("/login", {"name": "ann", "password": "wrong"}),
        ("/signup", {"name": "ann", "password": "wrong horse"}),
        ("/me/settings/name", {"name": "ann"}),
    ):
        assert bob.post(path, form).json()["code"] in ("bad_login", "name_taken")
    assert json.loads(bob.get("/w/none").text)["code"] == "not_found"
    assert styles.mine(web.database, bob.id) == []
