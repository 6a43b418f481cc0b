import statistics
import time

import argon2
import pytest
import sqlalchemy as sa
from studio_town import PASSWORD

from vectormix_tf.studio import accounts, blobs, moderation, schema, works
from vectormix_tf.studio.errors import Refusal

OTHER = "battery staple"


def code(call, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        call(*args, **kwargs)
    return caught.value.code


def sign_up(town, name="ann", password=PASSWORD, **others):
    return accounts.sign_up(town.database, town.settings, name, password, **others)


def log_in(town, name="ann", password=PASSWORD, **others):
    return accounts.log_in(town.database, town.settings, name, password, **others)


def renew(town, link, password=OTHER, **others):
    return accounts.renew_password(
        town.database, town.settings, link, password, **others
    )


@pytest.fixture
def link_for(town):
    """Makes a link by which a person sets a new password."""
    boss = town.administrator()
    make = moderation.link_for_password
    return lambda user: make(town.database, boss, user, "").token


def who(town, token):
    found = accounts.account_of(town.database, token)
    return found and found.name


def everything(town):
    """The text of all rows of the database."""

    def work(connection):
        return [
            str(tuple(row))
            for table in schema.metadata.sorted_tables
            for row in connection.execute(sa.select(table))
        ]

    return "\n".join(town.database.read(work))


@pytest.mark.parametrize(
    "name", ["", "a", "-ann", "ann smith", "анна", "a" * 31, "ann\n", "ann/", "‮ann"]
)
def test_a_name_that_could_deceive_is_refused(town, name):
    assert code(sign_up, town, name) == "bad_input"


@pytest.mark.parametrize("name", ["Admin", "moderator", "guest-1", "studio"])
def test_names_of_the_house_are_taken(town, name):
    assert code(sign_up, town, name) == "name_taken"


def test_case_does_not_distinguish_names_and_is_kept(town):
    assert sign_up(town, "Ann").name == "Ann"
    assert code(sign_up, town, "aNN") == "name_taken"
    assert log_in(town, "ANN").account.name == "Ann"


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1001, "annannann"])
def test_a_password_that_is_too_short_long_or_the_name_is_refused(town, password):
    assert code(sign_up, town, "annannann", password) == "bad_input"


@pytest.mark.parametrize("email", ["ann", "@", "a b@c", "a@b\n"])
def test_what_is_no_email_address_is_refused(town, email):
    assert code(sign_up, town, email=email) == "bad_input"


def test_an_email_address_is_optional_and_can_be_forgotten(town):
    assert sign_up(town).email is None
    ben = sign_up(town, "ben", email="ben@example.org")
    assert ben.email == "ben@example.org"
    accounts.change_email(town.database, ben.id, None)
    assert "example.org" not in everything(town)


def test_a_password_is_stored_as_argon2id_only(town):
    sign_up(town)
    rows = everything(town)
    assert PASSWORD not in rows and "$argon2id$" in rows


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(town):
    sign_up(town)
    said = set()
    for name, password in [("ann", OTHER), ("ben", PASSWORD), ("", ""), ("a\0", "x")]:
        with pytest.raises(Refusal) as caught:
            log_in(town, name, password)
        said.add((caught.value.code, str(caught.value)))
    assert said == {("bad_login", "this name and password do not go together.")}


def test_an_unknown_name_takes_about_as_long_as_a_wrong_password(town, monkeypatch):
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=8192, parallelism=1)
    monkeypatch.setattr(accounts, "PASSWORDS", hasher)
    sign_up(town)

    def seconds(name):
        times = []
        for _ in range(9):
            began = time.perf_counter()
            code(log_in, town, name, OTHER)
            times.append(time.perf_counter() - began)
        return statistics.median(times[1:])

    assert 0.5 < seconds("ann") / seconds("ben") < 2


def test_a_session_opens_with_its_token_only(town):
    sign_up(town)
    token = log_in(town).token
    assert who(town, token) == "ann"
    assert who(town, token[:-1]) is None and who(town, "") is None
    assert token not in everything(town)


def test_a_session_ends_when_it_is_not_used(town, wall):
    sign_up(town)
    token = log_in(town).token
    days = town.settings.session_days * 24 * 3600
    for _ in range(3):
        wall.time += 0.9 * days
        assert who(town, token) == "ann"
    wall.time += days + 3700
    assert who(town, token) is None
    accounts.expire(town.database)
    query = sa.select(schema.sessions)
    assert town.database.read(lambda c: c.execute(query).all()) == []


def test_sessions_are_listed_and_revoked_by_their_person(town):
    ann, ben = sign_up(town), sign_up(town, "ben")
    phone, desk = log_in(town, device="phone"), log_in(town, device="desk")
    found = accounts.sessions_of(town.database, ann.id, desk.token)
    assert {(each.device, each.current) for each in found} == {
        ("phone", False),
        ("desk", True),
    }
    other = next(each.id for each in found if not each.current)
    assert code(accounts.revoke, town.database, ben.id, other) == "not_found"
    accounts.revoke(town.database, ann.id, other)
    assert who(town, phone.token) is None and who(town, desk.token) == "ann"
    accounts.log_out(town.database, desk.token)
    accounts.log_out(town.database, desk.token)
    assert who(town, desk.token) is None


