"""How often moved addresses are told again."""

from collections.abc import Iterator

from polpo.agent.announcer import EAGER_S, REFRESH_S, Announcer
from polpo.agent.observed import Move
from polpo.dataplane.tables import pack_address


class Host:
    """A host with one moved address; `said` is what was told of it, and when."""

    def __init__(self) -> None:
        self.now, self.listeners = 1000.0, False
        self.said: list[tuple[float, int]] = []
        self.announcer = Announcer(self, self, self, lambda: self.now)

    def moves_here(self) -> Iterator[Move]:
        yield Move(7, pack_address("10.0.0.1"), bytes(6), 12)

    def take_listeners(self) -> bool:
        taken, self.listeners = self.listeners, False
        return taken

    def inject(self, ifindex: int, frame: bytes) -> None:
        self.said.append((self.now, ifindex))

    def pass_time(self, seconds: float) -> int:
        """Look every tenth of a second; how often it was told meanwhile."""
        before = len(self.said)
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.announcer.look()
        return len(self.said) - before


def test_nothing_new_is_told_every_half_minute() -> None:
    host = Host()
    host.announcer.look()
    assert host.pass_time(10 * REFRESH_S) in (9, 10)


def test_a_new_listener_is_told_at_once_and_some_times_after() -> None:
    host = Host()
    host.announcer.look()
    host.pass_time(5)
    host.listeners = True
    assert host.pass_time(0.1) == 1
    assert 5 <= host.pass_time(EAGER_S) <= EAGER_S + 1
    assert host.pass_time(REFRESH_S / 2) == 0


def test_one_that_is_heard_again_is_told_as_well() -> None:
    host = Host()
    host.announcer.look()
    host.pass_time(5)
    host.announcer.tell_again()
    assert host.pass_time(0.1) == 1
    assert 5 <= host.pass_time(EAGER_S) <= EAGER_S + 1
