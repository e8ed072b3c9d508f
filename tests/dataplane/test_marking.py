"""What a port with a DSCP sends is marked with it, in every way that it can leave."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataplane import packets, routed_scenes
from tests.dataplane.rig import Rig, both
from tests.dataplane.scenes import ALL, addresses, mac, scene

from polpo.dataplane.frames import checksum
from polpo.dataplane.marking import marked
from polpo.target.rows import Port

EXPEDITED = 46
ENDS = {
    "a port of this host": (mac(2), addresses(2)),
    "a port of another": (mac(21), addresses(21)),
    "many": ("01:00:5e:00:00:12", ("224.0.0.18", "ff02::12")),
}


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene({1: ALL}, {}, marks={1: EXPEDITED, 4: EXPEDITED}))


def tos_of(frame: bytes | None) -> int | None:
    if frame is None:
        return None
    first = int.from_bytes(frame[14:16], "big")
    return first & 0xFF if frame[12:14] == b"\x08\0" else first >> 4 & 0xFF


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("ecn", range(4))
def test_the_dscp_is_the_policys_and_ecn_the_senders(
    rig: Rig, end: str, six: bool, ecn: int
) -> None:
    hardware, destinations = ENDS[end]
    bodies = {17: packets.udp(1, 2, b"data"), 58 if six else 1: packets.icmp(128 if six else 8)}
    for protocol, body in bodies.items():
        source, destination = (mac(1), addresses(1)[six]), (hardware, destinations[six])
        frame = packets.frame(source, destination, protocol, body, tos=8 << 2 | ecn)
        assert tos_of(both(rig, 11, frame).frame) == EXPEDITED << 2 | ecn


def test_fragments_are_marked_one_by_one(rig: Rig) -> None:
    ends = (mac(1), addresses(1)[0]), (mac(2), addresses(2)[0])
    for part in ({"more": True}, {"offset": 4}):
        frame = packets.frame(*ends, 17, packets.udp(1, 2, bytes(24)), **part)
        assert tos_of(both(rig, 11, frame).frame) == EXPEDITED << 2


def test_neighbour_discovery_is_marked_and_arp_is_not(rig: Rig) -> None:
    solicitation = packets.nd(135, "fd00::77", mac(1))
    to = ("33:33:ff:00:00:77", "ff02::1:ff00:77")
    frame = packets.frame((mac(1), addresses(1)[1]), to, 58, solicitation)
    assert tos_of(both(rig, 11, frame).frame) == EXPEDITED << 2
    asks = packets.arp(mac(1), True, (mac(1), addresses(1)[0]), (mac(0), "10.0.0.77"))
    assert both(rig, 11, asks).frame is None


def test_others_are_not_marked(rig: Rig) -> None:
    frame = packets.frame((mac(2), addresses(2)[0]), (mac(1), addresses(1)[0]), 17, bytes(16))
    assert both(rig, 12, frame).frame is None


@given(st.integers(0, 63), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_the_checksum_of_a_marked_header_holds(dscp: int, tos: int, number: int) -> None:
    whole = packets.frame(
        (mac(1), "10.0.0.1"), (mac(2), "10.0.0.2"), 17, b"", tos=tos, number=number
    )
    whole = whole[:24] + checksum(whole[14:34]) + whole[26:]
    after = marked(whole, dscp)
    assert tos_of(after) == dscp << 2 | tos & 3
    assert checksum(after[14:34]) == bytes(2)


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_what_is_routed_is_marked_as_well_and_its_ttl_is_right(rig: Rig, six: bool) -> None:
    slices, plugs = routed_scenes.scene()
    rows = [
        msgspec.structs.replace(row, dscp=EXPEDITED) if isinstance(row, Port) else row
        for row in slices["host/1"]
    ]
    rig.set({**slices, "host/1": rows}, plugs)
    for number in (2, 22):  # in another network, here and on another host
        source, destination = routed_scenes.at(1, six), routed_scenes.at(number, six)
        to = (routed_scenes.gate(100, 0), destination[1])
        frame = packets.frame(source, to, 17, packets.udp(1, 2, b"data"), tos=3)
        assert tos_of(both(rig, 11, frame).frame) == EXPEDITED << 2 | 3
