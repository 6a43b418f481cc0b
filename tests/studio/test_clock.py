import pytest

from vectormix_tf.studio import clock


def close(seconds):
    """Looking at a clock takes a moment."""
    return pytest.approx(seconds, abs=0.001)


@pytest.fixture
def ticking(database):
    clock.tick(database)  # from the beginning of time
    return clock.tick(database)


def test_it_goes_as_the_wall_clock_does(database, wall, ticking):
    for _ in range(20):
        wall.time += 1.5
        clock.tick(database)
    assert clock.read(database) == close(ticking + 30)


@pytest.mark.parametrize("jump", [3600.0, 1e9])
def test_a_jump_forward_is_a_step(database, wall, ticking, jump):
    wall.time += jump
    assert clock.read(database) == close(ticking + clock.LONGEST_STEP)
    assert clock.tick(database) == close(ticking + clock.LONGEST_STEP)
    wall.time += 2
    assert clock.read(database) == close(ticking + clock.LONGEST_STEP + 2)


@pytest.mark.parametrize("jump", [3600.0, 1e9])
def test_after_a_jump_back_it_goes_on(database, wall, ticking, jump):
    wall.time -= jump
    assert clock.tick(database) == close(ticking)
    wall.time += 2
    assert clock.tick(database) == close(ticking + 2)


def test_who_looks_seldom_brings_it_on(database, wall, ticking):
    for _ in range(3):
        wall.time += 0.9 * clock.LONGEST_STEP
        clock.look(database)
    assert clock.read(database) == close(ticking + 2.7 * clock.LONGEST_STEP)
    wall.time += 1
    assert clock.look(database) == close(ticking + 2.7 * clock.LONGEST_STEP + 1)
    wall.time -= 1e6
    clock.look(database)
    wall.time += 1
    assert clock.look(database) == close(ticking + 2.7 * clock.LONGEST_STEP + 1)


def test_reading_it_does_not_bring_it_on(database, wall, ticking):
    wall.time += 4
    clock.read(database)
    assert clock.read(database) == close(ticking + 4)
    wall.time -= 4
    assert clock.tick(database) == close(ticking)
