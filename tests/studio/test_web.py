"""The studio's pages and forms, each from the request to the database and back."""

import io
import json
import re
import zipfile

import pytest
from PIL import Image
from studio_places import clean
from studio_site import FORM, PROGRAM, Web, photograph, shown
from studio_town import PASSWORD, Town

from vectormix_tf.studio import (
    accounts,
    blobs,
    invariants,
    moderation,
    outlook,
    queue,
    review,
    styles,
    works,
)
from vectormix_tf.studio.store import Store


def place(answer):
    """Where a form goes on."""
    assert answer.status_code == 303, (answer.status_code, shown(answer))
    return answer.headers["location"]


# --- From one end to the other --------------------------------------------------------


def test_a_person_joins_orders_publishes_and_others_like(web):
    ann = web.visitor()
    form = {"name": "ann", "password": PASSWORD, "key": "k" * 16}
    assert place(ann.post("/signup", form)) == "/new"
    job = ann.job(alpha="0.3")
    page = ann.get(f"/me/jobs/{job}")
    assert "Next in line" in page.text and "Mix with" in page.text
    assert "Your photograph" in page.text
    web.work()
    work = ann.work_of(job)
    assert web.visitor().get(f"/w/{work}").status_code == 404
    ann.publish(work)
    bob = web.member("bob")
    assert f"/w/{work}" in bob.get("/").text
    assert place(bob.post(f"/w/{work}/like", {"like": "1", "next": "/"})) == "/"
    assert f"/w/{work}" in bob.get("/best?days=7").text
    assert "1 like" in bob.get("/best?days=30").text
    assert "alpha 0.30" in shown(bob.get(f"/w/{work}"))
    assert place(bob.post(f"/w/{work}/like", {"like": "0"})) == f"/w/{work}"
    assert "1 like" not in bob.get("/best?days=7").text


def test_a_dream_is_ordered_with_the_settings_of_its_strength(web):
    ann = web.member("ann")
    work = ann.make(kind="dream", strength="deep")
    found = works.find(web.database, ann.id, work)
    assert found.kind == "dream"
    assert found.settings == {"steps": 30, "octaves": 5, "seed": 0}
    text = shown(ann.get(f"/w/{work}"))
    assert "5 octaves of 30 steps" in text


def test_a_painting_of_ones_own_goes_before_a_chosen_style(web):
    ann = web.member("ann")
    page = ann.get("/new").text
    style = re.search(r'name="style" value="([^"]+)"', page)[1]
    files = {
        "content": ("a.png", photograph()),
        "style_file": ("b.png", photograph((0, 90, 0))),
    }
    fields = {"key": "k" * 20, "kind": "mix", "style": style, "size": "384"}
    job = place(ann.post("/new", fields, files=files)).rpartition("/")[2]
    assert "Mix with a painting of your own" in ann.get("/me").text
    order = queue.order_of(web.database, ann.id, job, "new")
    assert order.inputs["style"].upload and order.size == 384


def test_the_camera_s_photograph_counts_as_one(web):
    ann = web.member("ann")
    fields = {"key": "k" * 20, "kind": "dream", "size": "384"}
    files = {"content": ("", b""), "camera": ("camera.png", photograph())}
    assert "/me/jobs/" in place(ann.post("/new", fields, files=files))


def test_again_with_other_settings_starts_from_what_the_work_was_made_of(web):
    ann = web.member("ann")
    work = ann.make(alpha="0.75", size="768")
    page = ann.get(f"/new?again={work}").text
    content = re.search(r'name="content_id" value="([^"]+)"', page)[1]
    assert 'value="0.75"' in page and 'value="768" data-mix' in page
    job = ann.job(path="/new", picture=b"", content_id=content, alpha="0.2", size="768")
    old = queue.order_of(web.database, ann.id, _job_of(web, ann, work), "a")
    new = queue.order_of(web.database, ann.id, job, "b")
    assert new.inputs["content"] == old.inputs["content"]
    assert (old.settings["alpha"], new.settings["alpha"]) == (0.75, 0.2)


def _job_of(web, person, work):
    return works.find(web.database, person.id, work).job


def test_a_style_is_reused_from_its_page_and_counted(web):
    ann, bob = web.member("ann"), web.member("bob")
    upload = web.town.upload(ann.id, photograph((0, 0, 200)))
    made = styles.share(web.database, ann.id, upload, "Sea", "", "public")
    assert f"/new?style={made.id}" in bob.get("/styles").text
    assert f"/new?style={made.id}" in bob.get("/u/ann").text
    page = bob.get(f"/new?style={made.id}").text
    assert f'value="{made.id}" checked' in page
    work = bob.make(style=made.id)
    bob.publish(work)
    page = ann.get(f"/w/{work}").text
    assert "Sea" in page and "shared by ann" in page
    assert styles.find(web.database, None, made.id).uses == 1


