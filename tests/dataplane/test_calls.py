"""Connections to the metadata service: who asks is known, and gets the answer."""

import ipaddress

import msgspec
import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both
from tests.dataplane.routed_scenes import gate
from tests.dataplane.routed_scenes import scene as routed_scene
from tests.dataplane.scenes import ALL, addresses, mac, scene

from polpo.dataplane.frames import checksum
from polpo.dataplane.metadata import ADDRESSES, MAC, caller, ifindex_of, voice
from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop, unpack_mac
from polpo.target.instance import Instance
from polpo.target.rows import AnyRow, Pair, Port, Rule

FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
VOICE = unpack_mac(voice(7))
HEADERS = {False: 34, True: 54}


def known(rows: list[AnyRow], *ports: str) -> list[AnyRow]:
    """These ports are known to the service."""
    return [
        msgspec.structs.replace(row, instance=Instance(row.id, "n"))
        if isinstance(row, Port) and row.id in ports
        else row
        for row in rows
    ]


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    slices, plugs = scene({1: ALL}, {})
    slices["host/a"] = known(slices["host/a"], "p1", "p2", "p3", "p4", "p5")
    rig.set(slices, plugs)


def segment(
    source: tuple[str, str],
    destination: tuple[str, str],
    ports: tuple[int, int] = (40000, 80),
    flags: int = 2,
) -> bytes:
    """TCP with right checksums."""
    whole = packets.frame(source, destination, 6, packets.tcp(*ports, flags))
    start = HEADERS[":" in source[1]]
    ends = [ipaddress.ip_address(end).packed for end in (source[1], destination[1])]
    pseudo = b"".join(ends) + len(whole[start:]).to_bytes(4, "big") + bytes([0, 0, 0, 6])
    tcp = whole[start : start + 16] + checksum(pseudo + whole[start:]) + whole[start + 18 :]
    if start == 54:
        return whole[:start] + tcp
    return whole[:24] + checksum(whole[14:34]) + whole[26:34] + tcp


def called(rig: Rig, ifindex: int, frame: bytes) -> tuple[str, str, str]:
    """The two MACs and the source that the service sees; checksums are right."""
    call = both(rig, ifindex, frame).call
    assert call is not None
    verified(call)
    six = call[12:14] == b"\x86\xdd"
    source = call[22:38] if six else call[26:30]
    return unpack_mac(call[:6]), unpack_mac(call[6:12]), str(ipaddress.ip_address(source))


def verified(frame: bytes) -> None:
    six = frame[12:14] == b"\x86\xdd"
    start = HEADERS[six]
    ends = frame[22:54] if six else frame[26:34]
    pseudo = ends + len(frame[start:]).to_bytes(4, "big") + bytes([0, 0, 0, 6])
    assert checksum(pseudo + frame[start:]) == bytes(2)
    assert six or checksum(frame[14:34]) == bytes(2)


@FAMILIES
@pytest.mark.parametrize("to", [VOICE, mac(2), mac(33)], ids=["voice", "a port", "nobody"])
def test_a_port_is_known_by_its_interface(rig: Rig, six: bool, to: str) -> None:
    frame = segment((mac(1), addresses(1)[six]), (to, ADDRESSES[six]))
    name = str(ipaddress.ip_address(caller(11, six)))
    assert called(rig, 11, frame) == (MAC, mac(1), name)
    assert ifindex_of(name) == 11


@FAMILIES
def test_the_answer_comes_from_whom_the_port_spoke_to(rig: Rig, six: bool) -> None:
    own = (mac(1), addresses(1)[six])
    called(rig, 11, segment(own, (mac(33), ADDRESSES[six])))
    name = str(ipaddress.ip_address(caller(11, six)))
    said = segment((MAC, ADDRESSES[six]), (MAC, name), (80, 40000), 18)
    kernel = rig.from_metadata(said)
    assert kernel == rig.model.from_metadata(said)
    assert kernel.port == 11
    assert kernel.frame == segment((mac(33), ADDRESSES[six]), own, (80, 40000), 18)


def test_the_same_address_at_two_ports_is_two_callers(rig: Rig) -> None:
    shared = (mac(4), "10.0.0.77")  # without port security one may say so
    frame = segment(shared, (VOICE, ADDRESSES[0]))
    first = called(rig, 14, frame)
    slices, plugs = scene({1: ALL}, {}, more=[Pair(mac(4), "10.0.0.77/32")])
    slices["host/a"] = known(slices["host/a"], "p3", "p4")
    rig.set(slices, plugs)
    second = called(rig, 13, frame)
    assert (first[2], second[2]) == ("240.0.0.14", "240.0.0.13")


def test_nobody_asks_as_another_port(rig: Rig) -> None:
    forged = segment((mac(1), addresses(2)[0]), (VOICE, ADDRESSES[0]))
    assert both(rig, 11, forged) == Verdict(drop=Drop.SPOOFED_ADDRESS)
    unsecured = segment((mac(2), addresses(2)[0]), (VOICE, ADDRESSES[0]))
    assert called(rig, 14, unsecured)[2] == "240.0.0.14", "known by where it is"


