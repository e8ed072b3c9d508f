"""What is for the agent goes to it, as often as it is to be asked, and nowhere else."""

from collections.abc import Iterator

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both
from tests.dataplane.scenes import ALL, SUBNETS, mac, scene

from polpo.dataplane.model import Verdict
from polpo.dataplane.rings import ASKED
from polpo.dataplane.tables import Drop
from polpo.target.rows import Subnet

NOBODY, EVERYBODY = (mac(1), "0.0.0.0"), (packets.BROADCAST, "255.255.255.255")
DISCOVER = packets.frame(NOBODY, EVERYBODY, 17, packets.udp(68, 67, b"discover"))
AGENTS = ("33:33:00:01:00:02", "ff02::1:2")
ROUTERS = ("33:33:00:00:00:02", "ff02::2")
LINK_LOCAL = (mac(1), "fe80::ff:fe00:1")
SOLICIT = packets.frame(LINK_LOCAL, AGENTS, 17, packets.udp(546, 547, b"solicit"))
SOLICITATION = packets.frame(LINK_LOCAL, ROUTERS, 58, packets.icmp(133))
STATEFUL = Subnet("s6", "fd00::/64", ra_mode="dhcpv6-stateful", address_mode="dhcpv6-stateful")


@pytest.fixture(autouse=True)
def emptied(rig: Rig) -> Iterator[None]:
    yield
    rig.ring.read()


def asked(rig: Rig, frame: bytes, *subnets: Subnet) -> bool:
    rig.set(*scene({1: ALL}, {}, subnets))
    return both(rig, 11, frame) == Verdict(asked=frame)


def test_a_port_asks_for_what_its_networks_subnets_have(rig: Rig) -> None:
    four, slaac = SUBNETS
    assert asked(rig, DISCOVER, four)
    assert not asked(rig, DISCOVER, slaac, STATEFUL, Subnet("s", "10.0.0.0/24", dhcp=False))
    assert asked(rig, SOLICIT, STATEFUL)
    assert asked(rig, SOLICIT, Subnet("s6", "fd00::/64"))
    assert not asked(rig, SOLICIT, four, slaac)
    assert asked(rig, SOLICITATION, slaac)
    assert not asked(rig, SOLICITATION, four, Subnet("s6", "fd00::/64"))


def test_impostors_are_not_heard(rig: Rig) -> None:
    rig.set(*scene({1: ALL}, {}, SUBNETS))
    forged = packets.frame((mac(2), "0.0.0.0"), EVERYBODY, 17, packets.udp(68, 67))
    assert both(rig, 11, forged) == Verdict(drop=Drop.SPOOFED_MAC)
    forged = packets.frame((mac(1), "fe80::2"), ROUTERS, 58, packets.icmp(133))
    assert both(rig, 11, forged) == Verdict(drop=Drop.SPOOFED_ADDRESS)


def test_a_port_asks_fifty_times_a_second_at_most(rig: Rig) -> None:
    rig.set(*scene({1: ALL}, {}, SUBNETS))
    verdicts = [rig.from_port(11, DISCOVER) for _ in range(150)]  # more, if a second ends meanwhile
    heard = sum(verdict == Verdict(asked=DISCOVER) for verdict in verdicts)
    assert verdicts[:50] == [Verdict(asked=DISCOVER)] * 50
    assert 50 <= heard < 150
    assert verdicts.count(Verdict(drop=Drop.ASKED_TOO_OFTEN)) == 150 - heard
    assert rig.from_port(12, DISCOVER.replace(packets.mac(mac(1)), packets.mac(mac(2)))).asked


def test_without_an_agent_that_listens_questions_are_dropped(rig: Rig) -> None:
    rig.set(*scene({1: ALL}, {}, SUBNETS))
    rig.listens = False
    try:
        while (verdict := fresh(rig)) == Verdict(asked=b""):
            pass
        assert verdict == Verdict(drop=Drop.UNHEARD)
    finally:
        rig.listens = True
    assert len(rig.ring.read()) > 500
    assert fresh(rig).asked


def fresh(rig: Rig) -> Verdict:
    """A question of a port that has not asked before."""
    allowances = rig.switch.tables["allowances"]
    allowances.remove(allowances.read())
    return rig.from_port(11, DISCOVER)


def test_of_a_frame_that_is_too_long_there_is_the_beginning(rig: Rig) -> None:
    rig.set(*scene({1: ALL}, {}, SUBNETS))
    rig.listens = False
    try:
        long = packets.frame(NOBODY, EVERYBODY, 17, packets.udp(68, 67, bytes(1900)))
        assert rig.from_port(11, long) == Verdict(asked=b"")
    finally:
        rig.listens = True
    (record,) = map(ASKED.unpack, rig.ring.read())
    assert (record["length"], record["frame"]) == (len(long), long[: len(record["frame"])])
