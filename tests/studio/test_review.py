"""What moderators look at, and what others see of a person."""

import pytest

from vectormix_tf.studio import (
    accounts,
    ingredients,
    moderation,
    profiles,
    queue,
    review,
    styles,
    works,
)
from vectormix_tf.studio.errors import Refusal


def shown(town, user, **options):
    work = town.work(user, **options)
    works.publish(town.database, town.settings, user, work, "public")
    return work


def test_cases_are_works_with_open_reports_and_held_ones_the_oldest_first(town):
    boss, ann, bob = town.administrator(), town.person("ann"), town.person("bob")
    reported, hidden, fine = (shown(town, ann) for _ in range(3))
    moderation.report(town.database, town.settings, bob, reported, "ugly\nvery")
    for i in range(town.settings.reports):
        person = town.person(f"p{i}")
        moderation.report(town.database, town.settings, person, hidden, f"no {i}")
    found = review.cases(town.database, boss)
    assert [(each.work, each.state) for each in found] == [
        (reported, "reported"),
        (hidden, "hidden"),
    ]
    assert found[0].reports == ("ugly\nvery",)
    assert found[1].reports == ("no 0", "no 1", "no 2")
    assert review.count(town.database, boss) == 2
    moderation.dismiss(town.database, boss, reported, "fine")
    moderation.dismiss(town.database, boss, reported, "fine")
    moderation.restore(town.database, boss, hidden, "")
    assert review.cases(town.database, boss) == []
    actions = [each.action for each in moderation.acts(town.database, boss)]
    assert actions == ["restore", "dismiss"]
    assert review.has_reported(town.database, bob, reported)
    assert not review.has_reported(town.database, bob, fine)


def test_a_first_work_that_waits_is_held(town):
    import dataclasses

    town.settings = dataclasses.replace(town.settings, approvals=1)
    boss, ann = town.administrator(), town.person("ann")
    work = shown(town, ann)
    (case,) = review.cases(town.database, boss)
    assert (case.work, case.state, case.reports) == (work, "held", ())


def test_why_a_work_was_removed_is_told_to_its_person_alone(town):
    boss, ann, bob = town.administrator(), town.person("ann"), town.person("bob")
    work = shown(town, ann)
    moderation.remove(town.database, boss, work, "It is someone else's.")
    why = review.why_removed(town.database, ann, work)
    assert why == "It is someone else's."
    assert review.why_removed(town.database, bob, work) == ""
    with pytest.raises(Refusal, match="its picture is gone"):
        moderation.dismiss(town.database, boss, work, "")


def test_people_are_found_by_a_part_of_their_name_and_paged(town):
    boss = town.administrator("boss")
    ann, _, _ = (town.person(name) for name in ("Ann", "anna_b", "bob"))
    moderation.remove(town.database, boss, shown(town, ann), "")
    town.work(ann)

    def names(*args):
        return [each.name for each in review.people(town.database, boss, *args)]

    assert names() == ["Ann", "anna_b", "bob", "boss"]
    assert names("NN") == ["Ann", "anna_b"]
    assert names("_") == ["anna_b"] and names("%") == []
    assert names("", "anna_b", 1) == ["bob"]
    first = review.people(town.database, boss)[0]
    assert (first.works, first.removed, first.role) == (2, 1, "member")
    moderation.ban(town.database, boss, ann, "")
    assert review.people(town.database, boss, "ann")[0].state == "banned"
    assert review.find_person(town.database, boss, "ANN") == ann
    with pytest.raises(Refusal, match="no such person"):
        review.find_person(town.database, boss, "nobody")


def test_all_of_it_is_for_moderators(town):
    ann, work = town.person("ann"), "none"
    for look in (
        lambda: review.cases(town.database, ann),
        lambda: review.count(town.database, ann),
        lambda: review.people(town.database, ann),
        lambda: review.find_person(town.database, ann, "ann"),
        lambda: review.names(town.database, ann, [ann]),
        lambda: review.figures(town.database, ann),
        lambda: moderation.dismiss(town.database, ann, work, ""),
    ):
        with pytest.raises(Refusal) as error:
            look()
        assert error.value.code == "not_found"


def test_names_are_of_people_and_of_the_people_of_works(town):
    boss, ann = town.administrator("boss"), town.person("ann")
    work = town.work(ann)
    found = review.names(town.database, boss, [boss, ann, work, "none"])
    assert found == {boss: "boss", ann: "ann", work: "ann"}
    told = review.figures(town.database, boss)
    assert (told["people"], told["workers"]) == (2, 1) and told["bytes"] > 0


