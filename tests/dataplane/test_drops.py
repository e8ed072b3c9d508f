"""Every reason to drop a packet, reached."""

from collections.abc import Callable

import msgspec
import pytest
from tests.dataplane import packets, routed_scenes, served_scenes
from tests.dataplane.rig import UNKNOWN, Rig, both, both_overlay
from tests.dataplane.scenes import ALL, OTHER, VNI, addresses, mac, scene

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import HOST, Drop
from polpo.target.rows import AnyRow, Pair, Rule

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


def routed(
    to: str, hops: int = 64, source: str = "10.0.0.3", size: int = 0
) -> Callable[..., Verdict]:
    """Port 3 of another cloud sends by a router; the router's word is left out."""
    ends = (mac(3), source), (routed_scenes.gate(100, 0), to)
    frame = packets.frame(*ends, 17, packets.udp(5, 6, bytes(size)), hops=hops)

    def send(rig: Rig) -> Verdict:
        rig.set(*routed_scenes.scene())
        verdict = both(rig, 13, frame)
        return msgspec.structs.replace(verdict, answer=None)

    return send


def served(*rows: AnyRow, before: bytes = b"", frame: bytes = b"") -> Callable[..., Verdict]:
    """Port 1 of a cloud with services; a service's own word is left out."""

    def send(rig: Rig) -> Verdict:
        rig.set(*served_scenes.served_scene(*rows))
        if before:
            both(rig, 11, before)
        verdict = both(rig, 11, frame or served_scenes.request(1))
        return msgspec.structs.replace(verdict, answer=None)

    return send


DIRECT = packets.frame(routed_scenes.at(1), routed_scenes.at(8), 6, packets.tcp(4000, 8080))
WEB = served_scenes.service("web"), *served_scenes.backends("web", 8)
LATE = packets.frame(at(1), at(2), 17, bytes(16), offset=4)
ADVERTISEMENT = packets.frame(
    (mac(1), addresses(1)[1]), ("33:33:00:00:00:01", "ff02::1"), 58, packets.icmp(134)
)
REASONS: dict[Drop, Callable[[Rig], Verdict]] = {
    Drop.NO_BACKEND: served(served_scenes.service("web")),
    Drop.NOT_ADMITTED: served(served_scenes.service("web", sources=("10.1.0.0/16",))),
    Drop.PORT_TAKEN: served(*WEB, before=served_scenes.request(1), frame=DIRECT),
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
    Drop.NO_ROUTE: routed("9.9.9.9"),
    Drop.TIME_EXCEEDED: routed("10.0.1.2", hops=1),
    Drop.TOO_BIG: routed("10.0.1.2", size=1400),
    Drop.FOR_ROUTER: routed("10.0.0.254"),
    Drop.REVERSE_PATH: routed("10.0.1.2", source="10.0.1.7"),
    Drop.UNREACHABLE: routed("10.0.1.99"),
}
ELSEWHERE = {
    Drop.FILTERED_COPY,
    Drop.NO_TUNNEL,
    Drop.ASKED_TOO_OFTEN,
    Drop.UNHEARD,
    Drop.OVER_LIMIT,
    Drop.NO_LOCAL_BACKEND,
}


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene(POLICIES, {2: SILENT, 3: DEAF}))


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.name.lower())
def test_a_packet_is_dropped_for_this_reason(rig: Rig, reason: Drop) -> None:
    assert REASONS[reason](rig) == Verdict(drop=reason)


@pytest.mark.parametrize("pair", ["::/0", "0.0.0.0/0"])
def test_a_pair_of_all_addresses_is_of_one_family(rig: Rig, pair: str) -> None:
    rig.set(*scene({1: ALL}, {}, more=[Pair(mac(3), pair)]))
    for six, source in ((False, "9.9.9.9"), (True, "2001:db8::9")):
        frame = packets.frame((mac(3), source), at(1, six), 6, packets.tcp(1, 2))
        reason = None if (":" in pair) == six else Drop.SPOOFED_ADDRESS
        assert both(rig, 13, frame).drop == reason


def test_a_multicast_is_not_copied_to_ports_that_do_not_let_it_in(rig: Rig) -> None:
    before = rig.drops()[Drop.FILTERED_COPY]
    frame = packets.frame(at(1), ("01:00:5e:00:00:12", "224.0.0.18"), 112, bytes(20))
    assert both(rig, 11, frame).copies == 3  # ports 2 and 4, the other host; not 3 and 6
    assert rig.drops()[Drop.FILTERED_COPY] == before + 2


def test_without_a_vxlan_device_nothing_leaves_the_host(rig: Rig) -> None:
    rig.switch.tables["host"].put({bytes(4): bytes(HOST.size)})
    assert rig.from_port(11, syn(1, 21)) == Verdict(drop=Drop.NO_TUNNEL)


def test_every_reason_has_its_test() -> None:
    assert set(Drop) == REASONS.keys() | ELSEWHERE
