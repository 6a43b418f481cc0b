import pytest
import sqlalchemy as sa

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.errors import InputError
from vectormix_tf.studio import (
    accounts,
    blobs,
    files,
    leases,
    moderation,
    queue,
    schema,
    styles,
    works,
)
from vectormix_tf.studio.errors import Refusal


def code(call, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    return caught.value.code


@pytest.fixture
def ann(town):
    return town.person("ann")


@pytest.fixture
def boss(town):
    return town.administrator()


@pytest.fixture
def work(town, ann):
    """Of Ann, seen by all."""
    made = town.work(ann)
    works.publish(town.database, town.settings, ann, made, "public")
    return made


def report(town, user, work, reason="spam"):
    moderation.report(town.database, town.settings, user, work, reason)


def shown(town, work):
    found, _ = works.feed(town.database)
    return work in [each.id for each in found]


def acts(town, boss):
    return [each.action for each in moderation.acts(town.database, boss)]


def test_a_work_is_hidden_after_enough_reports_of_different_people(town, work, boss):
    town.settings = StudioSettings(reports=2)
    ben, cat = town.person("ben"), town.person("cat")
    report(town, ben, work)
    report(town, ben, work)
    assert shown(town, work)
    report(town, cat, work, "also")
    assert not shown(town, work)
    assert moderation.held(town.database, boss) == [work]
    found = moderation.reports(town.database, boss)
    assert [(each.reporter, each.reason) for each in found] == [
        ("ben", "spam"),
        ("cat", "also"),
    ]


def test_its_person_cannot_undo_a_hold(town, ann, work):
    town.settings = StudioSettings(reports=1)
    report(town, town.person("ben"), work)
    for visibility in ("private", "public"):
        works.publish(town.database, town.settings, ann, work, visibility)
    assert not shown(town, work)
    works.publish(town.database, town.settings, ann, work, "unlisted")
    token = works.find(town.database, ann, work).share_token
    assert code(works.find, town.database, None, work, token) == "not_found"


def test_a_restored_work_is_not_hidden_by_the_same_reports(town, work, boss):
    town.settings = StudioSettings(reports=1)
    ben, cat = town.person("ben"), town.person("cat")
    report(town, ben, work)
    moderation.restore(town.database, boss, work, "harmless")
    assert shown(town, work) and moderation.reports(town.database, boss) == []
    report(town, ben, work)
    assert shown(town, work)
    report(town, cat, work)
    assert not shown(town, work)
    assert acts(town, boss) == ["restore"]


def test_what_one_cannot_see_one_cannot_report(town, ann, work):
    ben = town.person("ben")
    assert code(report, town, ben, "none") == "not_found"
    works.publish(town.database, town.settings, ann, work, "private")
    assert code(report, town, ben, work) == "not_found"


def test_guests_and_its_person_do_not_report(town, ann, work):
    guest = accounts.enter_as_guest(town.database, town.settings).account.id
    assert code(report, town, guest, work) == "not_possible"
    assert code(report, town, ann, work) == "not_possible"
    assert code(works.like, town.database, guest, work) == "not_possible"
    assert code(report, town, town.person("ben"), work, "") == "bad_input"


def test_removing_purges_the_bytes(town, ann, work, boss):
    works.like(town.database, boss, work)
    report(town, town.person("ben"), work)
    moderation.remove(town.database, boss, work, "illegal")
    moderation.remove(town.database, boss, work, "illegal")
    blobs.purge(town.database, town.store)
    assert list(town.store.list()) == []
    found = works.find(town.database, ann, work)
    assert (found.moderation, found.picture, found.likes) == ("removed", None, 0)
    publish = (works.publish, town.database, town.settings, ann, work)
    assert code(*publish, "public") == "not_possible"
    assert code(moderation.restore, town.database, boss, work, "") == "not_found"
    assert acts(town, boss) == ["remove"]
    works.publish(town.database, town.settings, ann, work, "private")
    works.delete(town.database, ann, work)


def test_a_ban_stops_jobs_and_hides_works_and_styles(town, ann, work, boss):
    style = styles.share(town.database, ann, town.upload(ann), "t", "", "public")
    running = town.submit(ann)
    lease = town.claim()
    waiting = town.submit(ann)
    token = accounts.log_in(town.database, town.settings, "ann", "correct horse").token
    moderation.ban(town.database, boss, ann, "spam")
    assert accounts.account_of(town.database, token) is None
    assert not shown(town, work)
    key = works.find(town.database, boss, work).picture
    assert code(files.find, town.database, None, key) == "not_found"
    assert code(styles.find, town.database, None, style.id) == "not_found"
    assert town.beat(lease).cancel and town.claim() is None
    leases.stop(town.database, lease, 0.5)
    for job in (running, waiting):
        assert queue.find(town.database, ann, job).state == "stopped"
    assert code(town.submit, ann) == "not_found"
    moderation.unban(town.database, boss, ann, "sorry")
    assert shown(town, work)
    assert code(moderation.unban, town.database, boss, ann, "") == "not_found"
    assert acts(town, boss) == ["unban", "ban"]


def test_a_style_can_be_removed(town, ann, boss):
    style = styles.share(town.database, ann, town.upload(ann), "t", "", "public")
    moderation.remove_style(town.database, boss, style.id, "stolen")
    blobs.purge(town.database, town.store)
    assert list(town.store.list()) == []
    call = (moderation.remove_style, town.database, boss, style.id, "")
    assert code(*call) == "not_found"


def test_administrators_make_moderators(town, ann, boss):
    assert code(moderation.reports, town.database, ann) == "not_found"
    moderation.set_role(town.database, boss, ann, "moderator", "trusted")
    assert moderation.reports(town.database, ann) == []
    ben = town.person("ben")
    role = (moderation.set_role, town.database)
    assert code(*role, ann, ben, "moderator", "") == "not_found"
    assert code(*role, boss, boss, "member", "") == "not_possible"
    assert code(*role, boss, ben, "guest", "") == "bad_input"
    assert code(*role, boss, "none", "member", "") == "not_found"
    assert code(moderation.ban, town.database, ann, boss, "") == "not_possible"
    assert code(moderation.ban, town.database, ann, ann, "") == "not_possible"
    assert code(moderation.ban, town.database, ann, "none", "") == "not_found"


def test_an_administrator_makes_links_for_people_and_moderators(town, ann, boss):
    ben = town.person("ben")
    accounts.change_email(town.database, ben, "ben@example.org")
    moderation.set_role(town.database, boss, ben, "moderator", "")
    make = (moderation.link_for_password, town.database)
    for user, name, email in ((ann, "ann", None), (ben, "ben", "ben@example.org")):
        link = moderation.link_for_password(town.database, boss, user, "by phone")
        assert accounts.name_of_link(town.database, link.token) == name
        assert link.email == email
        latest, *_ = moderation.acts(town.database, boss)
        assert (latest.actor_id, latest.action) == (boss, "password_link")
        assert (latest.target_id, latest.note) == (user, "by phone")
    before = acts(town, boss)
    assert code(*make, ben, ann, "") == "not_found"
    eve = town.administrator("eve")
    for user in (boss, eve):
        assert code(*make, boss, user, "") == "not_possible"
    guest = accounts.enter_as_guest(town.database, town.settings).account.id
    gone = town.person("gone")
    accounts.erase(town.database, gone)
    for user in (guest, gone, "none"):
        assert code(*make, boss, user, "") == "not_found"
    assert acts(town, boss) == before
    moderation.ban(town.database, boss, ann, "spam")
    assert code(*make, boss, ann, "") == "not_possible"


@pytest.mark.parametrize(
    "act",
    [
        lambda d, me, other, work: moderation.held(d, me),
        lambda d, me, other, work: moderation.acts(d, me),
        lambda d, me, other, work: moderation.restore(d, me, work, ""),
        lambda d, me, other, work: moderation.remove(d, me, work, ""),
        lambda d, me, other, work: moderation.remove_style(d, me, work, ""),
        lambda d, me, other, work: moderation.ban(d, me, other, ""),
        lambda d, me, other, work: moderation.unban(d, me, other, ""),
        lambda d, me, other, work: moderation.set_role(d, me, other, "member", ""),
        lambda d, me, other, work: moderation.link_for_password(d, me, other, ""),
    ],
)
def test_a_member_moderates_nothing(town, ann, work, act):
    before = shown(town, work)
    assert code(act, town.database, ann, town.person("ben"), work) == "not_found"
    assert shown(town, work) == before
    query = sa.select(sa.func.count()).select_from(schema.audit)
    assert town.database.read(lambda c: c.scalar(query)) == 0


def test_a_moderator_sees_what_is_reported(town, ann, boss):
    private = town.work(ann)
    found = works.find(town.database, boss, private)
    assert files.find(town.database, boss, found.picture).public is False
    assert code(files.find, town.database, town.person("ben"), found.picture)


def test_a_filter_is_a_function_by_its_place(tmp_path, monkeypatch):
    assert moderation.load_filter(None)(b"") == moderation.ALLOW
    text = "from vectormix_tf.studio.moderation import Verdict\nnumber = 3\n"
    text += (
        "def judge(data):\n    return Verdict('refuse' if b'x' in data else 'allow')\n"
    )
    (tmp_path / "own_filter.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    judge = moderation.load_filter("own_filter:judge")
    assert (judge(b"x").action, judge(b"y").action) == ("refuse", "allow")
    for place in (
        "own_filter",
        "own_filter:none",
        "no_module:f",
        ":",
        "own_filter:number",
    ):
        with pytest.raises(InputError, match="`filter` must"):
            moderation.load_filter(place)