def test_an_uploaded_painting_is_shared_from_the_page_of_its_work(web):
    ann, bob = web.member("ann"), web.member("bob")
    files = {
        "content": ("a.png", photograph()),
        "style_file": ("b.png", photograph((0, 90, 0))),
    }
    fields = {"key": "k" * 20, "kind": "mix", "size": "384"}
    job = place(ann.post("/new", fields, files=files)).rpartition("/")[2]
    web.work()
    work = ann.publish(ann.work_of(job))
    assert "Share the painting" in ann.get(f"/w/{work}").text
    assert "Share the painting" not in bob.get(f"/w/{work}").text
    form = {"title": "Moss", "credit": "ann's grandfather"}
    assert place(ann.post(f"/w/{work}/style", form)) == f"/w/{work}?said=shared"
    assert ann.post(f"/w/{work}/style", form).status_code == 404
    page = bob.get(f"/w/{work}").text
    assert "Moss" in page and "Use this style" in page
    (style,) = styles.mine(web.database, ann.id)
    assert f"/new?style={style.id}" in bob.get("/styles").text
    assert f"/styles/{style.id}/delete" not in bob.get("/styles").text
    assert f"/styles/{style.id}/delete" in ann.get("/styles").text
    answer = ann.post(f"/styles/{style.id}/delete")
    assert place(answer) == "/styles?said=style_deleted"
    assert "Moss" not in bob.get("/styles").text
    assert bob.get(f"/w/{work}").status_code == 200


def test_a_style_that_is_gone_is_not_chosen(web):
    ann = web.member("ann")
    assert ann.get("/new?style=gone").status_code == 200


# --- Jobs -----------------------------------------------------------------------------


def test_a_waiting_job_is_stopped_and_ordered_again(web):
    ann = web.member("ann")
    job = ann.job()
    assert place(ann.post(f"/me/jobs/{job}/cancel")) == f"/me/jobs/{job}"
    page = ann.get(f"/me/jobs/{job}").text
    assert "Stopped" in page
    key = re.search(r'name="key" value="([^"]+)"', page)[1]
    first = place(ann.post(f"/me/jobs/{job}/again", {"key": key}))
    assert place(ann.post(f"/me/jobs/{job}/again", {"key": key})) == first
    assert outlook.busy(web.database, ann.id) == 1
    assert "Stopped" in ann.get("/me").text


def test_while_no_worker_is_there_pages_say_that_one_is_waited_for(web):
    ann = web.member("ann")
    waits = "begins as soon as a worker is there"
    for visitor, path in ((ann, "/new"), (web.visitor(), "/try")):
        assert f"Yours {waits}" in shown(visitor.get(path))
    job = ann.job()
    assert f"1 picture in front of yours; it {waits}" in shown(ann.get("/new"))
    for path in ("/me", f"/me/jobs/{job}"):
        assert f"Next in line {waits}" in shown(ann.get(path))
    news = ann.get("/api/news?after=0", headers=PROGRAM).json()
    assert [each["figures"] for each in news["jobs"]] == [waits]
    assert web.town.claim().job == job
    assert "Yours would be next" in shown(ann.get("/new"))
    other = ann.job()
    for path in ("/me", "/new", f"/me/jobs/{job}", f"/me/jobs/{other}"):
        assert waits not in shown(ann.get(path))
    assert "Next in line begins in" in shown(ann.get(f"/me/jobs/{other}"))


def test_a_running_job_shows_its_preview_to_its_person_alone(web):
    ann, bob = web.member("ann"), web.member("bob")
    job = ann.job()
    assert ann.get(f"/me/jobs/{job}/preview").status_code == 404
    lease = web.town.claim()
    web.town.beat(lease, 0.5, preview=b"a small picture")
    page = ann.get("/me").text
    url = re.search(rf'src="(/me/jobs/{job}/preview[^"]+)"', page)[1]
    answer = ann.get(url)
    assert answer.content == b"a small picture"
    assert answer.headers["cache-control"] == "private, no-store"
    assert bob.get(url).status_code == 404
    assert "50 %" in page
    web.town.finish(lease)


def test_a_job_that_is_slower_than_predicted_says_so(web, wall):
    ann = web.member("ann")
    job = ann.job()
    lease = web.town.claim()
    path = f"/me/jobs/{job}"
    assert "seconds left" in shown(ann.get(path))
    wall.time += 300
    slow = shown(ann.get(path))
    assert "0 %" in slow and "left" not in slow
    web.town.beat(lease, 0.5)
    assert "about 5 minutes left" in shown(ann.get(path))
    told = ann.get("/api/news?after=0", headers=PROGRAM).json()["jobs"]
    assert told[0]["figures"].startswith("about 5 minutes left")


def test_a_failed_job_says_why(web):
    ann = web.member("ann")
    job = ann.job()
    leases_fail(web, "the picture became too large.")
    assert "The picture became too large." in shown(ann.get(f"/me/jobs/{job}"))
    assert "Failed" in ann.get("/me").text


