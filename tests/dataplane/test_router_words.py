"""What routers say, answers to pings and errors, byte by byte; in the switch and in the model."""

import struct

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both
from tests.dataplane.routed_scenes import (
    FIRST,
    OTHER,
    OUTSIDE,
    addresses,
    at,
    gate,
    interface,
    mac,
    scene,
)

from polpo.dataplane.frames import checksum
from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import Interface, Route

FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
GATE = gate(100, 0)


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene())


def echo(to: str, kind: int = 0, data: bytes = b"echo", hops: int = 64, **fields: int) -> bytes:
    six = ":" in to
    body = packets.icmp(kind or (128 if six else 8), data=data)
    frame = packets.frame(at(1, six), (GATE, to), 58 if six else 1, body, hops=hops, **fields)
    return packets.summed(frame)


OWN = ["10.0.0.254", "10.0.1.254", "10.0.3.2", "10.0.2.254", "169.254.0.1"]
SECONDS = {"10.0.3.2", "10.0.2.254", "fd00:0:0:2::fe"}
OWN += ["fd00::fe", "fd00:0:0:2::fe", "fe80::1", "fe80::ff:fe64:fe"]


@pytest.mark.parametrize("to", OWN)
def test_routers_answer_pings_to_all_their_addresses(rig: Rig, to: str) -> None:
    six = ":" in to
    answer = packets.icmp(129 if six else 0, data=b"echo")
    frame = packets.frame((GATE, to), at(1, six), 58 if six else 1, answer, hops=64)
    assert both(rig, 11, echo(to)) == Verdict(answer=packets.summed(frame))
    hops = 2 if to in SECONDS else 1
    assert both(rig, 11, echo(to, hops=hops)).answer == packets.summed(frame), "with its last TTL"


def test_a_ping_may_have_options_and_extension_headers(rig: Rig) -> None:
    body = packets.icmp(8, data=b"x")
    with_options = bytearray(packets.frame(at(1), (GATE, "10.0.0.254"), 1, bytes(4) + body))
    with_options[14] = 0x46  # the first four bytes of the body are options
    with_options[34:38] = b"\x94\x04\0\0"  # router alert
    answer = both(rig, 11, packets.summed(bytes(with_options))).answer
    assert answer is not None
    assert answer == packets.summed(answer), "its checksums are right"
    assert (answer[34:39], answer[22]) == (b"\x94\x04\0\0\0", 64)
    extension = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    six = packets.frame(at(1, True), (GATE, "fd00::fe"), 60, extension + packets.icmp(128))
    answer = both(rig, 11, six).answer
    assert answer is not None
    assert (answer[54:62], answer[62]) == (extension, 129)


@FAMILIES
def test_a_ping_in_fragments_is_refused(rig: Rig, six: bool) -> None:
    to = ("10.0.0.254", "fd00::fe")[six]
    first = both(rig, 11, echo(to, more=True))
    assert first.drop == Drop.FOR_ROUTER
    assert first.answer is not None
    assert both(rig, 11, echo(to, offset=1)) == Verdict(drop=Drop.FOR_ROUTER)


def error(kind: tuple[int, int], speaker: str, sent: bytes, rest: int = 0) -> bytes:
    """To port 1, from the router that is called so in the network that it came to it by."""
    six = ":" in speaker
    body = struct.pack("!BBHI", *kind, 0, rest) + sent[14 : 14 + 128]
    ends = (GATE, speaker), at(1, six)
    if six:
        return packets.summed(packets.frame(*ends, 58, body, hops=64))
    frame = packets.frame(*ends, 1, body, hops=64, number=0)
    return packets.summed(frame)


def told(rig: Rig, sent: bytes) -> Verdict:
    verdict = both(rig, 11, sent)
    assert verdict.answer is None or verdict.answer == packets.summed(verdict.answer)
    return verdict


def datagram(to: str, size: int = 30, hops: int = 64, protocol: int = 17) -> bytes:
    """`size`: bytes from the IP header on, if they are more than it takes."""
    six = ":" in to
    body = {17: packets.udp(1000, 53, b"data"), 6: packets.tcp(1000, 80)}.get(protocol, bytes(8))
    head = 40 if six else 20
    body += bytes(max(0, size - head - len(body)))
    return packets.frame(at(1, six), (GATE, to), protocol, body, hops=hops)


def test_ttls_that_run_out_are_told_of_by_the_router_where_they_do(rig: Rig) -> None:
    for to, hops, speaker, kind in (
        ("10.0.1.2", 1, "10.0.0.254", (11, 0)),
        ("10.0.2.4", 1, "10.0.0.254", (11, 0)),
        ("10.0.2.4", 2, "10.0.3.2", (11, 0)),
        ("fd00:0:0:1::2", 1, "fd00::fe", (3, 0)),
        ("fd00:0:0:2::4", 2, "fd00:0:0:3::2", (3, 0)),
    ):
        sent = datagram(to, hops=hops)
        answer = error(kind, speaker, sent)
        assert told(rig, sent) == Verdict(drop=Drop.TIME_EXCEEDED, answer=answer)


