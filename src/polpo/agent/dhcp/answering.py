"""A frame that the switch handed over -> what is said to it, by which service."""

import enum

from polpo.agent.dhcp import advertisement, dhcpv4, dhcpv6
from polpo.agent.dhcp.answers import REFUSED, Answer, Outcome
from polpo.agent.dhcp.datagrams import Question, question
from polpo.agent.dhcp.link import Link
from polpo.dataplane.frames import ICMPV6, Malformed

ETHERNET = 14
_MALFORMED = Answer(Outcome.MALFORMED)


class Service(enum.StrEnum):
    """For the metrics."""

    DHCPV4 = "dhcpv4"
    DHCPV6 = "dhcpv6"
    ROUTER = "router"


_ANSWERS = {
    Service.DHCPV4: dhcpv4.answer,
    Service.DHCPV6: dhcpv6.answer,
    Service.ROUTER: advertisement.answer,
}


def service_of(frame: bytes) -> Service:
    """By the headers only, so that what is malformed further in has one, too."""
    if frame[12:14] != b"\x86\xdd":
        return Service.DHCPV4
    return Service.ROUTER if frame[20:21] == bytes([ICMPV6]) else Service.DHCPV6


def answer(link: Link, frame: bytes, length: int) -> Answer:
    """`length` is what the frame had on the wire, though less of it may be here."""
    try:
        asked = question(frame, length)
        said = _ANSWERS[_service(asked)](link, asked)
    except Malformed:
        return _MALFORMED
    most = ETHERNET + link.port.mtu
    return said if all(len(frame) <= most for frame in said.frames) else REFUSED


def _service(asked: Question) -> Service:
    if asked.solicits:
        return Service.ROUTER
    return Service.DHCPV4 if asked.family == 4 else Service.DHCPV6
