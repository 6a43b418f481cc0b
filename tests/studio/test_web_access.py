"""Who may ask what: each route by each kind of person, other sites, cookies, caches."""

import dataclasses
import re

import pytest
import studio_site
from PIL import Image
from studio_site import FORM, PROGRAM, Web, photograph
from studio_town import PASSWORD

from vectormix_tf.errors import InputError
from vectormix_tf.studio import (
    accounts,
    moderation,
    pages,
    queue,
    styles,
    takeout,
    works,
)
from vectormix_tf.studio.web import app, sessions
from vectormix_tf.studio.web.options import Options

LATER = 10**6  # of the number of news: it is answered at once
WRONG = {"name": "ann", "username": "ann", "password": "wrong horse"}
CONTENT = {"kind": "dream", "content_id": "{upload}", "size": "256"}
ORDER = {"kind": "dream", "content": "{upload}", "size": 256}

# (method, address, what is sent): status for nobody, another person, the owner of all
# that it names, a moderator. A banned person is nobody.
MATRIX = [
    ("GET", "/healthz", None, (200, 200, 200, 200)),
    ("GET", "/readyz", None, (200, 200, 200, 200)),
    ("GET", "/", None, (200, 200, 200, 200)),
    ("GET", "/best", None, (200, 200, 200, 200)),
    ("GET", "/u/ann", None, (200, 200, 200, 200)),
    ("GET", "/styles", None, (200, 200, 200, 200)),
    ("GET", "/w/{public}", None, (200, 200, 200, 200)),
    ("GET", "/w/{private}", None, (404, 404, 200, 200)),
    ("GET", "/s/{token}", None, (200, 200, 200, 200)),
    ("GET", "/files/{public_file}", None, (200, 200, 200, 200)),
    ("GET", "/files/{private_file}", None, (404, 404, 200, 200)),
    ("GET", "/files/{upload_file}", None, (404, 404, 200, 200)),
    ("GET", "/files/paintings/harvest/320", None, (200, 200, 200, 200)),
    ("GET", "/new", None, (303, 200, 200, 200)),
    ("GET", "/new?again={private}", None, (303, 404, 200, 200)),
    ("GET", "/try", None, (200, 303, 303, 303)),
    ("POST", "/new", CONTENT, (401, 404, 303, 404)),
    ("POST", "/try", CONTENT, (404, 404, 303, 404)),
    ("GET", "/me", None, (303, 200, 200, 200)),
    ("GET", "/me/jobs/{job}", None, (303, 404, 200, 404)),
    ("GET", "/me/jobs/{job}/preview", None, (303, 404, 200, 404)),
    ("GET", f"/api/news?after={LATER}", None, (401, 200, 200, 200)),
    ("GET", "/login", None, (200, 303, 303, 303)),
    ("POST", "/login", WRONG, (401, 401, 401, 401)),
    ("GET", "/signup", None, (200, 200, 200, 200)),
    ("POST", "/signup", {"name": "a b"}, (400, 400, 400, 400)),
    ("GET", "/password?link={link}", None, (200, 200, 200, 200)),
    ("GET", "/password?link=wrong", None, (404, 404, 404, 404)),
    ("POST", "/password", {"link": "{link}"}, (400, 400, 400, 400)),
    ("POST", "/password", {"link": "wrong"}, (404, 404, 404, 404)),
    ("GET", "/me/settings", None, (303, 200, 200, 200)),
    ("POST", "/me/settings/name", {"name": "a b"}, (401, 400, 400, 400)),
    ("POST", "/me/settings/email", {"email": "no"}, (401, 400, 400, 400)),
    ("POST", "/me/settings/password", WRONG, (401, 401, 401, 401)),
    ("POST", "/me/settings/delete", WRONG, (401, 401, 401, 401)),
    ("GET", "/me/export", None, (303, 200, 200, 200)),
    ("GET", "/admin", None, (303, 404, 404, 200)),
    ("GET", "/admin?show=people", None, (303, 404, 404, 200)),
    ("GET", "/admin?show=audit", None, (303, 404, 404, 200)),
    ("POST", "/admin/works/{public}/approve", {}, (401, 404, 404, 303)),
    ("POST", "/admin/works/{public}/restore", {}, (401, 404, 404, 404)),
    ("POST", "/admin/works/{removed}/remove", {}, (401, 404, 404, 303)),
    ("POST", "/admin/people/carl/ban", {}, (401, 404, 404, 303)),
    ("POST", "/admin/people/carl/unban", {}, (401, 404, 404, 303)),
    ("POST", "/admin/people/carl/role", {"role": "member"}, (401, 404, 404, 303)),
    ("POST", "/admin/people/carl/password", {}, (401, 404, 404, 200)),
    ("POST", "/admin/styles/{removed_style}/remove", {}, (401, 404, 404, 303)),
    ("POST", "/w/{private}/style", {"title": "x"}, (401, 404, 404, 404)),
    ("POST", "/w/{private}/like", {}, (401, 404, 303, 303)),
    ("POST", "/w/{private}/like", {"like": "0"}, (401, 404, 303, 303)),
    ("POST", "/w/{private}/report", {"reason": "else"}, (401, 404, 404, 404)),
    ("POST", "/w/{private}/title", {"title": "x"}, (401, 404, 303, 404)),
    (
        "POST",
        "/w/{private}/visibility",
        {"visibility": "private"},
        (401, 404, 303, 404),
    ),
    ("POST", "/api/accounts", {"name": "a b"}, (400, 400, 400, 400)),
    ("POST", "/api/sessions", WRONG, (401, 401, 401, 401)),
    ("GET", "/api/me", None, (401, 200, 200, 200)),
    ("DELETE", "/api/me", WRONG, (401, 401, 401, 401)),
    ("PUT", "/api/uploads", b"", (401, 400, 400, 400)),
    ("POST", "/api/jobs", ORDER, (401, 404, 201, 404)),
    ("GET", "/api/jobs", None, (401, 200, 200, 200)),
    ("GET", "/api/jobs/{job}", None, (401, 404, 200, 404)),
    ("POST", "/api/jobs/{job}/again", {}, (401, 404, 201, 404)),
    ("GET", "/api/styles", None, (200, 200, 200, 200)),
    ("POST", "/api/styles", {"upload": "{upload}", "title": ""}, (401, 400, 400, 400)),
    ("GET", "/api/feed", None, (200, 200, 200, 200)),
    ("GET", "/api/works", None, (401, 200, 200, 200)),
    ("GET", "/api/works/{private}", None, (404, 404, 200, 200)),
    ("PATCH", "/api/works/{private}", {"title": "y"}, (401, 404, 200, 404)),
    ("PUT", "/api/works/{private}/like", {}, (401, 404, 200, 200)),
    ("DELETE", "/api/works/{private}/like", {}, (401, 404, 200, 200)),
    ("POST", "/api/works/{private}/report", {"reason": "x"}, (401, 404, 404, 404)),
    # What ends something comes last.
    ("POST", "/me/sessions/{session}/revoke", {}, (401, 404, 303, 404)),
    ("POST", "/me/jobs/{job}/cancel", {}, (401, 404, 303, 404)),
    ("POST", "/me/jobs/{job}/again", {}, (401, 404, 303, 404)),
    ("POST", "/api/jobs/{job}/cancel", {}, (401, 404, 200, 404)),
    ("POST", "/styles/{style}/delete", {}, (401, 404, 303, 404)),
    ("DELETE", "/api/styles/{other_style}", None, (401, 404, 204, 404)),
    ("POST", "/w/{private}/delete", {}, (401, 404, 303, 404)),
    ("DELETE", "/api/works/{unlisted}", None, (401, 404, 204, 404)),
    ("DELETE", "/api/sessions", None, (401, 204, 204, 204)),
    ("POST", "/logout", {}, (303, 303, 303, 303)),
]