def test_the_mtu_is_told(rig: Rig) -> None:
    for to, kind, speaker in (
        ("10.0.1.2", (3, 4), "10.0.0.254"),
        ("fd00:0:0:1::2", (2, 0), "fd00::fe"),
    ):
        sent = datagram(to, size=1400)
        answer = error(kind, speaker, sent, rest=1300)
        assert told(rig, sent) == Verdict(drop=Drop.TOO_BIG, answer=answer)


def test_a_second_routers_mtu_is_told_by_the_second_router(rig: Rig) -> None:
    rig.set(*scene(second=[interface(101, 3, 2), interface(101, 2, 254, mtu=1000)]))
    sent = datagram("10.0.2.4", size=1001)
    answer = error((3, 4), "10.0.3.2", sent, rest=1000)
    assert told(rig, sent) == Verdict(drop=Drop.TOO_BIG, answer=answer)


def test_nowhere_and_nobody_are_told_apart(rig: Rig) -> None:
    for to, reason, kind, speaker in (
        ("9.9.9.9", Drop.NO_ROUTE, (3, 0), "10.0.0.254"),
        ("172.16.0.1", Drop.NO_ROUTE, (3, 0), "10.0.3.2"),
        ("2001:db8::1", Drop.NO_ROUTE, (1, 0), "fd00::fe"),
        ("fe80::99", Drop.NO_ROUTE, (1, 0), "fd00::fe"),
        ("10.0.1.99", Drop.UNREACHABLE, (3, 1), "10.0.0.254"),
        ("10.0.2.99", Drop.UNREACHABLE, (3, 1), "10.0.3.2"),
        ("10.66.0.1", Drop.UNREACHABLE, (3, 1), "10.0.3.2"),
        ("fd00:0:0:1::99", Drop.UNREACHABLE, (1, 3), "fd00::fe"),
    ):
        sent = datagram(to)
        assert told(rig, sent) == Verdict(drop=reason, answer=error(kind, speaker, sent)), to


def test_who_speaks_to_a_router_is_refused(rig: Rig) -> None:
    for to, protocol, kind in (
        ("10.0.0.254", 17, (3, 3)),
        ("10.0.0.254", 6, (3, 3)),
        ("10.0.0.254", 132, (3, 2)),
        ("10.0.0.254", 47, (3, 2)),
        ("fd00::fe", 17, (1, 4)),
        ("fd00::fe", 6, (1, 4)),
        ("fd00::fe", 47, (1, 4)),
    ):
        sent = datagram(to, protocol=protocol)
        speaker = "fd00::fe" if ":" in to else "10.0.0.254"
        verdict = Verdict(drop=Drop.FOR_ROUTER, answer=error(kind, speaker, sent))
        assert told(rig, sent) == verdict


def test_by_its_other_sides_address_it_answers_as_what_it_is_called_here(rig: Rig) -> None:
    sent = datagram("10.0.1.254")
    answer = error((3, 3), "10.0.0.254", sent)
    assert told(rig, sent) == Verdict(drop=Drop.FOR_ROUTER, answer=answer)


@FAMILIES
@pytest.mark.parametrize("size", [20, 28, 29, 60, 61, 127, 128, 129, 600])
def test_an_error_has_the_first_128_bytes_of_the_packet(rig: Rig, six: bool, size: int) -> None:
    sent = datagram(("10.0.1.99", "fd00:0:0:1::99")[six], size, protocol=47)
    answer = error(((3, 1), (1, 3))[six], ("10.0.0.254", "fd00::fe")[six], sent)
    assert told(rig, sent) == Verdict(drop=Drop.UNREACHABLE, answer=answer)


def test_the_packet_is_quoted_as_it_came(rig: Rig) -> None:
    sent = packets.summed(datagram("10.0.2.4", hops=2))
    answer = both(rig, 11, sent).answer
    assert answer is not None
    assert answer[42:] == sent[14:]


@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12])
def test_nothing_is_said_about_errors(rig: Rig, kind: int) -> None:
    for to, reason in (("10.0.1.99", Drop.UNREACHABLE), ("10.0.0.254", Drop.FOR_ROUTER)):
        sent = packets.frame(at(1), (GATE, to), 1, packets.icmp(kind, data=bytes(28)))
        assert both(rig, 11, sent) == Verdict(drop=reason)


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 100, 127])
def test_nothing_is_said_about_errors_of_ipv6(rig: Rig, kind: int) -> None:
    body = packets.icmp(kind, data=bytes(48))
    sent = packets.frame(at(1, True), (GATE, "fd00:0:0:1::99"), 58, body)
    assert both(rig, 11, sent) == Verdict(drop=Drop.UNREACHABLE)