def leases_fail(web, text):
    from vectormix_tf.studio import leases

    leases.fail(web.database, web.town.claim(), text, final=True)


def test_a_stopped_picture_is_called_unfinished(web):
    from vectormix_tf.studio import leases

    ann = web.member("ann")
    ann.job()
    lease = web.town.claim()
    work = leases.stop(web.database, lease, 0.4, web.town.result(lease.user))
    assert "It was stopped before its end" in shown(ann.get(f"/w/{work}"))


# --- A visitor without account --------------------------------------------------------


def test_a_visitor_tries_one_small_picture_that_is_forgotten(web, wall):
    visitor = web.visitor()
    job = visitor.job(path="/try")
    assert queue.counters(web.database, []) == {}
    page = visitor.get(f"/me/jobs/{job}").text
    assert "will be forgotten" in page and "Sign in" in page
    web.work()
    work = visitor.work_of(job)
    text = visitor.get(f"/w/{work}").text
    assert "by <a" in text and "guest-" not in shown(visitor.get(f"/w/{work}"))
    assert "Yours to decide" not in text
    assert visitor.get("/me").status_code == 303
    second = visitor.order(path="/try")
    assert second.status_code == 429
    assert "You have tried it" in shown(second)
    assert "join to make more" in shown(visitor.get("/try"))
    wall.time += web.settings.guest_seconds + 1
    web.purge()
    assert visitor.get(f"/me/jobs/{job}").status_code == 303
    assert list(web.store.list()) == []


def test_a_form_sent_twice_by_a_visitor_makes_one_guest_with_one_job(web):
    visitor = web.visitor()
    key = visitor.key("/try")
    files = {"content": ("a.png", photograph())}
    fields = {"key": key, "kind": "dream", "size": "256"}
    jobs = []
    for _ in range(2):
        jobs.append(place(visitor.post("/try", fields, files=files)))
        visitor.client.cookies.clear()  # as the answer comes too late
    assert jobs[0] == jobs[1]


def test_who_has_an_account_is_sent_from_try_to_new(web):
    assert place(web.member("ann").get("/try")) == "/new"


# --- What a work's forms do -----------------------------------------------------------


def test_an_unlisted_work_is_seen_by_its_link_with_its_picture(web):
    ann, bob = web.member("ann"), web.member("bob")
    work = ann.publish(ann.make(), "unlisted")
    token = works.find(web.database, ann.id, work).share_token
    assert f"{web.url}/s/{token}" in ann.get(f"/w/{work}").text
    assert bob.get(f"/w/{work}").status_code == 404
    page = bob.get(f"/s/{token}").text
    url = re.search(r'class="after" href="([^"]+)"', page)[1]
    assert bob.get(url).status_code == 200
    assert bob.get(url.partition("?")[0]).status_code == 404
    assert f"/w/{work}" not in bob.get("/").text
    like = {"like": "1", "next": f"/s/{token}"}
    assert place(bob.post(f"/w/{work}/like", like)) == f"/s/{token}"
    assert works.find(web.database, ann.id, work).likes == 1
    ann.publish(work, "private")
    assert bob.get(f"/s/{token}").status_code == 404


def test_the_photograph_is_shown_only_if_it_is_chosen(web):
    ann, bob = web.member("ann"), web.member("bob")
    work = ann.publish(ann.make())
    assert "data-compare" not in bob.get(f"/w/{work}").text
    assert "data-compare" in ann.get(f"/w/{work}").text
    ann.publish(work, photograph="1")
    page = bob.get(f"/w/{work}").text
    url = re.search(r'class="before"><img src="([^"]+)"', page)[1]
    assert Image.open(io.BytesIO(bob.get(url).content)).size == (90, 60)
    ann.publish(work)
    assert bob.get(url).status_code == 404


def test_publishing_shows_before_what_becomes_visible(web):
    ann = web.member("ann")
    text = shown(ann.get(f"/w/{ann.make()}"))
    assert "Visible: The picture, its title and your name, ann" in text
    assert "Stays private: The photograph, unless you choose so" in text


def test_a_title_is_kept_without_changing_who_sees_the_work(web):
    ann = web.member("ann")
    work = ann.publish(ann.make())
    title = 'A <b>"title"</b> & more'
    assert place(ann.post(f"/w/{work}/title", {"title": title})).startswith("/w/")
    found = works.find(web.database, None, work)
    assert (found.title, found.visibility) == (title, "public")
    page = web.visitor().get(f"/w/{work}").text
    assert "A &lt;b&gt;" in page and "A <b>" not in page
    answer = ann.post(f"/w/{work}/title", {"title": "x" * 101})
    assert answer.status_code == 400 and "at most 100" in shown(answer)