@pytest.fixture
def open_site(portal, town, decoded_once):
    """With room for many orders."""
    most = {"waiting": 100, "daily": 100, "running": 100}
    town.settings = dataclasses.replace(town.settings, **most)
    with Web(portal, town).living() as made:
        yield made


def things_of(web, ann):
    """One of each thing that a person can have."""
    database, town = web.database, web.town
    values = {name: ann.make(kind="dream") for name in ("private", "removed")}
    values["public"] = ann.publish(ann.make(kind="dream"))
    values["unlisted"] = ann.publish(ann.make(kind="dream"), "unlisted")
    found = {n: works.find(database, ann.id, work) for n, work in values.items()}
    values["token"] = found["unlisted"].share_token
    for name in ("private", "public"):
        values[f"{name}_file"] = found[name].picture
    values["job"] = ann.job(kind="dream")
    lease = town.claim()
    assert lease.job == values["job"]
    town.beat(lease, 0.5, preview=b"a small picture")
    order = queue.order_of(database, ann.id, values["job"], "x")
    values["upload"] = order.inputs["content"].upload
    values["upload_file"] = lease.inputs["content"].key
    for name in ("style", "other_style", "removed_style"):
        painting = town.upload(ann.id, photograph())
        shared = styles.share(database, ann.id, painting, name, "", "private")
        values[name] = shared.id
    web.visitor().sign_in("ann")
    rows = accounts.sessions_of(database, ann.id, ann.client.cookies["session"])
    values["session"] = next(row.id for row in rows if not row.current)
    return values