@pytest.mark.parametrize(("protocol", "kind"), [(1, 0), (1, 8), (1, 13), (58, 200)])
def test_something_is_said_about_other_messages(rig: Rig, protocol: int, kind: int) -> None:
    six = protocol == 58
    to = ("10.0.1.99", "fd00:0:0:1::99")[six]
    sent = packets.frame(at(1, six), (GATE, to), protocol, packets.icmp(kind))
    assert both(rig, 11, sent).answer is not None


def test_nothing_is_said_about_later_fragments(rig: Rig) -> None:
    ends = at(1), (GATE, "10.0.1.99")
    first = packets.frame(*ends, 17, packets.udp(5, 6, bytes(8)), number=7, more=True)
    later = packets.frame(*ends, 17, bytes(16), number=7, offset=2)
    assert both(rig, 11, first).answer is not None
    assert both(rig, 11, later) == Verdict(drop=Drop.UNREACHABLE)


SOURCES = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1"]


@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_said_to_more_than_one(rig: Rig, source: str) -> None:
    """Of port 4, which is not secured, the router takes any source that it has a way back to."""
    everything = [Route("0.0.0.0/0", ((9, "10.0.2.4"),)), Route("::/0", ((9, "fd00:0:0:2::4"),))]
    rig.set(*scene(second=[interface(101, 2, 254), *everything]))
    to = "fd00:0:0:2::99" if ":" in source else "10.0.2.99"
    for honest in (False, True):
        ends = (mac(4), addresses(4)[":" in source] if honest else source), (gate(101, 2), to)
        verdict = both(rig, 14, packets.frame(*ends, 17, packets.udp(5, 6)))
        assert verdict.drop == Drop.UNREACHABLE
        assert (verdict.answer is not None) == honest


def test_a_router_without_a_name_in_the_network_is_silent(rig: Rig) -> None:
    only4 = Interface("i", 7, GATE, 1500, ("10.0.0.254/24",))
    routes = [Route("fd00::/32", ((7, "10.0.0.21"),))]
    rig.set(*scene(first=[only4, *FIRST[1:], *routes]))
    assert both(rig, 11, datagram("fd00:0:0:1::99")) == Verdict(drop=Drop.UNREACHABLE)
    assert both(rig, 11, datagram("10.0.1.99")).answer is not None


def test_it_is_called_by_the_lowest_interface_that_has_the_family(rig: Rig) -> None:
    low = Interface("a", 7, "02:00:00:00:aa:01", 1500, ("fd00::aa/64",))
    middle = Interface("b", 7, "02:00:00:00:aa:02", 1500, ("10.0.0.9/24", "10.0.0.8/24"))
    rig.set(*scene(first=[*FIRST, middle, low]))
    for to, kind, speaker in (
        ("10.0.1.99", (3, 1), "10.0.0.9"),
        ("fd00:0:0:1::99", (1, 3), "fd00::aa"),
    ):
        sent = datagram(to)
        answer = error(kind, speaker, sent)
        assert told(rig, sent) == Verdict(drop=Drop.UNREACHABLE, answer=answer)


def test_routers_say_a_thousand_things_a_second_at_most(rig: Rig) -> None:
    sent = datagram("10.0.1.99")
    verdicts = [rig.from_port(11, sent) for _ in range(6000)]  # of two CPUs, in some seconds
    answered = [verdict.answer is not None for verdict in verdicts]
    assert all(verdict.drop == Drop.UNREACHABLE for verdict in verdicts)
    assert all(answered[:1000])
    assert both(rig, 11, echo("10.0.0.254")).answer is not None, "pings are answered as ever"


def test_gateways_pings_reach_the_inside(rig: Rig) -> None:
    """Port 7 is the gateway's: what it sends comes from outside, and is routed."""
    rig.set(*scene(first=[*FIRST, interface(100, 93, 1, name="transit"), *OUTSIDE]))
    frame = packets.frame((mac(7), "9.9.9.9"), (gate(100, 93), "10.0.0.21"), 1, packets.icmp(8))
    assert both(rig, 17, frame).host == OTHER


def test_checksums_of_all_ones_are_amended_right(rig: Rig) -> None:
    """RFC 1624: the sum of a header may be 0xffff or 0."""
    for number in range(0, 0x10000, 257):
        body = packets.udp(1, 2)
        sent = packets.frame(at(1), (GATE, "10.0.1.2"), 17, body, hops=64, number=number)
        frame = both(rig, 11, packets.summed(sent)).frame
        assert frame is not None
        assert checksum(frame[14:34]) == bytes(2)