def test_a_deleted_work_is_gone_with_its_bytes(web):
    ann = web.member("ann")
    before = _bytes(web)
    work = ann.publish(ann.make())
    url = re.search(r'href="(/files/[^"]+)"', ann.get(f"/w/{work}").text)[1]
    assert place(ann.post(f"/w/{work}/delete")) == "/me?said=deleted"
    web.purge()
    assert ann.get(f"/w/{work}").status_code == 404
    assert ann.get(url).status_code == 404
    assert _bytes(web) == before
    assert accounts.account_of(web.database, _token(ann)).used_bytes == 0


def test_pictures_in_an_object_store_are_shown_and_purged(
    portal, sqlite, bucket, settings, wall, decoded_once
):
    wall.time = wall.START
    clean(sqlite)
    town = Town(sqlite, Store(bucket), settings)
    with Web(portal, town).living() as web:
        ann, bob = web.member("ann"), web.member("bob")
        work = ann.publish(ann.make())
        page = bob.get(f"/w/{work}").text
        urls = set(re.findall(r'"(/files/(?!paintings)[^" ]+)', page))
        assert urls
        for url in urls:
            assert Image.open(io.BytesIO(bob.get(url).content)).size
        assert _bytes(web) > 0
        assert place(ann.post(f"/w/{work}/delete")) == "/me?said=deleted"
        web.purge()
        assert all(bob.get(url).status_code == 404 for url in urls)
        assert invariants.check_store(sqlite, town.store) == []
        for person in (ann, bob):
            accounts.erase(sqlite, person.id)
        wall.time += blobs.ATTACH_SECONDS + 1
        town.pass_time(blobs.ATTACH_SECONDS + 1)
        web.purge()
        assert _bytes(web) == 0


def _bytes(web):
    """What the store has."""
    return sum(size for _, size in web.store.list())


def _token(visitor):
    return visitor.client.cookies["session"]


def test_unknown_places_of_a_list_are_told(quick_web):
    assert quick_web.visitor().get("/?before=nan_x").status_code == 400
    assert quick_web.visitor().get("/?before=yesterday").status_code == 400
    assert quick_web.visitor().get("/best?days=0").status_code == 400
    assert quick_web.visitor().get("/best?days=9999999999999").status_code == 400


def test_a_feed_goes_on_where_its_page_ended(web, monkeypatch):
    monkeypatch.setattr(works, "LISTED", 2)
    monkeypatch.setattr(works.feed.__wrapped__, "__defaults__", (None, None, 2, None))
    ann = web.member("ann")
    made = [ann.publish(ann.make(alpha=f"0.{i}")) for i in range(1, 4)]
    seen, path = [], "/"
    while path:
        page = web.visitor().get(path).text
        seen += re.findall(r'class="canvas" href="/w/([^"]+)"', page)
        path = re.search(r'rel="next" href="([^"]+)"', page)
        path = path and path[1]
    assert seen == made[::-1]


# --- Accounts -------------------------------------------------------------------------


def test_signing_in_goes_on_to_the_page_that_was_wanted_and_nowhere_else(quick_web):
    ann = quick_web.member("ann")
    ann.post("/logout")
    assert place(ann.get("/me?before=")) == "/login?next=%2Fme%3Fbefore%3D"
    page = ann.get("/login?next=%2Fme%3Fbefore%3D").text
    assert 'name="next" value="/me?before="' in page
    form = {"name": "ann", "password": PASSWORD}
    for wanted, found in {
        "/w/1?a=b": "/w/1?a=b",
        "//evil.example": "/me",
        "/\\evil.example": "/me",
        "https://evil.example/": "/me",
        "/\t/evil.example": "/me",
        "javascript:alert(1)": "/me",
        "": "/me",
    }.items():
        assert place(ann.post("/login", form | {"next": wanted})) == found
        ann.post("/logout")


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(web):
    web.member("ann")
    visitor = web.visitor()
    answers = [
        visitor.post("/login", {"name": name, "password": "wrong horse"})
        for name in ("ann", "noone")
    ]
    assert [each.status_code for each in answers] == [401, 401]
    texts = [each.text.replace("noone", "ann") for each in answers]
    assert texts[0] == texts[1] and "do not go together" in texts[0]
    assert not visitor.client.cookies


def test_who_is_signed_in_is_not_asked_again(web):
    assert place(web.member("ann").get("/login?next=/styles")) == "/styles"


def test_what_is_wrong_with_a_new_account_stands_beside_its_field(web):
    web.member("ann")
    visitor = web.visitor()
    for form, field, status in (
        ({"name": "ann", "password": "another one"}, "name", 409),
        ({"name": "a b", "password": PASSWORD}, "name", 400),
        ({"name": "ben", "password": "short"}, "password", 400),
        ({"name": "ben", "password": PASSWORD, "email": "nowhere"}, "email", 400),
    ):
        answer = visitor.post("/signup", form)
        assert answer.status_code == status
        marked = re.findall(r'name="(\w+)"[^>]*aria-invalid="true"', answer.text)
        assert marked == [field], form
        assert f'value="{form["name"]}"' in answer.text