def ask(visitor, row, values):
    method, path, body = row
    path, options = path.format(**values), {}
    if isinstance(body, dict):
        body = {
            name: value.format(**values) if isinstance(value, str) else value
            for name, value in body.items()
        }
        options["json" if path.startswith("/api/") else "data"] = body
    elif body is not None:
        options["content"] = body
    if body is CONTENT or path in ("/new", "/try"):
        options["files"] = {"content": ("", b"")} if method == "POST" else None
    return visitor.ask(method, path, **options)


def record(web, user):
    """All that the database has of a person, but for when sessions were used."""
    told, _ = takeout._collect(web.database, user)
    return {name: rows for name, rows in told.items() if name != "sessions"}


def test_each_route_answers_each_person_as_the_matrix_says(open_site):
    web = open_site
    ann, bob, ida = web.member("ann"), web.member("bob"), web.moderator()
    banned = web.member("eve")
    web.town.person("carl")
    values = things_of(web, ann)
    make_link = moderation.link_for_password
    values["link"] = make_link(web.database, ida.id, bob.id, "").token
    ida.post("/admin/people/eve/ban")
    before = record(web, ann.id)
    wrong = []

    def all_of(visitor, column):
        for *row, expected in MATRIX:
            status = ask(visitor, row, values).status_code
            if status != expected[column]:
                wrong.append((row, visitor.name, status, expected[column]))

    all_of(web.visitor(), 0)
    all_of(banned, 0)
    all_of(bob, 1)
    assert wrong == []
    assert record(web, ann.id) == before
    all_of(ida, 3)
    all_of(ann, 2)
    assert wrong == []


def test_the_matrix_has_each_route():
    def shape(path):
        return re.sub(r"\{[^}]*\}", "*", path)

    routes = {(each.method, shape(each.path)) for each in app.ENDPOINTS}
    named = {"/u/ann": "/u/*", "/files/paintings/harvest/320": "/files/paintings/*/*"}
    named |= {
        f"/admin/people/carl/{each}": f"/admin/people/*/{each}"
        for each in ("ban", "unban", "role", "password")
    }
    rows = {(method, shape(path.partition("?")[0])) for method, path, *_ in MATRIX}
    assert {(method, named.get(path, path)) for method, path in rows} == routes


# --- Other sites ----------------------------------------------------------------------

