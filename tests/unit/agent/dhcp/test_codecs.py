"""Whatever bytes come, nothing breaks; and what is said can be read."""

import struct

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.agent.dhcp.scenery import (
    AGENTS,
    ALL,
    LINK,
    LOCAL,
    MAC,
    PORTS4,
    PORTS6,
    ROUTER,
    STATIONS,
)

from polpo.agent.dhcp import answering, bootp, dhcpv6, messages6
from polpo.agent.dhcp.answers import Answer, Outcome
from polpo.agent.dhcp.datagrams import icmpv6, question, udp
from polpo.agent.dhcp.link import Link
from polpo.dataplane.frames import checksum

LINKS = st.sampled_from((LINK, Link(LINK.port), Link(LINK.port, LINK.subnets, (ROUTER,))))
codes = st.sampled_from((12, 50, 51, 53, 54, 55, 57, 61, 77, 175)) | st.integers(1, 254)
options4 = st.dictionaries(codes, st.binary(max_size=300), max_size=6)
addresses = st.sampled_from((bytes(4), bytes([10, 0, 0, 5]), bytes([10, 0, 0, 1])))
messages4 = st.builds(
    bootp.Message,
    op=st.just(1),
    xid=st.binary(min_size=4, max_size=4),
    mac=st.just(MAC),
    options=st.builds(lambda kind, rest: {53: bytes([kind]), **rest}, st.integers(1, 9), options4),
    seconds=st.integers(0, 65535),
    broadcast=st.booleans(),
    ciaddr=addresses,
)
known6 = st.sampled_from(
    (
        (1, b"\0\3\0\1" + MAC),
        (2, dhcpv6.duid(LINK)),
        (3, b"iaid" + bytes(8)),
        (6, b"\0\x17\0\x18"),
        (14, b""),
    )
)
options6 = st.lists(
    known6 | st.tuples(st.integers(1, 90), st.binary(max_size=60)), max_size=8, unique=True
)
messages6_ = st.builds(
    messages6.Message,
    kind=st.integers(1, 13),
    xid=st.binary(min_size=3, max_size=3),
    options=options6.map(tuple),
)


def is_sound(link: Link, said: Answer) -> None:
    """Every frame has right checksums, and is read as what it is."""
    if said.outcome != Outcome.DECLINED:
        assert bool(said.frames) == (said.outcome == Outcome.ANSWERED)
    for frame in said.frames:
        assert len(frame) <= 14 + link.port.mtu
        told = question(frame, len(frame))
        ends = told.source + told.destination
        six = len(ends) == 32
        body = frame[54 if six else 34 :]
        pseudo = ends + struct.pack("!II", len(body), 58 if told.solicits else 17)
        assert checksum(pseudo + body) == b"\0\0"
        assert six or checksum(frame[14:34]) == b"\0\0"
        if not told.solicits:
            (messages6.decode if six else bootp.decode)(told.payload)


@given(LINKS, st.binary(max_size=1600), st.integers(0, 2000))
@example(LINK, b"", 0)
def test_any_bytes_are_answered_or_refused(link: Link, frame: bytes, length: int) -> None:
    answering.service_of(frame)
    is_sound(link, answering.answer(link, frame, length))


@given(LINKS, st.binary(max_size=600), st.sampled_from(("4", "6", "nd")))
def test_any_payload_is_answered_or_refused(link: Link, payload: bytes, kind: str) -> None:
    six = (MAC, b"\x33\x33\0\1\0\2"), (LOCAL, AGENTS)
    frame = {
        "4": udp((MAC, STATIONS), (bytes(4), ALL), PORTS4, payload),
        "6": udp(*six, PORTS6, payload),
        "nd": icmpv6(*six, bytes([133, 0, 0, 0]) + payload),
    }[kind]
    is_sound(link, answering.answer(link, frame, len(frame)))


@settings(max_examples=300)
@given(LINKS, messages4, st.data())
def test_dhcpv4_comes_back_and_is_answered(
    link: Link, message: bootp.Message, data: st.DataObject
) -> None:
    payload = bootp.encode(message)
    read = bootp.decode(payload)
    assert (read.xid, read.ciaddr, read.broadcast) == (
        message.xid,
        message.ciaddr,
        message.broadcast,
    )
    if 52 not in message.options:
        assert dict(read.options) == dict(message.options)
    cut = payload[: data.draw(st.integers(0, len(payload)))]
    for said in (payload, cut):
        frame = udp((MAC, STATIONS), (bytes(4), ALL), PORTS4, said)
        is_sound(link, answering.answer(link, frame, len(frame)))


@settings(max_examples=300)
@given(LINKS, messages6_, st.data())
def test_dhcpv6_comes_back_and_is_answered(
    link: Link, message: messages6.Message, data: st.DataObject
) -> None:
    payload = messages6.encode(message)
    assert messages6.decode(payload) == message
    cut = payload[: data.draw(st.integers(0, len(payload)))]
    for said in (payload, cut):
        frame = udp((MAC, b"\x33\x33\0\1\0\2"), (LOCAL, AGENTS), PORTS6, said)
        is_sound(link, answering.answer(link, frame, len(frame)))