def test_signing_up_twice_by_a_double_click_signs_in_twice(web):
    form = {"name": "ann", "password": PASSWORD, "key": "k"}
    for _ in range(2):
        visitor = web.visitor()
        assert place(visitor.post("/signup", form)) == "/new"
        assert visitor.get("/me").status_code == 200


def test_the_link_of_the_administrator_works_once(web):
    token = accounts.administrator_link(web.database)
    boss = web.visitor()
    page = boss.get(f"/signup?link={token}").text
    assert f'name="link" value="{token}"' in page
    form = {"name": "boss", "password": PASSWORD, "link": token}
    assert place(boss.post("/signup", form)) == "/me"
    assert boss.get("/admin").status_code == 200
    answer = web.visitor().post("/signup", form | {"name": "second"})
    assert answer.status_code == 404 and "ask for a new one" in shown(answer)
    assert web.visitor().post("/login", form | {"name": "second"}).status_code == 401


def link_for(boss, name):
    """A link for a new password, of the page that shows it."""
    answer = boss.post(f"/admin/people/{name}/password")
    assert answer.status_code == 200, shown(answer)
    assert answer.headers["cache-control"] == "private, no-store"
    return re.search(r'value="([^"]+)" data-copy', answer.text)[1]


def test_who_forgot_the_password_gets_in_again_by_a_link_that_works_once(web):
    ann, boss = web.member("ann"), web.moderator()
    page = web.visitor().get("/login")
    assert "Ask whoever runs this studio for a link." in shown(page)
    assert 'action="/admin/people/ann/password"' in boss.get("/admin?show=people").text
    assert "ann gave no e-mail address" in shown(
        boss.post("/admin/people/ann/password")
    )
    accounts.change_email(web.database, ann.id, "ann@example.org")
    assert "ann@example.org" in shown(boss.post("/admin/people/ann/password"))
    url = link_for(boss, "ann")
    assert url.startswith(f"{web.url}/password?link=")
    token = url.partition("=")[2]
    assert token not in boss.get("/admin?show=people&name=ann").text
    text = shown(boss.get("/admin?show=audit"))
    assert "ida made a link for a new password of ann" in text and token not in text
    visitor = web.visitor()
    for _ in range(2):
        page = visitor.get(url).text
        assert f'name="link" value="{token}"' in page
    assert "New password of ann" in page and not visitor.client.cookies
    assert ann.get("/me").status_code == 200
    form = {"link": token, "password": "battery staple"}
    assert place(visitor.post("/password", form)) == "/me"
    assert visitor.get("/api/me").json()["name"] == "ann"
    assert ann.get("/me").status_code == 303
    ann.sign_in("ann", "battery staple")
    for answer in (visitor.get(url), visitor.post("/password", form)):
        assert answer.status_code == 404 and "<form method" not in main(answer)
        assert "There is no such link; ask for a new one." in shown(answer)
    login = {"name": "ann", "password": PASSWORD}
    assert web.visitor().post("/login", login).status_code == 401


def main(answer):
    """The page itself, without what surrounds every page."""
    return re.search(r"<main.*</main>", answer.text, re.S)[0]


def test_what_is_wrong_with_a_new_password_is_told_as_with_the_first(web):
    web.member("annannann")
    url = link_for(web.moderator(), "annannann")
    visitor, token = web.visitor(), url.partition("=")[2]
    for password in ("short", "annannann", ""):
        form = {"name": "annannann", "link": token, "password": password}
        said = []
        for path in ("/password", "/signup"):
            answer = visitor.post(path, form)
            assert answer.status_code == 400
            marked = re.findall(r'name="(\w+)"[^>]*aria-invalid="true"', answer.text)
            assert marked == ["password"]
            said += re.findall(r'id="problem"[^>]*>([^<]+)', answer.text)
        assert said[0] == said[1] and "password" in said[0]
        assert f'value="{token}"' in visitor.get(url).text
    form["password"] = "battery staple"
    assert place(visitor.post("/password", form)) == "/me"


def test_a_newer_link_for_a_password_takes_the_place_of_one_that_was_made(web, wall):
    web.member("ann")
    boss, visitor = web.moderator(), web.visitor()
    older, url = link_for(boss, "ann"), link_for(boss, "ann")
    assert visitor.get(older).status_code == 404
    assert visitor.get(url).status_code == 200
    wall.time += accounts.LINK_SECONDS + 1
    assert visitor.get(url).status_code == 404
    assert visitor.get("/password").status_code == 404


def test_a_link_for_a_password_ends_the_session_of_who_opens_it(web):
    web.member("ann")
    url = link_for(web.moderator(), "ann")
    bob = web.member("bob")
    session = _token(bob)
    form = {"link": url.partition("=")[2], "password": "battery staple"}
    assert place(bob.post("/password", form)) == "/me"
    assert accounts.account_of(web.database, session) is None
    assert bob.get("/api/me").json()["name"] == "ann"


