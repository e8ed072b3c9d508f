"""What the agent keeps, says and logs of what the switch tells it of denials."""

from typing import Any

from structlog.testing import capture_logs

from polpo.agent.denials import AGAIN_S, KEPT, KEPT_S, LOGGED, Denials
from polpo.dataplane.rings import DENIED
from polpo.dataplane.tables import Drop, pack_address, pack_port
from polpo.target.rows import Port

PORT = Port(id="p", vni=7, mac="02:00:00:00:00:01", mtu=1450, policy=1, name="default/web")


class Host:
    """A host whose one port is at interface 12. Its ring is the test."""

    def __init__(self) -> None:
        self.now, self.off = 1000.0, 0.0
        self.denials = Denials(
            None,  # type: ignore[arg-type]  # nobody listens to it
            {12: PORT}.get,
            lambda: self.now + self.off,
            lambda: None,
            lambda: self.now,
        )

    def hear(self, *numbers: int, **fields: Any) -> list[str]:
        """One record for each destination port; what was logged."""
        with capture_logs() as logs:
            self.denials.hear([record(number, **fields) for number in numbers])
        return [log["event"] for log in logs]


def record(
    number: int, ifindex: int = 12, reason: Drop = Drop.INGRESS_POLICY, reply: int = 0
) -> bytes:
    ends = pack_address("10.0.0.9"), pack_address("10.0.0.1")
    return DENIED.pack(ifindex, 7, *ends, pack_port(1000), pack_port(number), 6, reason, reply)


def test_what_happens_again_is_counted() -> None:
    host = Host()
    host.hear(80, 80, 443)
    host.now += 1
    host.hear(80)
    found = [(d.number, d.count, d.at) for d in host.denials.recent()]
    assert found == [(443, 1, 1000.0), (80, 3, 1001.0)]


def test_ends_are_those_of_who_began() -> None:
    host = Host()
    host.hear(1000, reason=Drop.EGRESS_POLICY, reply=1)
    (denial,) = host.denials.recent()
    assert (denial.port, denial.direction, denial.reason) == ("p", "ingress", "egress_policy")
    assert (denial.source, denial.destination, denial.number) == ("10.0.0.1", "10.0.0.9", 1000)


def test_the_newest_are_kept_and_not_for_ever() -> None:
    host = Host()
    host.hear(*range(1, KEPT + 11))
    assert [denial.number for denial in host.denials.recent()] == list(range(11, KEPT + 11))
    host.now += KEPT_S + 1
    assert host.denials.recent() == ()


def test_a_port_that_is_gone_is_passed_over() -> None:
    host = Host()
    assert host.hear(80, ifindex=13) == []
    assert host.denials.recent() == ()


def test_the_log_has_some_of_them_and_what_goes_on_once_a_minute() -> None:
    host = Host()
    assert host.hear(80, 80) == ["denied"]
    assert host.hear(80) == []
    assert host.hear(*range(100, 150)) == ["denied"] * LOGGED
    host.now += AGAIN_S
    assert host.hear(80) == ["denied"]


def test_a_jump_of_the_wall_clock_forgets_nothing_and_silences_nothing() -> None:
    host = Host()
    host.hear(80)
    for host.off in (1e6, -1e6):
        assert [denial.number for denial in host.denials.recent()] == [80]
        host.now += AGAIN_S
        assert host.hear(80) == ["denied"]
