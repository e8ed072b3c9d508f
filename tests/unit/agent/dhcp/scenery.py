"""One port with everything, and how to ask for it."""

import msgspec

from polpo.agent.dhcp import answering, bootp, messages6
from polpo.agent.dhcp.answers import Answer
from polpo.agent.dhcp.datagrams import icmpv6, question, udp
from polpo.agent.dhcp.link import Link
from polpo.dataplane.endpoints import link_local
from polpo.target.rows import Interface, Lease, Port, Subnet

MAC = bytes.fromhex("fa163e000001")
LOCAL = link_local(MAC)
ALL, STATIONS = b"\xff" * 4, b"\xff" * 6
AGENTS = bytes.fromhex("ff02") + bytes(10) + bytes.fromhex("00010002")
AGENTS_MAC = bytes.fromhex("333300010002")
PORTS4, PORTS6 = b"\0\x44\0\x43", (546).to_bytes(2, "big") + (547).to_bytes(2, "big")

PORT = Port(
    id="p",
    vni=7,
    mac="fa:16:3e:00:00:01",
    mtu=1450,
    policy=1,
    leases=(Lease("10.0.0.5", "s4"), Lease("fd00::5", "s6")),
    hostname="web",
)
FOUR = Subnet(
    "s4",
    "10.0.0.0/24",
    "10.0.0.1",
    ("9.9.9.9",),
    (("10.9.0.0/16", "10.0.0.9"),),
    domain="example.org",
)
SIX = Subnet(
    "s6",
    "fd00::/64",
    "fd00::1",
    ("fd00::53",),
    ra_mode="dhcpv6-stateful",
    address_mode="dhcpv6-stateful",
    domain="example.org",
)
ROUTER = Interface("r", 7, "fa:16:3e:00:00:ff", 1450, ("10.0.0.1/24", "fd00::1/64"))
LINK = Link(PORT, (FOUR, SIX))


def changed(link: Link = LINK, **port: object) -> Link:
    return msgspec.structs.replace(link, port=msgspec.structs.replace(link.port, **port))


def asked4(
    link: Link, kind: int, options: dict[int, bytes] | None = None, **head: object
) -> Answer:
    """One message of DHCPv4, as a frame from the port."""
    message = bootp.Message(bootp.REQUEST, b"xid4", MAC, {53: bytes([kind]), **(options or {})})
    message = msgspec.structs.replace(message, **head)
    source = message.ciaddr
    frame = udp((MAC, STATIONS), (source, ALL), PORTS4, bootp.encode(message))
    return answering.answer(link, frame, len(frame))


def said4(answer: Answer) -> bootp.Message:
    """The message that it says."""
    (frame,) = answer.frames
    return bootp.decode(question(frame, len(frame)).payload)


def asked6(link: Link, kind: int, *options: messages6.Option, to: bytes = AGENTS) -> Answer:
    payload = messages6.encode(messages6.Message(kind, b"xid", options))
    frame = udp((MAC, AGENTS_MAC), (LOCAL, to), PORTS6, payload)
    return answering.answer(link, frame, len(frame))


def said6(answer: Answer) -> messages6.Message:
    (frame,) = answer.frames
    return messages6.decode(question(frame, len(frame)).payload)


def solicited(link: Link, source: bytes = LOCAL, body: bytes = bytes([133]) + bytes(7)) -> Answer:
    to = bytes.fromhex("ff02") + bytes(13) + b"\2"
    frame = icmpv6((MAC, bytes.fromhex("333300000002")), (source, to), body)
    return answering.answer(link, frame, len(frame))
