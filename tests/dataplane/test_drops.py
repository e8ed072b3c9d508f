"""Every reason to drop a packet, reached."""

from collections.abc import Callable

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import UNKNOWN, Rig, both, both_overlay
from tests.dataplane.scenes import ALL, OTHER, VNI, addresses, mac, scene

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import Rule

EGRESS_ONLY = tuple(rule for rule in ALL if not rule.ingress)
INGRESS_ONLY = tuple(rule for rule in ALL if rule.ingress)
OPEN, SILENT, DEAF = 1, 2, 3
POLICIES: dict[int, tuple[Rule, ...]] = {OPEN: ALL, SILENT: INGRESS_ONLY, DEAF: EGRESS_ONLY}


def at(number: int, six: bool = False) -> tuple[str, str]:
    return mac(number), addresses(number)[six]


def syn(sender: int, to: int, port: int = 80) -> bytes:
    return packets.frame(at(sender), at(to), 6, packets.tcp(1000, port))


def sent(sender: int, frame: bytes) -> Callable[[Rig], Verdict]:
    return lambda rig: both(rig, 10 + sender, frame)


def tunnelled(vni: int, vtep: str, frame: bytes) -> Callable[[Rig], Verdict]:
    return lambda rig: both_overlay(rig, vni, vtep, frame)


LATE = packets.frame(at(1), at(2), 17, bytes(16), offset=4)
ADVERTISEMENT = packets.frame(
    (mac(1), addresses(1)[1]), ("33:33:00:00:00:01", "ff02::1"), 58, packets.icmp(134)
)
REASONS: dict[Drop, Callable[[Rig], Verdict]] = {
    Drop.UNKNOWN_PORT: lambda rig: both(rig, UNKNOWN, syn(1, 2)),
    Drop.ADMIN_DOWN: sent(5, syn(5, 1)),
    Drop.DESTINATION_DOWN: sent(1, syn(1, 5)),
    Drop.MALFORMED: sent(1, syn(1, 2)[:40]),
    Drop.ETHERTYPE: sent(1, packets.eth(mac(1), mac(2), 0x8100, bytes(30))),
    Drop.SPOOFED_MAC: sent(1, syn(2, 4)),
    Drop.SPOOFED_ADDRESS: sent(1, packets.frame((mac(1), "10.0.0.2"), at(2), 6, packets.tcp(1, 2))),
    Drop.SPOOFED_NEIGHBOUR: sent(1, packets.arp(mac(1), False, (mac(1), "10.0.0.2"), at(2))),
    Drop.DHCP_SERVER: sent(1, packets.frame(at(1), at(2), 17, packets.udp(67, 68))),
    Drop.ROUTER_ADVERTISEMENT: sent(1, ADVERTISEMENT),
    Drop.LATE_FRAGMENT: sent(1, LATE),
    Drop.EGRESS_POLICY: sent(2, syn(2, 1)),
    Drop.INGRESS_POLICY: sent(1, syn(1, 3)),
    Drop.UNKNOWN_DESTINATION: sent(1, syn(1, 33)),
    Drop.HAIRPIN: sent(1, syn(1, 1)),
    Drop.UNKNOWN_VTEP: tunnelled(VNI, "192.0.2.9", syn(21, 1)),
    Drop.UNKNOWN_VNI: tunnelled(8, OTHER, syn(21, 1)),
}
ELSEWHERE = {
    Drop.FILTERED_COPY,
    Drop.NO_TUNNEL,
    Drop.ASKED_TOO_OFTEN,
    Drop.UNHEARD,
    Drop.OVER_LIMIT,
}


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene(POLICIES, {2: SILENT, 3: DEAF}))


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name.lower())
def test_a_packet_is_dropped_for_this_reason(rig: Rig, reason: Drop) -> None:
    assert REASONS[reason](rig) == Verdict(drop=reason)


def test_a_multicast_is_not_copied_to_ports_that_do_not_let_it_in(rig: Rig) -> None:
    before = rig.drops()[Drop.FILTERED_COPY]
    frame = packets.frame(at(1), ("01:00:5e:00:00:12", "224.0.0.18"), 112, bytes(20))
    assert both(rig, 11, frame).copies == 3  # ports 2 and 4, the other host; not 3 and 6
    assert rig.drops()[Drop.FILTERED_COPY] == before + 2


def test_without_a_vxlan_device_nothing_leaves_the_host(rig: Rig) -> None:
    rig.switch.tables["host"].put({bytes(4): bytes(8)})
    assert rig.from_port(11, syn(1, 21)) == Verdict(drop=Drop.NO_TUNNEL)


def test_every_reason_has_its_test() -> None:
    assert set(Drop) == REASONS.keys() | ELSEWHERE