def test_egress_policy_can_refuse_it(rig: Rig) -> None:
    closed = (Rule(ingress=False, family=4, prefix="10.0.0.0/8"), Rule(ingress=False, family=6))
    slices, plugs = scene({1: closed}, {})
    slices["host/a"] = known(slices["host/a"], "p1")
    rig.set(slices, plugs)
    frame = segment((mac(1), addresses(1)[0]), (VOICE, ADDRESSES[0]))
    assert both(rig, 11, frame) == Verdict(drop=Drop.EGRESS_POLICY)
    frame = segment((mac(1), addresses(1)[1]), (VOICE, ADDRESSES[1]))
    assert both(rig, 11, frame).call


@FAMILIES
def test_only_plain_http_gets_there(rig: Rig, six: bool) -> None:
    own, service = (mac(1), addresses(1)[six]), (VOICE, ADDRESSES[six])
    nowhere = Verdict(drop=Drop.UNKNOWN_DESTINATION)
    assert both(rig, 11, segment(own, service, (40000, 22))) == nowhere
    for body in (packets.udp(40000, 80), packets.icmp(128 if six else 8)):
        protocol = 17 if body[3] == 80 else 58 if six else 1
        assert both(rig, 11, packets.frame(own, service, protocol, body)) == nowhere
    fragment = packets.frame(own, service, 6, packets.tcp(40000, 80), more=True)
    assert both(rig, 11, fragment) == nowhere
    if six:
        hop_by_hop = bytes([6, 0, 1, 4, 0, 0, 0, 0]) + packets.tcp(40000, 80)
        assert both(rig, 11, packets.frame(own, service, 0, hop_by_hop)) == nowhere


def test_what_is_not_known_to_the_service_does_not_get_there(rig: Rig) -> None:
    frame = segment((mac(6), addresses(6)[0]), (VOICE, ADDRESSES[0]))
    assert both(rig, 16, frame).call is None
    down = segment((mac(5), addresses(5)[0]), (VOICE, ADDRESSES[0]))
    assert both(rig, 15, down) == Verdict(drop=Drop.ADMIN_DOWN)


@FAMILIES
def test_a_routers_interface_is_as_good_as_any(rig: Rig, six: bool) -> None:
    slices, plugs = routed_scene()
    slices["host/1"] = known(slices["host/1"], "p1", "p2")
    rig.set(slices, plugs)
    source = "fd00::1" if six else "10.0.0.1"
    frame = segment(("02:00:00:00:00:01", source), (gate(100, 0), ADDRESSES[six]))
    assert called(rig, 11, frame)[2] == str(ipaddress.ip_address(caller(11, six)))


def test_the_network_says_where_it_is(rig: Rig) -> None:
    own = mac(1), addresses(1)[0]
    said = both(rig, 11, packets.arp(mac(1), True, own, (mac(0), ADDRESSES[0]))).answer
    assert said is not None
    assert unpack_mac(said[6:12]) == VOICE
    solicitation = packets.nd(135, ADDRESSES[1], mac(1))
    to = ("33:33:ff:fe:a9:fe", "ff02::1:fffe:a9fe")
    frame = packets.frame((mac(1), addresses(1)[1]), to, 58, solicitation)
    said = both(rig, 11, frame).answer
    assert said is not None
    assert unpack_mac(said[6:12]) == VOICE


def test_its_addresses_cannot_be_taken(rig: Rig) -> None:
    claim = packets.arp(mac(4), False, (mac(4), ADDRESSES[0]), (mac(0), ADDRESSES[0]))
    both(rig, 14, claim)
    own = mac(1), addresses(1)[0]
    said = both(rig, 11, packets.arp(mac(1), True, own, (mac(0), ADDRESSES[0]))).answer
    assert said is not None
    assert unpack_mac(said[6:12]) == VOICE


def test_answers_to_who_did_not_ask_go_nowhere(rig: Rig) -> None:
    for to in ("240.0.0.11", "240.0.0.99", "10.0.0.1"):
        said = segment((MAC, ADDRESSES[0]), (MAC, to), (80, 40000), 18)
        assert rig.from_metadata(said) == Verdict(drop=Drop.DESTINATION_DOWN)
    said = segment((MAC, "10.0.0.9"), (MAC, "240.0.0.11"), (80, 40000), 18)
    assert rig.from_metadata(said) == Verdict(drop=Drop.UNKNOWN_DESTINATION)


def test_a_port_begins_so_many_connections_a_second(rig: Rig) -> None:
    own, service = (mac(1), addresses(1)[0]), (VOICE, ADDRESSES[0])
    begun = 0
    while (verdict := rig.from_port(11, segment(own, service, (1024 + begun, 80)))).call:
        begun += 1
    assert verdict == Verdict(drop=Drop.ASKED_TOO_OFTEN)
    assert begun >= 100
    assert rig.from_port(11, segment(own, service, (1024, 80))).call, "those that are go on"
    assert rig.from_port(12, segment((mac(2), addresses(2)[0]), service)).call, "others may"


def test_without_a_service_nobody_is_asked(rig: Rig) -> None:
    rig.switch.tables["host"].put({bytes(4): (99).to_bytes(4, "little") + bytes(4)})
    frame = segment((mac(1), addresses(1)[0]), (VOICE, ADDRESSES[0]))
    assert rig.from_port(11, frame) == Verdict(drop=Drop.UNHEARD)
