"""What ports hear of a router's addresses, and when."""

import msgspec
from tests.unit.agent.dhcp.scenery import ROUTER

from polpo.agent.dhcp.introducer import Introducer, introduction
from polpo.dataplane.frames import checksum, parse
from polpo.target.rows import Interface

MAC = bytes.fromhex("fa163e0000ff")
VNI = ROUTER.vni
MOVED = msgspec.structs.replace(ROUTER, mac="fa:16:3e:00:00:fe")


class Told:
    """An introducer, and what it sent."""

    def __init__(self) -> None:
        self.sent = list[tuple[int, bytes]]()
        self.introducer = Introducer(lambda *sent: self.sent.append(sent))

    def look(self, ports: dict[int, int], *interfaces: Interface) -> list[tuple[int, bytes]]:
        self.sent.clear()
        self.introducer.look(ports, interfaces)
        return list(self.sent)


def said(interface: Interface, *ifindexes: int) -> list[tuple[int, bytes]]:
    return [(i, frame) for i in ifindexes for frame in introduction(interface)]


def test_an_ipv4_address_is_said_in_a_gratuitous_arp() -> None:
    frame, _ = introduction(ROUTER)
    own = bytes([10, 0, 0, 1])
    assert frame[:14] == b"\xff" * 6 + MAC + b"\x08\x06"
    assert frame[14:22] == bytes.fromhex("0001 0800 06 04 0001")
    assert frame[22:] == MAC + own + bytes(6) + own


def test_an_ipv6_address_is_said_in_an_advertisement_that_overrides() -> None:
    _, frame = introduction(ROUTER)
    parsed = parse(frame)
    own = bytes.fromhex("fd00") + bytes(13) + b"\1"
    assert (frame[:6], frame[6:12]) == (bytes.fromhex("333300000001"), MAC)
    assert (parsed.source, parsed.hop_limit) == (own, 255)
    assert parsed.body[:2] == b"\x88\0"
    assert parsed.body[4:] == b"\xa0\0\0\0" + own + b"\2\1" + MAC
    pseudo = parsed.source + parsed.destination + (32).to_bytes(4, "big") + b"\0\0\0\x3a"
    assert checksum(pseudo + parsed.body) == bytes(2)


def test_each_port_of_the_network_hears_once() -> None:
    told = Told()
    assert told.look({5: VNI, 6: VNI, 7: 99}, ROUTER) == said(ROUTER, 5, 6)
    assert told.look({5: VNI, 6: VNI, 7: 99}, ROUTER) == []
    assert told.look({5: VNI, 8: VNI}, ROUTER) == said(ROUTER, 8)


def test_a_router_with_another_mac_is_news() -> None:
    told = Told()
    told.look({5: VNI}, ROUTER)
    assert told.look({5: VNI}, MOVED) == said(MOVED, 5)
    assert told.look({5: VNI}) == []
    assert told.look({5: VNI}, MOVED) == said(MOVED, 5)