# --- People ---------------------------------------------------------------------------


def test_a_profile_counts_what_all_people_see(town):
    boss, ann, bob = town.administrator(), town.person("Ann"), town.person("bob")
    for _ in range(2):
        works.like(town.database, bob, shown(town, ann))
    works.like(town.database, ann, town.work(ann))
    found = profiles.find(town.database, "ANN")
    assert (found.id, found.name, found.works, found.likes) == (ann, "Ann", 2, 2)
    assert profiles.find(town.database, "bob").works == 0
    moderation.ban(town.database, boss, ann, "")
    for name in ("ann", "nobody"):
        with pytest.raises(Refusal, match="no such person"):
            profiles.find(town.database, name)


def test_a_guest_has_no_profile(town):
    made = accounts.enter_as_guest(town.database, town.settings)
    with pytest.raises(Refusal, match="no such person"):
        profiles.find(town.database, made.account.name)


def test_the_same_form_is_the_same_guest(town):
    enter = accounts.enter_as_guest
    one, again, other = (
        enter(town.database, town.settings, form=form)
        for form in ("a form", "a form", "another")
    )
    assert one.token == again.token and one.account.id == again.account.id
    assert one.account.id != other.account.id
    assert enter(town.database, town.settings).token != one.token


def test_a_name_is_changed_where_it_is_free(town):
    ann, bob = town.person("ann"), town.person("bob")
    accounts.change_name(town.database, ann, "Anna")
    accounts.change_name(town.database, ann, "anna")
    assert profiles.find(town.database, "anna").id == ann
    accounts.erase(town.database, bob)
    for name in ("bob", "ANNA", "admin"):
        with pytest.raises(Refusal) as error:
            accounts.change_name(town.database, town.person(f"c{len(name)}"), name)
        assert error.value.code == "name_taken"
    with pytest.raises(Refusal, match="no such account"):
        accounts.change_name(town.database, bob, "bert")


# --- Jobs -----------------------------------------------------------------------------


def test_a_job_is_found_by_its_key_and_person(town):
    ann, bob = town.person("ann"), town.person("bob")
    job = town.submit(ann, key="a key")
    assert queue.find_by_key(town.database, ann, "a key").id == job
    assert queue.find_by_key(town.database, bob, "a key") is None


def test_what_a_job_is_made_of_is_told_to_its_person(town):
    ann, bob = town.person("ann"), town.person("bob")
    styles.install(town.database, {"harvest": ("The Harvest", "Vincent")})
    style = styles.find_builtin(town.database, "harvest")
    content = town.upload(ann)
    inputs = {
        "content": queue.Picked(upload=content),
        "style": queue.Picked(style=style.id),
    }
    job = town.submit(ann, inputs=inputs)
    found = ingredients.find(town.database, ann, [job])[job]
    assert found["content"].upload == content
    assert (found["content"].width, found["content"].height) == (4, 3)
    assert (found["style"].title, found["style"].builtin) == ("The Harvest", "harvest")
    assert ingredients.find(town.database, bob, [job]) == {}
    assert ingredients.previewed(town.database, ann, [job]) == set()
    town.beat(town.claim(), 0.5, preview=b"small")
    assert ingredients.previewed(town.database, ann, [job]) == {job}
    assert ingredients.previewed(town.database, bob, [job]) == set()


def test_styles_of_a_person_are_those_they_share(town):
    ann = town.person("ann")
    for name in ("public", "private"):
        styles.share(town.database, ann, town.upload(ann), name, "", name)
    (found,) = styles.shared_by(town.database, None, ann)
    assert found.title == "public"
    with pytest.raises(Refusal, match="no such style"):
        styles.find_builtin(town.database, "none")


def test_several_works_come_in_the_order_they_are_asked_for(town):
    ann, bob = town.person("ann"), town.person("bob")
    one, two = town.work(ann), shown(town, ann)
    ids = [two, "none", one]
    found = works.several(town.database, ann, ids)
    assert [each.id for each in found] == [two, one]
    assert [each.id for each in works.several(town.database, bob, ids)] == [two]


def test_a_like_of_what_one_does_not_see_is_not_taken_back(town):
    ann, bob = town.person("ann"), town.person("bob")
    work = town.work(ann)
    with pytest.raises(Refusal, match="no such work"):
        works.unlike(town.database, bob, work)
    settings = town.settings
    made = works.publish(town.database, settings, ann, work, "unlisted")
    assert works.like(town.database, bob, work, made.share_token) == 1
    assert works.unlike(town.database, bob, work, made.share_token) == 0
    assert works.unlike(town.database, bob, work, made.share_token) == 0