def test_programs_make_and_use_links_for_passwords_by_the_same_forms(portal, town):
    with Web(portal, town, public_url="https://art.example").living() as web:
        web.member("ann")
        boss, program = web.moderator(), web.visitor(PROGRAM)
        answer = boss.post("/admin/people/ann/password", headers=PROGRAM)
        assert answer.status_code == 201
        url = answer.json()["url"]
        assert url.startswith("https://art.example/password?link=")
        form = {"link": url.partition("=")[2], "password": "short"}
        assert program.post("/password", form).json()["code"] == "bad_input"
        form["password"] = "battery staple"
        assert place(program.post("/password", form)) == "/me"
        assert program.get("/api/me").json()["name"] == "ann"
        program = web.visitor(PROGRAM)
        for answer in (program.post("/password", form), program.get(url)):
            assert answer.status_code == 404
            assert answer.json()["code"] == "not_found"
        answer = boss.post("/admin/people/ida/password", headers=PROGRAM)
        assert answer.status_code == 409 and answer.json()["code"] == "not_possible"


def test_settings_are_changed_and_what_is_wrong_is_told(web):
    ann = web.member("ann")
    web.member("bob")
    assert place(ann.post("/me/settings/name", {"name": "Anna"})).endswith("said=name")
    assert "Your name is changed." in ann.get("/me/settings?said=name").text
    answer = ann.post("/me/settings/name", {"name": "bob"})
    assert answer.status_code == 409 and "name-problem" in answer.text
    assert place(ann.post("/me/settings/email", {"email": "ann@example.org"}))
    assert 'value="ann@example.org"' in ann.get("/me/settings").text
    answer = ann.post("/me/settings/email", {"email": "nowhere"})
    assert answer.status_code == 400 and "email-problem" in answer.text
    assert place(ann.post("/me/settings/email", {"email": ""}))
    assert "ann@example.org" not in ann.get("/me/settings").text
    assert ann.get("/u/anna").status_code == 200
    assert ann.get("/u/ann").status_code == 404


def test_a_new_password_signs_all_other_places_out(web):
    ann, other = web.member("ann"), web.visitor()
    other.sign_in("ann")
    form = {"password": "wrong one", "new_password": "another horse"}
    answer = ann.post("/me/settings/password", form)
    assert answer.status_code == 401 and "password-problem" in answer.text
    form["password"] = PASSWORD
    assert place(ann.post("/me/settings/password", form)).endswith("said=password")
    assert ann.get("/me").status_code == 200
    assert other.get("/me").status_code == 303
    other.sign_in("ann", "another horse")


def test_a_place_is_signed_out_from_another(web):
    ann = web.member("ann")
    phone = web.visitor(FORM | {"user-agent": "Mozilla (iPhone) Safari/1"})
    phone.sign_in("ann")
    page = ann.get("/me/settings").text
    assert "Safari on iPhone" in page
    (session,) = re.findall(r"/me/sessions/([^/]+)/revoke", page)
    assert place(ann.post(f"/me/sessions/{session}/revoke"))
    assert phone.get("/me").status_code == 303
    assert ann.post(f"/me/sessions/{session}/revoke").status_code == 404


def test_everything_is_taken_along_as_a_file(web):
    ann = web.member("ann")
    work = ann.make()
    answer = ann.get("/me/export")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "private, no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert f"works/{work}.png" in archive.namelist()
        assert json.loads(archive.read("account.json"))["account"]["name"] == "ann"


def test_who_leaves_leaves_nothing(web):
    ann = web.member("ann")
    work = ann.publish(ann.make())
    ann.job()
    answer = ann.post("/me/settings/delete", {"password": "wrong horse"})
    assert answer.status_code == 401 and "delete-problem" in answer.text
    answer = ann.post("/me/settings/delete", {"password": PASSWORD})
    assert place(answer) == "/?said=left"
    assert not ann.client.cookies
    web.purge()
    assert list(web.store.list()) == []
    visitor = web.visitor()
    assert visitor.get(f"/w/{work}").status_code == 404
    assert visitor.get("/u/ann").status_code == 404


# --- Moderation -----------------------------------------------------------------------


