"""Many at once: each job is claimed once, and each count is right."""

import dataclasses
import threading

import pytest
from studio_places import opened
from studio_town import WORKER, Town

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import accounts, invariants, moderation, queue, works
from vectormix_tf.studio.errors import Refusal

THREADS = 4


def at_once(*calls):
    """Runs functions in threads; returns their results, or raises their errors."""
    results, errors = [None] * len(calls), []
    barrier = threading.Barrier(len(calls))

    def run(place, call):
        barrier.wait()
        try:
            results[place] = call()
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(place, call))
        for place, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


@pytest.fixture
def town(address, store):
    """Without a clock of its own: all threads read the real one."""
    settings = StudioSettings(waiting=1000, running=1000, daily=1000, sign_ups=1000)
    with opened(address, patience=60) as database:
        made = Town(database, store, settings)
        yield made
        assert invariants.check(database) == []
        assert invariants.check_store(database, store) == []


def test_each_job_is_claimed_and_finished_once(town):
    people = [town.person(f"person{i}") for i in range(3)]
    jobs = [town.submit(user, cost=30) for _ in range(8) for user in people]

    def work(name):
        done = []
        worker = dataclasses.replace(WORKER, id=name)
        while (lease := town.claim(worker)) is not None:
            town.beat(lease)
            town.finish(lease)
            done.append(lease.job)
        return done

    done = at_once(*(lambda i=i: work(f"w{i}") for i in range(THREADS)))
    claimed = [job for part in done for job in part]
    assert sorted(claimed) == sorted(jobs)


def test_a_double_click_is_one_job(town):
    ann = town.person("ann")
    order = town.order(ann)

    def submit():
        return queue.submit(town.database, town.store, town.settings, ann, order).id

    assert len(set(at_once(*[submit] * THREADS))) == 1


def test_limits_hold_for_orders_at_once(town):
    ann = town.person("ann")
    town.settings = dataclasses.replace(town.settings, waiting=2)
    orders = [town.order(ann) for _ in range(THREADS)]

    def submit(order):
        try:
            return queue.submit(town.database, town.store, town.settings, ann, order)
        except Refusal as refusal:
            return refusal.code

    found = at_once(*(lambda order=order: submit(order) for order in orders))
    assert found.count("too_many_waiting") == THREADS - 2


def test_a_name_is_given_once(town):
    def sign_up():
        try:
            return town.person("ann")
        except Refusal as refusal:
            return refusal.code

    found = at_once(*[sign_up] * THREADS)
    assert found.count("name_taken") == THREADS - 1


def test_of_links_made_and_used_at_once_one_is_left_and_used(town):
    ann, boss = town.person("ann"), town.administrator()

    def make():
        return moderation.link_for_password(town.database, boss, ann, "").token

    def use(link):
        try:
            return accounts.renew_password(
                town.database, town.settings, link, "battery staple"
            ).account.name
        except Refusal as refusal:
            return refusal.code

    links = at_once(*[make] * THREADS)
    assert invariants.check(town.database) == []
    found = at_once(*(lambda link=link: use(link) for link in links * 2))
    assert sorted(found) == ["ann"] + ["not_found"] * (2 * THREADS - 1)


def test_likes_at_once_are_all_counted(town):
    people = [town.person(f"person{i}") for i in range(THREADS)]
    work = town.work(people[0])
    works.publish(town.database, town.settings, people[0], work, "public")
    likes = [lambda user=user: works.like(town.database, user, work) for user in people]
    at_once(*likes, *likes)
    assert works.find(town.database, None, work).likes == THREADS


def test_who_leaves_while_working_and_ordering_leaves_nothing(town):
    ann = town.person("ann")
    orders = [town.order(ann) for _ in range(3)]
    for order in orders[:2]:
        queue.submit(town.database, town.store, town.settings, ann, order)
    lease = town.claim()

    def or_refused(call, *args):
        try:
            call(*args)
        except Exception as error:
            assert type(error).__name__ in ("Refusal", "LostLease"), error

    submit = (queue.submit, town.database, town.store, town.settings, ann, orders[2])
    at_once(
        lambda: accounts.erase(town.database, ann),
        lambda: or_refused(town.finish, lease),
        lambda: or_refused(*submit),
        lambda: town.claim(dataclasses.replace(WORKER, id="w9")),
    )
    accounts.erase(town.database, ann)
