"""A time of day that others can compare, whatever happens to the wall clock."""

from polpo.runtime.clock import Steady


def test_a_steady_clock_goes_on_from_the_time_of_day_and_sees_no_jump() -> None:
    wall, clock = 1_000_000.0, 50.0
    now = Steady(lambda: wall, lambda: clock)
    assert now() == 1_000_000.0
    wall, clock = 7.0, 52.0
    assert now() == 1_000_002.0