def test_a_reported_work_is_found_fine_and_then_removed(web):
    ann, bob, ida = web.member("ann"), web.member("bob"), web.moderator()
    work = ann.publish(ann.make())
    form = {"reason": "rights", "text": "This is from my site."}
    assert place(bob.post(f"/w/{work}/report", form)) == f"/w/{work}?said=reported"
    assert "You have reported this picture" in shown(bob.get(f"/w/{work}"))
    text = shown(ida.get("/admin"))
    assert "This is from my site." in text and "Reported, still visible" in text
    assert '<span class="badge">1' in ida.get("/").text
    next_ = {"next": "/admin", "why": "fine"}
    assert place(ida.post(f"/admin/works/{work}/approve", next_)) == "/admin"
    assert "Nothing to review" in ida.get("/admin").text
    url = re.search(r'href="(/files/[^"]+)"', ida.get(f"/w/{work}").text)[1]
    form = {"why": "It shows a person who has not agreed."}
    assert place(ida.post(f"/admin/works/{work}/remove", form)) == "/admin"
    assert bob.get(f"/w/{work}").status_code == 404
    assert ann.get(url).status_code == 404
    page = ann.get(f"/w/{work}")
    assert "a person who has not agreed" in shown(page) and "removed.svg" in page.text
    assert ida.post(f"/admin/works/{work}/restore").status_code == 409
    text = shown(ida.get("/admin?show=audit"))
    assert "found nothing wrong with a work of ann" in text
    assert "removed a work of ann" in text


def test_several_reports_hide_a_work_until_it_is_restored(web):
    ann, ida = web.member("ann"), web.moderator()
    work = ann.publish(ann.make())
    for i in range(web.settings.reports):
        person = web.member(f"p{i}")
        answer = person.post(f"/w/{work}/report", {"reason": "unwanted"})
    assert place(answer) == "/?said=reported"
    assert web.visitor().get(f"/w/{work}").status_code == 404
    assert "once a moderator has looked at it" in ann.get(f"/w/{work}").text
    assert "Hidden after reports" in ida.get("/admin").text
    assert place(ida.post(f"/admin/works/{work}/restore")) == "/admin"
    assert web.visitor().get(f"/w/{work}").status_code == 200


def test_a_report_needs_one_of_the_reasons(web):
    ann, bob = web.member("ann"), web.member("bob")
    work = ann.publish(ann.make())
    answer = bob.post(f"/w/{work}/report", {"reason": "dislike"})
    assert answer.status_code == 400 and "Say what is wrong" in shown(answer)
    assert ann.post(f"/w/{work}/report", {"reason": "else"}).status_code == 409


def test_a_banned_person_is_out_and_back_again(web):
    ann, ida = web.member("ann"), web.moderator()
    work = ann.publish(ann.make())
    page = ida.get("/admin?show=people&name=an").text
    assert 'action="/admin/people/ann/ban"' in page
    assert "show=people" in place(ida.post("/admin/people/ann/ban"))
    assert ann.get("/me").status_code == 303
    assert web.visitor().get(f"/w/{work}").status_code == 404
    assert web.visitor().get("/u/ann").status_code == 404
    answer = web.visitor().post("/login", {"name": "ann", "password": PASSWORD})
    assert answer.status_code == 403 and "shut by a moderator" in shown(answer)
    assert "/admin/people/ann/unban" in ida.get("/admin?show=people").text
    ida.post("/admin/people/ann/unban")
    ann.sign_in("ann")
    assert web.visitor().get(f"/w/{work}").status_code == 200
    assert ida.post("/admin/people/ida/ban").status_code == 409


def test_moderators_page_through_people_and_acts(web, monkeypatch):
    monkeypatch.setattr(review, "LISTED", 2)
    monkeypatch.setattr(review.people.__wrapped__, "__defaults__", ("", "", 2))
    monkeypatch.setattr(moderation, "LISTED", 2)
    monkeypatch.setattr(moderation.acts.__wrapped__, "__defaults__", (None, 2))
    ida = web.moderator()
    for name in ("ann", "bob", "carl"):
        web.town.person(name)
        ida.post(f"/admin/people/{name}/ban", {"why": f"because of {name}"})
    seen = {"people": [], "audit": []}
    for show, pattern in (
        ("people", r'href="/u/(\w+)">\w+</a> <span'),
        ("audit", r"because of (\w+)"),
    ):
        path = f"/admin?show={show}"
        while path:
            page = ida.get(path).text
            seen[show] += re.findall(pattern, page)
            path = re.search(r'rel="next" href="([^"]+)"', page)
            path = path and path[1].replace("&amp;", "&")
    assert seen["people"] == ["ann", "bob", "carl", "ida"]
    assert seen["audit"] == ["carl", "bob", "ann"]
    assert ida.get("/admin?show=audit&before=x").status_code == 400
    assert ida.get("/admin?show=other").status_code == 404


def test_a_style_of_a_person_is_removed_by_a_moderator(web):
    ann, ida = web.member("ann"), web.moderator()
    upload = web.town.upload(ann.id, photograph())
    made = styles.share(web.database, ann.id, upload, "Sea", "", "public")
    assert f"/admin/styles/{made.id}/remove" in ida.get("/styles").text
    assert f"/admin/styles/{made.id}/remove" not in ann.get("/styles").text
    assert place(ida.post(f"/admin/styles/{made.id}/remove")) == "/styles"
    assert "Sea" not in ida.get("/styles").text
    assert "removed a style" in shown(ida.get("/admin?show=audit"))


