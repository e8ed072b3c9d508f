"""Router advertisements: RFC 4861 (6.2.3), 4862, 8106.

One for each router that a subnet has as its gateway, and one, with a lifetime of 0, for subnets
that have none: their prefixes count, their sender routes nothing.
"""

import struct
from ipaddress import IPv6Address, IPv6Network

import msgspec

from polpo.agent.dhcp import values
from polpo.agent.dhcp.answers import REFUSED, Answer, Outcome
from polpo.agent.dhcp.datagrams import Question, icmpv6
from polpo.agent.dhcp.link import Link, Router, family_of
from polpo.dataplane.frames import ALL_NODES, ALL_NODES_MAC, Malformed
from polpo.dataplane.questions import STATEFUL, STATELESS
from polpo.dataplane.tables import ANY6
from polpo.target.rows import Subnet

SOLICITATION, ADVERTISEMENT = 133, 134
SOURCE, PREFIX, MTU, DNS, DOMAINS = 1, 3, 5, 25, 31
MANAGED, OTHER = 0x80, 0x40
ON_LINK, AUTONOMOUS = 0x80, 0x40
HOP_LIMIT = 64  # CurHopLimit
ROUTER_S = 1800  # AdvDefaultLifetime
VALID_S, PREFERRED_S = 86400, 14400
NAMES_S = 1800  # of DNS servers and domains: three times the longest silence between two


class Advertisement(msgspec.Struct, frozen=True):
    """What one router has to say to a port."""

    router: Router
    mtu: int
    subnets: tuple[Subnet, ...]


def advertisements(link: Link) -> tuple[Advertisement, ...]:
    """Whoever forwards is first."""
    found: dict[Router, list[Subnet]] = {}
    for subnet in () if link.disabled else link.subnets:
        if subnet.dhcp and subnet.ra_mode and family_of(subnet) == 6:
            found.setdefault(link.router(subnet), []).append(subnet)
    order = sorted(found, key=lambda router: (not router.forwards, router.mac))
    return tuple(Advertisement(r, link.port.mtu, tuple(found[r])) for r in order)


def answer(link: Link, question: Question) -> Answer:
    """To a solicitation; one for each router. Raises Malformed."""
    _check(question)
    to = (question.mac, question.source)
    if question.source == ANY6:
        to = (ALL_NODES_MAC, ALL_NODES)
    found = advertisements(link)
    return Answer(Outcome.ANSWERED, tuple(frame(said, *to) for said in found)) if found else REFUSED


def _check(question: Question) -> None:
    """RFC 4861, 6.1.1; the switch has looked at the hop limit."""
    body = question.payload
    if len(body) < 8 or body[0] != SOLICITATION or body[1]:
        raise Malformed
    at = 8
    while at < len(body):
        if at + 2 > len(body) or not body[at + 1] or at + body[at + 1] * 8 > len(body):
            raise Malformed
        if body[at] == SOURCE and question.source == ANY6:
            raise Malformed
        at += body[at + 1] * 8


def frame(
    said: Advertisement, mac: bytes = ALL_NODES_MAC, to: bytes = ALL_NODES, last: bool = False
) -> bytes:
    """`last`: this router is one no more (RFC 4861, 6.2.5)."""
    lifetime_s = ROUTER_S if said.router.forwards and not last else 0
    head = struct.pack(
        "!BBHBBHII", ADVERTISEMENT, 0, 0, HOP_LIMIT, _flags(said.subnets), lifetime_s, 0, 0
    )
    options = bytes([SOURCE, 1]) + said.router.mac
    options += struct.pack("!BBHI", MTU, 1, 0, said.mtu)
    options += b"".join(_prefix(subnet) for subnet in said.subnets)
    options += _dns(said.subnets) + _domains(said.subnets)
    return icmpv6((said.router.mac, mac), (said.router.address, to), head + options)


def _flags(subnets: tuple[Subnet, ...]) -> int:
    modes = {subnet.ra_mode for subnet in subnets}
    return MANAGED * (STATEFUL in modes) | OTHER * (STATELESS in modes)


def _prefix(subnet: Subnet) -> bytes:
    network = IPv6Network(subnet.cidr)
    flags = ON_LINK | AUTONOMOUS * (subnet.ra_mode != STATEFUL)
    fields = PREFIX, 4, network.prefixlen, flags, VALID_S, PREFERRED_S, 0
    return struct.pack("!BBBBIII", *fields) + network.network_address.packed


def _dns(subnets: tuple[Subnet, ...]) -> bytes:
    servers = dict.fromkeys(server for subnet in subnets for server in subnet.dns_servers)
    if not servers:
        return b""
    packed = b"".join(IPv6Address(server).packed for server in servers)
    return struct.pack("!BBHI", DNS, 1 + 2 * len(servers), 0, NAMES_S) + packed


def _domains(subnets: tuple[Subnet, ...]) -> bytes:
    domains = dict.fromkeys(subnet.domain for subnet in subnets if subnet.domain)
    if not domains:
        return b""
    packed = b"".join(map(values.domain, domains))
    packed += bytes(-len(packed) % 8)
    return struct.pack("!BBHI", DOMAINS, 1 + len(packed) // 8, 0, NAMES_S) + packed