HERE, THERE = "http://studio.test", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": HERE}, False),
        ({"origin": HERE}, True),
        ({"origin": HERE + ":8080"}, False),
        ({"origin": "https://studio.test"}, False),
        ({"origin": THERE}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_forms_of_other_sites_are_refused(quick_web, headers, is_taken):
    ann = quick_web.member("ann", {"accept": "text/html"} | FORM)
    del ann.client.headers["sec-fetch-site"]
    form = {"email": "ann@example.org"}
    answer = ann.post("/me/settings/email", form, headers=headers)
    assert answer.status_code == (303 if is_taken else 403)
    kept = accounts.account_of(quick_web.database, ann.client.cookies["session"]).email
    assert kept == ("ann@example.org" if is_taken else None)


def test_a_program_without_these_headers_is_taken_where_no_form_can_send_the_same(
    quick_web,
):
    program = quick_web.member("ann")
    del program.client.headers["sec-fetch-site"]
    assert program.ask("POST", "/api/jobs", json={}).status_code == 400
    assert program.ask("POST", "/api/jobs/x/cancel").status_code == 404
    kind = {"content-type": "text/plain"}
    answer = program.ask("POST", "/api/jobs", content=b"{}", headers=kind)
    assert answer.json()["code"] == "other_site"
    assert program.ask("DELETE", "/api/works/x").status_code == 404
    assert program.ask("PUT", "/api/uploads", content=b"x").status_code == 415
    visitor = quick_web.visitor(PROGRAM)
    form = {"name": "ann", "password": PASSWORD}
    assert visitor.post("/login", form).status_code == 303


def test_behind_a_public_address_that_is_the_origin_which_is_believed(portal, town):
    with Web(portal, town, public_url="https://art.example").living() as web:
        visitor = web.visitor({"accept": "text/html"})
        form = {"name": "ann", "password": PASSWORD}
        for origin, status in (
            ("https://art.example", 303),
            ("http://art.example", 403),
        ):
            answer = visitor.post("/signup", form, headers={"origin": origin})
            assert answer.status_code == status
            visitor.client.cookies.clear()


# --- Sessions -------------------------------------------------------------------------


def test_the_cookie_is_as_safe_as_the_address_allows(portal, town):
    for url, name, secure in (
        (None, "session", False),
        ("http://art.example:8080", "session", False),
        ("https://art.example", "__Host-session", True),
    ):
        with Web(portal, town, public_url=url).living() as web:
            if not accounts.has_administrator(web.database):
                web.moderator("ann")
            visitor = web.visitor()
            answer = visitor.sign_in("ann")
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith(f"{name}=") and "HttpOnly" in cookie
            assert "SameSite=lax" in cookie and "Path=/" in cookie
            assert ("Secure" in cookie) is secure and "Domain" not in cookie
            assert visitor.get("/me").status_code == 200


def test_a_token_opens_the_same_as_the_cookie(web):
    web.member("ann")
    program = web.visitor(PROGRAM)
    form = {"name": "ann", "password": PASSWORD}
    token = program.ask("POST", "/api/sessions", json=form).json()["token"]
    program.client.cookies.clear()
    bearer = {"authorization": f"Bearer {token}"}
    assert program.get("/api/me", headers=bearer).json()["name"] == "ann"
    assert program.get("/api/me").status_code == 401


def test_a_session_that_ends_while_a_picture_is_sent_is_told(web):
    ann = web.member("ann")
    page = ann.get("/new").text
    accounts.log_out(web.database, ann.client.cookies["session"])
    files = {"content": ("a.png", photograph())}
    answer = ann.post("/new", {"key": "k"}, files=files, headers=PROGRAM)
    assert answer.status_code == 401 and answer.json()["code"] == "signed_out"
    answer = ann.post("/new", {"key": "k"}, files=files)
    assert answer.status_code == 401 and "Welcome back" in answer.text
    assert 'name="next" value="/new"' in answer.text and "sign in" in answer.text
    assert "A new picture" in page


def test_signing_in_ends_the_session_before(web):
    visitor = web.visitor()
    visitor.job(path="/try")
    guest = visitor.client.cookies["session"]
    web.town.person("ann")
    visitor.sign_in("ann")
    assert visitor.client.cookies["session"] != guest
    assert accounts.account_of(web.database, guest) is None


# --- Addresses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "peer", "told", "found"),
    [
        ((), "198.51.100.1", "203.0.113.7", None),
        (("10.0.0.0/8",), "10.1.2.3", "203.0.113.7", "203.0.113.7"),
        (("10.0.0.0/8",), "10.1.2.3", "1.1.1.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        (("10.0.0.0/8",), "198.51.100.1", "203.0.113.7", "198.51.100.1"),
        (("10.0.0.0/8",), "10.1.2.3", "", None),
        (("2001:db8::1",), "2001:db8::1", "2001:db8:5::9", "2001:db8:5::9"),
        (("10.0.0.1",), "a socket", "203.0.113.7", "a socket"),
    ],
)
def test_an_address_is_believed_from_named_proxies_alone(proxies, peer, told, found):
    from starlette.requests import HTTPConnection

    headers = [(b"x-forwarded-for", told.encode())] if told else []
    scope = {"type": "http", "headers": headers, "client": (peer, 1)}
    assert sessions.address_of(HTTPConnection(scope), Options(proxies=proxies)) == found


def test_who_tries_many_passwords_from_one_address_waits(portal, town):
    town.settings = dataclasses.replace(town.settings, logins=2)
    with Web(portal, town, proxies=("192.0.2.1",)).living() as web:
        web.town.person("ann")
        proxy = web.visitor(client=("192.0.2.1", 1))
        from_ = {"x-forwarded-for": "203.0.113.50"}
        form = {"name": "ann", "password": "wrong horse"}
        answers = [proxy.post("/login", form, headers=from_) for _ in range(3)]
        assert [each.status_code for each in answers] == [401, 401, 429]
        assert int(answers[-1].headers["retry-after"]) > 60
        link = {"link": "wrong", "password": "battery staple"}
        answer = proxy.post("/password", link, headers=from_)
        assert answer.status_code == 429 and "tried too often" in answer.text
        other = {"x-forwarded-for": "203.0.113.51"}
        assert proxy.post("/password", link, headers=other).status_code == 404
        assert proxy.post("/login", form, headers=other).status_code == 401


@pytest.mark.parametrize(
    "options",
    [
        {"public_url": "studio.example"},
        {"public_url": "https://studio.example/path"},
        {"public_url": "https://me@studio.example"},
        {"public_url": "https://studio.example:x"},
        {"proxies": ("proxy",)},
    ],
)
def test_addresses_that_are_none_are_told_at_the_start(options):
    with pytest.raises(InputError, match="must be"):
        Options(**options)


# --- Headers --------------------------------------------------------------------------


def test_each_answer_has_the_headers_that_keep_other_sites_out(quick_web):
    visitor = quick_web.visitor()
    for path in ("/", "/nowhere", "/api/feed", "/api/me", "/static/studio.css", "/me"):
        answer = visitor.get(path)
        for name, value in pages.HEADERS.items():
            assert answer.headers.get_list(name) == [value], (path, name)
    answer = visitor.post("/login", {}, headers={"sec-fetch-site": "cross-site"})
    assert "content-security-policy" in answer.headers


def test_a_public_picture_is_kept_for_minutes_and_a_private_one_never(web):
    ann = web.member("ann")
    work = ann.make()
    url = re.search(r'href="(/files/[^"]+)"', ann.get(f"/w/{work}").text)[1]
    assert ann.get(url).headers["cache-control"] == "private, no-store"
    ann.publish(work)
    answer = ann.get(url)
    assert answer.headers["cache-control"] == "public, max-age=300"
    again = ann.get(url, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    ann.publish(work, "private")
    again = web.visitor().get(url, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 404


def test_all_addresses_of_a_page_answer(quick_web):
    ann = quick_web.member("ann")
    ann.publish(ann.make(), photograph="1")
    for path in ("/", "/me", "/styles", "/new"):
        page = ann.get(path).text
        found = re.findall(r'(?:src|href)="(/[^"#]*)"', page)
        found += re.findall(r"(/files/\S+) \d+w", page)
        for url in {each.replace("&amp;", "&") for each in found}:
            if url not in ("/me/export",):
                assert ann.get(url).status_code in (200, 303), (path, url)


# --- Canaries -------------------------------------------------------------------------


def test_nothing_that_a_photograph_or_a_person_hides_is_shown_or_stored(
    portal, town, tmp_path
):
    """Place, file name and e-mail are looked for, with a child that decodes."""
    from studio_canaries import CANARIES, EMAIL, FILE, jpeg

    with Web(portal, town).living() as web:
        ann, bob = web.member("ann"), web.member("bob")
        seen = []
        ask_ = studio_site.Visitor.ask

        def keep(visitor, *args, **options):
            answer = ask_(visitor, *args, **options)
            seen.append((visitor.name, args, answer))
            return answer

        for visitor in (ann, bob):
            visitor.ask = keep.__get__(visitor)
        ann.post("/me/settings/email", {"email": EMAIL})
        files = {"content": (FILE, jpeg()), "style_file": (FILE, jpeg())}
        fields = {"key": "k" * 20, "kind": "mix", "size": "256"}
        job = ann.post("/new", fields, files=files).headers["location"]
        ann.get(job)
        web.work()
        work = ann.work_of(job.rpartition("/")[2])
        ann.publish(work, photograph="1")
        for visitor in (ann, bob):
            for path in (f"/w/{work}", "/", "/u/ann", "/me", f"/api/works/{work}"):
                visitor.get(path)
            for url in re.findall(r'"(/files/[^" ]+)', visitor.get(f"/w/{work}").text):
                answer = visitor.get(url)
                assert not Image.open(_file(answer.content)).getexif()
        assert len(seen) > 20
        for who, args, answer in seen:
            text = answer.content + repr(answer.headers).encode()
            for canary in CANARIES:
                # The person's own settings tell them their address.
                own = canary == EMAIL.encode() and who == "ann"
                assert own or canary not in text, (who, args, canary)
        for key, _ in web.store.list():
            assert not any(canary in web.store.get(key) for canary in CANARIES)
        rows = repr([takeout._collect(web.database, each.id) for each in (ann, bob)])
        assert [c for c in CANARIES if c.decode() in rows] == [EMAIL.encode()]


def _file(data):
    import io

    return io.BytesIO(data)


def test_a_style_of_ones_own_is_offered_to_no_one_else(web):
    ann, bob = web.member("ann"), web.member("bob")
    upload = web.town.upload(ann.id, photograph())
    made = styles.share(web.database, ann.id, upload, "Mine", "", "private")
    assert "Mine" in ann.get("/styles").text
    assert made.id not in bob.get("/styles").text
    answer = bob.order(style=made.id)
    assert answer.status_code == 404