def test_a_new_password_ends_the_other_sessions(town):
    ann = sign_up(town)
    one, other = log_in(town), log_in(town)
    change = (accounts.change_password, town.database, ann.id)
    assert code(*change, OTHER, OTHER, one.token) == "bad_login"
    assert code(*change, PASSWORD, "short", one.token) == "bad_input"
    accounts.change_password(town.database, ann.id, PASSWORD, OTHER, one.token)
    assert who(town, one.token) == "ann" and who(town, other.token) is None
    assert code(log_in, town) == "bad_login"
    assert who(town, log_in(town, password=OTHER).token) == "ann"


def test_a_link_sets_a_new_password_once_and_ends_all_sessions(town, link_for):
    ann, _ = sign_up(town), sign_up(town, "ben")
    before, bens = log_in(town), log_in(town, "ben")
    link = link_for(ann.id)
    assert link not in everything(town)
    assert accounts.name_of_link(town.database, link) == "ann"
    assert who(town, before.token) == "ann"  # looking changes nothing
    opened = renew(town, link, device="phone")
    assert opened.account == ann and who(town, opened.token) == "ann"
    assert who(town, before.token) is None and who(town, bens.token) == "ben"
    found = accounts.sessions_of(town.database, ann.id, opened.token)
    assert [(each.device, each.current) for each in found] == [("phone", True)]
    assert code(log_in, town) == "bad_login"
    assert who(town, log_in(town, password=OTHER).token) == "ann"
    rows = everything(town)
    assert OTHER not in rows and opened.token not in rows
    assert code(accounts.name_of_link, town.database, link) == "not_found"
    assert code(renew, town, link, "a third one") == "not_found"
    assert who(town, log_in(town, password=OTHER).token) == "ann"


def test_a_link_is_replaced_by_a_newer_one_and_ends_after_a_day(town, wall, link_for):
    ann, ben = sign_up(town), sign_up(town, "ben")
    first, other = link_for(ann.id), link_for(ben.id)
    link = link_for(ann.id)
    for wrong in (first, "wrong", "", accounts.administrator_link(town.database)):
        assert code(renew, town, wrong) == "not_found"
    assert code(sign_up, town, "eve", link=link) == "not_found"
    wall.time += accounts.LINK_SECONDS - 60
    assert who(town, renew(town, link).token) == "ann"
    wall.time += 61
    assert code(accounts.name_of_link, town.database, other) == "not_found"
    assert code(renew, town, other) == "not_found"
    accounts.expire(town.database)
    query = sa.select(schema.tokens)
    assert town.database.read(lambda c: c.execute(query).all()) == []


def test_an_old_password_opens_nothing_once_another_one_is_set(
    town, link_for, monkeypatch
):
    """The old one is found right just before the new one is set."""
    link, verified = link_for(sign_up(town).id), accounts._verified

    def late(hashed, password):
        right = verified(hashed, password)
        renew(town, link)
        return right

    monkeypatch.setattr(accounts, "_verified", late)
    assert code(log_in, town) == "bad_login"


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1001, "Annannann"])
def test_a_refused_new_password_uses_no_link_up(town, link_for, password):
    ann = sign_up(town, "annannann")
    link = link_for(ann.id)
    assert code(renew, town, link, password) == "bad_input"
    log_in(town, "annannann")
    renew(town, link)


def test_a_link_ends_with_a_ban_an_account_and_another_new_password(town):
    ann, boss = sign_up(town), town.administrator()
    make = moderation.link_for_password

    def link():
        return make(town.database, boss, ann.id, "").token

    old = link()
    token = log_in(town).token
    accounts.change_password(town.database, ann.id, PASSWORD, OTHER, token)
    assert code(renew, town, old) == "not_found"
    old = link()
    moderation.ban(town.database, boss, ann.id, "spam")
    moderation.unban(town.database, boss, ann.id, "sorry")
    assert code(renew, town, old) == "not_found"
    old = link()
    accounts.delete(town.database, ann.id, OTHER)
    assert code(renew, town, old) == "not_found"


def test_who_runs_the_studio_makes_a_link_for_an_administrator_too(town):
    town.administrator("Ida")
    ann, guest = sign_up(town), accounts.enter_as_guest(town.database, town.settings)
    link = accounts.link_for(town.database, "iDA")
    assert who(town, renew(town, link).token) == "Ida"
    accounts.erase(town.database, ann.id)
    for name in ("ann", "nobody", "", guest.account.name or ""):
        assert code(accounts.link_for, town.database, name) == "not_found"


def test_a_password_is_set_where_the_answer_of_its_commit_was_lost(
    town, link_for, monkeypatch
):
    link = link_for(sign_up(town).id)
    once = town.database.transaction

    def again(work):
        once(work)
        return once(work)

    monkeypatch.setattr(town.database, "transaction", again)
    assert who(town, renew(town, link).token) == "ann"


