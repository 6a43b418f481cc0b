import sqlalchemy as sa

from vectormix_tf.studio import limits, schema
from vectormix_tf.studio.errors import Refusal


def taken(database, address, hourly=3, times=10):
    """How often it works in a row."""
    for count in range(times):
        try:
            limits.take(database, "login", address, hourly)
        except Refusal as refusal:
            assert refusal.code == "too_many_requests"
            assert refusal.retry_after > 0
            return count
    return times


def test_as_many_as_an_hour_may_have_work_at_once(database):
    assert taken(database, "192.0.2.1") == 3


def test_addresses_and_purposes_do_not_share_a_limit(database):
    assert taken(database, "192.0.2.1") == taken(database, "192.0.2.2") == 3
    limits.take(database, "sign_up", "192.0.2.1", 3)


def test_after_an_hour_all_is_as_at_first(database, wall):
    taken(database, "192.0.2.1")
    wall.time += 2 * limits.HOUR
    assert taken(database, "192.0.2.1") == 3


def test_a_clock_that_is_set_back_shuts_no_one_out(database, wall):
    limits.take(database, "login", "192.0.2.1", 3)
    wall.time -= 1e6
    limits.take(database, "login", "192.0.2.1", 3)
    limits.take(database, "login", "192.0.2.1", 3)


def test_one_customer_of_ipv6_is_one_address(database):
    assert taken(database, "2001:db8::1") == 3
    assert taken(database, "2001:db8::ffff:2") == 0
    assert taken(database, "2001:db8:0:1::1") == 3


def test_who_has_no_address_is_not_limited(database):
    assert taken(database, None) == 10


def test_what_is_given_back_may_be_taken_again(database):
    for _ in range(10):
        limits.take(database, "login", "192.0.2.1", 3)
        limits.give_back(database, "login", "192.0.2.1")
    limits.give_back(database, "login", None)


def test_no_address_is_kept(database, wall):
    limits.take(database, "login", "192.0.2.1", 3)
    query = sa.select(schema.limits)
    (row,) = database.read(lambda c: c.execute(query).all())
    assert "192.0.2.1" not in str(row)
    wall.time += limits.HOUR + 1
    limits.expire(database)
    assert database.read(lambda c: c.execute(query).all()) == []
