"""What is over a port's limit is dropped, and nothing else. At 1 kbit/s time stands still."""

import struct

import msgspec
import pytest
from tests.dataplane import packets
from tests.dataplane.rig import SENT, Rig, within
from tests.dataplane.scenes import ALL, SUBNETS, addresses, mac, scene

from polpo.dataplane.limits import LEAST_BURST_BYTES
from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import Limit, Port, Rule

OUT = tuple(rule for rule in ALL if not rule.ingress)
OVER = Verdict(drop=Drop.OVER_LIMIT)
SLOW = Limit(1, 0)
SIZE = 1000
FITS = LEAST_BURST_BYTES // SIZE
IFINDEX, GSO_SEGS, GSO_SIZE = 10, 41, 44  # words of struct __sk_buff


def limit(rig: Rig, policies: dict[int, tuple[Rule, ...]], **limits: Limit) -> None:
    """Port 1 has the limits; policies: as of `scene`, port 2 has the second."""
    slices, plugs = scene(policies, {2: 2 if 2 in policies else 1}, SUBNETS)
    slices["host/a"] = [
        msgspec.structs.replace(row, **limits) if isinstance(row, Port) and row.id == "p1" else row
        for row in slices["host/a"]
    ]
    rig.set(slices, plugs)


def datagram(sender: int, to: int, size: int = SIZE, port: int = 9) -> bytes:
    ends = (mac(sender), addresses(sender)[0]), (mac(to), addresses(to)[0])
    return packets.frame(*ends, 17, packets.udp(1, port, bytes(size - 42)))


def test_a_burst_may_be_sent_and_no_more(rig: Rig) -> None:
    limit(rig, {1: ALL}, egress=SLOW)
    verdicts = [rig.from_port(11, datagram(1, 2)) for _ in range(FITS + 3)]
    assert verdicts == [Verdict(port=12)] * FITS + [OVER] * 3
    for number in (2, 3):
        assert rig.from_port(10 + number, datagram(number, 1)) == Verdict(port=11), "others may"
    for to in (1, 21, 33):
        assert rig.from_port(11, datagram(1, to)) == OVER, "wherever it would go"


def test_a_burst_may_be_received_and_no_more(rig: Rig) -> None:
    limit(rig, {1: ALL}, ingress=SLOW)
    sent = [rig.from_port(12, datagram(2, 1)) for _ in range(FITS)]
    assert sent == [Verdict(port=11)] * FITS
    assert rig.from_port(13, datagram(3, 1)) == OVER, "whoever sends it"
    assert rig.from_overlay(7, "192.0.2.2", datagram(21, 1)) == OVER
    assert rig.from_port(11, datagram(1, 2)) == Verdict(port=12), "the other way is free"


def test_what_a_burst_is_can_be_said(rig: Rig) -> None:
    limit(rig, {1: ALL}, egress=Limit(1, 800))
    verdicts = [rig.from_port(11, datagram(1, 2)) for _ in range(101)]
    assert verdicts == [Verdict(port=12)] * 100 + [OVER]


def test_what_policies_drop_is_not_counted(rig: Rig) -> None:
    limit(rig, {1: (Rule(ingress=True, family=4, prefix="10.0.0.2"), *OUT)}, ingress=SLOW)
    for _ in range(FITS + 3):
        assert rig.from_port(13, datagram(3, 1)) == Verdict(drop=Drop.INGRESS_POLICY)
    assert rig.from_port(12, datagram(2, 1)) == Verdict(port=11)


def test_what_may_not_leave_is_not_counted(rig: Rig) -> None:
    limit(rig, {1: (Rule(ingress=False, family=4, protocol=17, low=9, high=9),)}, egress=SLOW)
    for _ in range(FITS + 3):
        verdict = rig.from_port(11, datagram(1, 21, port=10))
        assert verdict == Verdict(drop=Drop.EGRESS_POLICY)
    assert rig.from_port(11, datagram(1, 21)).host


def test_copies_for_a_port_count_as_what_it_receives(rig: Rig) -> None:
    limit(rig, {1: ALL}, ingress=SLOW)
    to = ("01:00:5e:00:00:12", "224.0.0.18")
    frame = packets.frame((mac(2), addresses(2)[0]), to, 17, packets.udp(1, 2, bytes(SIZE - 42)))
    copies = [rig.from_port(12, frame).copies for _ in range(FITS)]
    assert len(set(copies)) == 1
    assert copies[0]
    before = rig.drops()[Drop.OVER_LIMIT]
    with within(rig.namespace):
        rig.switch.programs["from_port"].run(frame, context(12))
    assert rig.drops()[Drop.OVER_LIMIT] == before + 1


def test_what_the_network_answers_itself_is_free(rig: Rig) -> None:
    limit(rig, {1: ALL}, egress=SLOW)
    while rig.from_port(11, datagram(1, 2)) != OVER:
        pass
    asks = packets.arp(mac(1), True, (mac(1), addresses(1)[0]), (mac(0), addresses(2)[0]))
    assert rig.from_port(11, asks).answer
    everybody = (packets.BROADCAST, "255.255.255.255")
    discover = packets.frame((mac(1), "0.0.0.0"), everybody, 17, packets.udp(68, 67))
    assert rig.from_port(11, discover).asked
    unknown = packets.arp(mac(1), True, (mac(1), addresses(1)[0]), (mac(0), "10.0.0.77"))
    assert any(rig.from_port(11, unknown) == OVER for _ in range(1000))


def context(ifindex: int, segments: int = 0, size: int = 0) -> bytes:
    words = [0] * 48
    words[IFINDEX], words[GSO_SEGS], words[GSO_SIZE] = ifindex, segments, size
    return struct.pack("=48I", *words)


@pytest.mark.parametrize(
    ("payload", "size"), [(1448, 1448), (1449, 1448), (3000, 1448), (3000, 100), (3001, 100)]
)
def test_each_segment_of_a_large_packet_has_headers(rig: Rig, payload: int, size: int) -> None:
    limit(rig, {1: ALL}, egress=SLOW)
    ends = (mac(1), addresses(1)[0]), (mac(21), addresses(21)[0])
    with_options = packets.tcp(1, 2, 16)[:12] + b"\x80" + packets.tcp(1, 2, 16)[13:] + bytes(12)
    segments = -(-payload // size)
    wire = 66 * segments + payload
    run = rig.switch.programs["from_port"].run
    frame = packets.frame(*ends, 6, with_options + bytes(payload))
    with within(rig.namespace):
        passed = 0
        while run(frame, context(11, segments, size)).result == SENT:
            passed += 1
    assert passed == LEAST_BURST_BYTES // wire


def test_a_packet_larger_than_a_burst_passes_when_nothing_else_does(rig: Rig) -> None:
    limit(rig, {1: ALL}, egress=SLOW)
    ends = (mac(1), addresses(1)[0]), (mac(21), addresses(21)[0])
    frame = packets.frame(*ends, 6, packets.tcp(1, 2, 16) + bytes(3000))
    with within(rig.namespace):
        run = rig.switch.programs["from_port"].run
        assert run(frame, context(11, 3000, 1)).result == SENT
        assert run(frame, context(11, 3000, 1)).result != SENT