def test_an_administrator_appoints_moderators_who_appoint_no_one(web):
    ann, ida = web.member("ann"), web.moderator()
    assert "Make a moderator" in ida.get("/admin?show=people").text
    assert place(ida.post("/admin/people/ann/role", {"role": "moderator"}))
    page = ann.get("/admin?show=people").text
    assert "/admin/people/ida/ban" not in page and "Make a moderator" not in page
    answer = ann.post("/admin/people/ida/role", {"role": "member"})
    assert answer.status_code == 404
    assert ida.post("/admin/people/ann/role", {"role": "king"}).status_code == 400
    assert "changed the role of ann" in shown(ida.get("/admin?show=audit"))


def test_moderators_make_no_links_for_passwords_and_administrators_get_none(web):
    ann, bob, ida = web.member("ann"), web.member("bob"), web.moderator()
    web.moderator("eve")
    ida.post("/admin/people/ann/role", {"role": "moderator"})
    page = ann.get("/admin?show=people").text
    assert "/admin/people/bob/ban" in page and "/password" not in page
    for visitor in (ann, bob):
        answer = visitor.post("/admin/people/bob/password")
        assert answer.status_code == 404 and "link=" not in answer.text
    ida.post("/admin/people/bob/ban")
    page = ida.get("/admin?show=people").text
    assert re.findall(r"/admin/people/(\w+)/password", page) == ["ann"]
    for name in ("ida", "eve", "bob"):
        answer = ida.post(f"/admin/people/{name}/password")
        assert answer.status_code == 409
        assert "for an administrator, or for who is banned" in shown(answer)
    assert ida.post("/admin/people/nobody/password").status_code == 404
    assert link_for(ida, "ann")


def test_first_works_wait_for_a_moderator_where_that_is_set(portal, town, decoded_once):
    import dataclasses

    from studio_site import Web

    town.settings = dataclasses.replace(town.settings, approvals=1)
    with Web(portal, town).living() as web:
        assert "looked at by a person" in web.visitor().get("/signup").text
        ann, ida = web.member("ann"), web.moderator()
        work = ann.publish(ann.make())
        assert web.visitor().get(f"/w/{work}").status_code == 404
        assert "Waits for review" in ann.get("/me").text
        assert "new person" in shown(ida.get("/admin"))
        assert place(ida.post(f"/admin/works/{work}/approve")) == "/admin"
        assert web.visitor().get(f"/w/{work}").status_code == 200


def judge(data):
    """A filter of an operator."""
    from vectormix_tf.studio.moderation import Verdict

    assert Image.open(io.BytesIO(data)).format == "PNG"
    return Verdict("refuse", "this is not what this place is for.")


def test_the_operator_s_filter_refuses_a_picture(portal, town, decoded_once, tmp_path):
    from studio_site import Web

    with Web(portal, town, filter=f"{__name__}:judge").living() as web:
        ann = web.member("ann")
        work = ann.make()
        answer = ann.post(f"/w/{work}/visibility", {"visibility": "public"})
        assert answer.status_code == 422
        assert "This is not what this place is for." in shown(answer)
        assert works.find(web.database, ann.id, work).visibility == "private"


# --- Pages of errors ------------------------------------------------------------------


def test_what_there_is_not_has_a_page_and_an_answer_for_programs(quick_web):
    ann = quick_web.member("ann")
    for path in ("/nowhere", "/w/none", "/u/nobody", "/files/none", "/me/jobs/none"):
        page = ann.get(path)
        assert page.status_code == 404, path
        assert "There is nothing here" in page.text and "/me/settings" in page.text
    answer = ann.get("/w/none", headers=PROGRAM)
    assert answer.json()["code"] == "not_found"
    assert ann.get("/api/nowhere").json()["code"] == "not_found"
    assert ann.post("/styles").status_code == 405


@pytest.mark.parametrize("path", ["/", "/best?days=7", "/styles", "/login", "/signup"])
def test_pages_are_kept_by_no_cache_unasked(quick_web, path):
    answer = quick_web.visitor().get(path)
    assert answer.headers["cache-control"] == "private, no-cache"


def test_a_page_shows_one_moment_and_asks_the_database_twice(web, monkeypatch):
    ann = web.moderator("ann")
    works = [
        ann.publish(ann.make(), visibility) for visibility in ("public", "unlisted")
    ]
    link = re.search(r"/s/[\w-]+", ann.get(f"/w/{works[1]}").text)[0]
    job = ann.job()
    read, moments = web.database.read, []
    monkeypatch.setattr(
        web.database, "read", lambda work: moments.append(work) or read(work)
    )
    places = ["/", "/best", "/u/ann", "/styles", "/new", f"/new?again={works[0]}"]
    places += [f"/w/{works[0]}", link, "/me", f"/me/jobs/{job}", "/me/settings"]
    places += [f"/admin?show={name}" for name in ("review", "people", "audit")]
    for path in places:
        moments.clear()
        assert ann.get(path).status_code == 200, path
        assert len(moments) == 2, path  # who asks, and the page
