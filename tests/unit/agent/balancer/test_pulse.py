"""Whether a member lives, by what it answers."""

import pytest
from msgspec.structs import replace

from polpo.agent.balancer.pulse import Pulse
from polpo.model.load_balancer import HealthMonitor

MONITOR = HealthMonitor(
    id="m",
    load_balancer_id="lb",
    pool_id="p",
    type="PING",
    delay=5,
    timeout=2,
    max_retries=2,
    max_retries_down=3,
)


def after(answers: str) -> bool | None:
    """`+`: it answered in time, `-`: it did not."""
    pulse = Pulse(MONITOR)
    for number, answer in enumerate(answers):
        pulse.asked(number * 5.0)
        if answer == "+":
            pulse.answered()
        pulse.look(number * 5.0 + 2.0)
    return pulse.alive


@pytest.mark.parametrize(
    ("answers", "alive"),
    [
        ("", None),
        ("+", None),
        ("++", True),
        ("--", None),
        ("---", False),
        ("--+--", None),
        ("---+", False),
        ("---++", True),
        ("++--", True),
        ("++---", False),
        ("++--+--", True),
    ],
)
def test_so_many_in_a_row_decide(answers: str, alive: bool | None) -> None:
    assert after(answers) is alive


def test_it_is_asked_again_after_the_delay_and_not_while_an_answer_is_waited_for() -> None:
    pulse = Pulse(MONITOR)
    assert pulse.due(0.0)
    pulse.asked(0.0)
    assert not pulse.due(9.0)
    pulse.answered()
    assert not pulse.due(4.9)
    assert pulse.due(5.0)


def test_an_answer_that_comes_late_or_twice_counts_for_nothing() -> None:
    pulse = Pulse(MONITOR)
    pulse.asked(0.0)
    pulse.look(2.0)
    pulse.answered()
    pulse.answered()
    assert pulse.alive is None


def test_of_a_udp_port_silence_is_a_good_answer() -> None:
    pulse = Pulse(replace(MONITOR, type="UDP-CONNECT", max_retries=1, max_retries_down=1))
    pulse.asked(0.0)
    pulse.refused()
    assert pulse.alive is False
    pulse.asked(5.0)
    pulse.look(7.0)
    assert pulse.alive is True