def test_one_address_tries_few_links(town, link_for):
    ann = sign_up(town)
    for _ in range(2 * town.settings.logins):
        renew(town, link_for(ann.id), address="192.0.2.1")  # right ones do not count
    for _ in range(town.settings.logins):
        assert code(renew, town, "wrong", address="192.0.2.1") == "not_found"
    link = link_for(ann.id)
    assert code(renew, town, link, address="192.0.2.1") == "too_many_requests"
    assert code(log_in, town, address="192.0.2.1") == "too_many_requests"
    renew(town, link, address="192.0.2.2")


def test_parameters_of_hashes_follow_the_program(town, monkeypatch):
    sign_up(town)
    stronger = argon2.PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "PASSWORDS", stronger)
    log_in(town)
    assert "t=2," in everything(town)
    assert who(town, log_in(town).token) == "ann"


def test_an_administrators_link_works_once(town, wall):
    first = accounts.administrator_link(town.database)
    link = accounts.administrator_link(town.database)
    assert link not in everything(town)
    assert code(sign_up, town, "eve", link=first) == "not_found"
    assert code(sign_up, town, "eve", link="wrong") == "not_found"
    assert not accounts.has_administrator(town.database)
    assert sign_up(town, "eve", link=link).role == "administrator"  # the name is free
    assert accounts.has_administrator(town.database)
    assert code(sign_up, town, "ann", link=link) == "not_found"
    late = accounts.administrator_link(town.database)
    wall.time += accounts.LINK_SECONDS + 1
    assert code(sign_up, town, "ann", link=late) == "not_found"


def test_one_address_makes_few_accounts_and_tries_few_passwords(town):
    for number in range(town.settings.sign_ups):
        sign_up(town, f"ann{number}", address="192.0.2.1")
    assert code(sign_up, town, "one-more", address="192.0.2.1") == "too_many_requests"
    sign_up(town, "other", address="192.0.2.2")
    for _ in range(2 * town.settings.logins):
        log_in(town, "ann1", address="192.0.2.1")  # right ones do not count
    for _ in range(town.settings.logins):
        assert code(log_in, town, "ann1", OTHER, address="192.0.2.1") == "bad_login"
    assert code(log_in, town, "ann1", address="192.0.2.1") == "too_many_requests"
    log_in(town, "ann1", address="192.0.2.2")


def test_a_guest_is_forgotten(town, wall):
    guest = accounts.enter_as_guest(town.database, town.settings)
    assert guest.account.role == "guest"
    town.submit(guest.account.id, size=128)
    work = town.finish(town.claim())
    assert code(
        works.publish, town.database, town.settings, guest.account.id, work, "public"
    ) == ("not_possible")
    wall.time += town.settings.guest_seconds + 1
    assert who(town, guest.token) is None
    accounts.expire(town.database)
    blobs.purge(town.database, town.store)
    assert guest.account.id not in everything(town)
    assert list(town.store.list()) == []


def test_deleting_an_account_leaves_nothing_but_a_hash_of_its_name(town):
    before = everything(town)
    ann = sign_up(town, "Annabelle", email="ann@example.org")
    log_in(town, "Annabelle")
    work = town.work(ann.id)
    town.submit(ann.id)
    town.save(town.claim(), 0.5)
    town.submit(ann.id)
    ben = sign_up(town, "ben")
    works.publish(town.database, town.settings, ann.id, work, "public")
    works.like(town.database, ben.id, work)
    bens = town.work(ben.id)
    works.publish(town.database, town.settings, ben.id, bens, "public")
    works.like(town.database, ann.id, bens)
    moderation.report(town.database, town.settings, ann.id, bens, "Annabelle's words")
    assert code(accounts.delete, town.database, ann.id, OTHER) == "bad_login"
    accounts.delete(town.database, ann.id, PASSWORD)
    accounts.erase(town.database, ann.id)
    blobs.purge(town.database, town.store)
    rows = everything(town).lower()
    for trace in ("annabelle'", "example.org", work):
        assert trace not in rows.replace("annabelle's words", "")
    assert all(key.startswith(f"u/{ben.id}/") for key, _ in town.store.list())
    assert works.find(town.database, ben.id, bens).likes == 0
    assert before != rows


def test_a_workers_job_is_lost_when_its_person_leaves(town):
    ann = sign_up(town)
    town.submit(ann.id)
    lease = town.claim()
    accounts.delete(town.database, ann.id, PASSWORD)
    from vectormix_tf.studio.errors import LostLease

    with pytest.raises(LostLease):
        town.beat(lease)


def test_a_deleted_name_is_not_given_to_another(town):
    ann = sign_up(town)
    accounts.delete(town.database, ann.id, PASSWORD)
    assert code(sign_up, town) == "name_taken"
    assert code(log_in, town) == "bad_login"


def test_a_banned_person_is_told_with_the_right_password_only(town):
    ann, boss = sign_up(town), town.administrator()
    moderation.ban(town.database, boss, ann.id, "spam")
    assert code(log_in, town) == "banned"
    assert code(log_in, town, password=OTHER) == "bad_login"
