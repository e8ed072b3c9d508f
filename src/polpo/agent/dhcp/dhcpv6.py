"""DHCPv6 for one port: RFC 8415, stateful and stateless, with nothing to remember.

All of a port's addresses go into the client's first association. The server's DUID is made from
the network's number, so that a port that moves to another host finds the server it knew.
"""

from collections.abc import Iterator
from ipaddress import IPv6Address

from polpo.agent.dhcp import messages6 as wire
from polpo.agent.dhcp import values
from polpo.agent.dhcp.answers import LEASE_S, NOTED, REFUSED, Answer, Outcome
from polpo.agent.dhcp.datagrams import Question, udp
from polpo.agent.dhcp.extra import extra_options
from polpo.agent.dhcp.link import Link, family_of
from polpo.agent.dhcp.messages6 import Message, Option
from polpo.dataplane.questions import is_stateful, is_stateless
from polpo.target.rows import Subnet

SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE = range(1, 10)
INFORMATION = 11
DNS, DOMAINS, REFRESH = 23, 24, 32
TO_NOBODY = (SOLICIT, REBIND, CONFIRM)
TO_US = (REQUEST, RENEW, RELEASE, DECLINE)
PORTS = (547).to_bytes(2, "big") + (546).to_bytes(2, "big")


def answer(link: Link, question: Question) -> Answer:
    """Raises Malformed."""
    asked = wire.decode(question.payload)
    subnets = [s for s in link.subnets if is_stateful(s) or is_stateless(s)]
    if link.disabled or not subnets or not _is_for_us(link, asked):
        return REFUSED
    kind, said = (REPLY, [_unicast()]) if _is_astray(question, asked) else _said(link, asked)
    if said is None:
        return NOTED
    head = [(wire.SERVER, duid(link))]
    client = asked.first(wire.CLIENT)
    head += [(wire.CLIENT, client)] if client is not None else []
    payload = wire.encode(Message(kind, asked.xid, (*head, *said)))
    router = link.router(subnets[0])
    ends = router.address, question.source
    frame = udp((router.mac, question.mac), ends, PORTS, payload)
    return Answer(Outcome.DECLINED if asked.kind == DECLINE else Outcome.ANSWERED, (frame,))


def duid(link: Link) -> bytes:
    """By link-layer address (RFC 8415, 11.4), of the network's own."""
    return b"\0\3\0\1" + link.own.mac


def _is_for_us(link: Link, asked: Message) -> bool:
    """What each message must have and must not have (RFC 8415, section 16)."""
    client, server = asked.first(wire.CLIENT), asked.first(wire.SERVER)
    if asked.kind == INFORMATION:
        return server in (None, duid(link)) and not asked.all(wire.IA_NA)
    if asked.kind in TO_NOBODY:
        return client is not None and server is None
    return asked.kind in TO_US and client is not None and server == duid(link)


def _is_astray(question: Question, asked: Message) -> bool:
    """Sent to one address, which we have told nobody to do (RFC 8415, 18.4)."""
    return asked.kind in TO_US and question.destination[0] != 0xFF


def _unicast() -> Option:
    return wire.status(wire.USE_MULTICAST, "ask all servers, at ff02::1:2")


def _said(link: Link, asked: Message) -> tuple[int, list[Option] | None]:
    """Kind of the answer and its options; None if nothing is to be said."""
    match asked.kind:
        case 1:  # SOLICIT
            rapid = asked.first(wire.RAPID) is not None
            found = _given(link, asked) + _configuration(link, asked)
            return (REPLY, [(wire.RAPID, b""), *found]) if rapid else (ADVERTISE, found)
        case 4:  # CONFIRM
            return REPLY, _confirmed(link, asked)
        case 8 | 9:  # RELEASE, DECLINE
            return REPLY, _let_go(link, asked)
        case 11:  # INFORMATION-REQUEST
            return REPLY, _configuration(link, asked)
    return REPLY, _given(link, asked) + _configuration(link, asked)


def _addresses(link: Link) -> list[bytes]:
    """Those that are given: of SLAAC's subnets ports make their own."""
    held = link.leases(6)
    return [IPv6Address(address).packed for address, subnet in held if is_stateful(subnet)]


def _given(link: Link, asked: Message) -> list[Option]:
    """Each association of the client's with what it may have, and without what it may not."""
    own = _addresses(link)
    found = []
    for value in asked.all(wire.IA_NA):
        wanted = wire.association(value)
        inner = [wire.address(a, LEASE_S) for a in own]
        inner += [wire.address(a, 0) for a in wanted.addresses if a not in own]
        if not own:
            inner.append(_nothing(asked))
        found.append(wire.ia_na(wanted.number, LEASE_S, inner))
        own = []
    return found + _never_given(asked)


def _nothing(asked: Message) -> Option:
    if asked.kind in (RENEW, REBIND):
        return wire.status(wire.NO_BINDING, "nothing is bound here")
    return wire.status(wire.NO_ADDRESSES, "the port has no address for this")


def _never_given(asked: Message) -> list[Option]:
    """Temporary addresses, and prefixes."""
    none = wire.joined([wire.status(wire.NO_ADDRESSES, "no temporary addresses")])
    temporary = [(wire.IA_TA, wire.number(v) + none) for v in asked.all(wire.IA_TA)]
    none = wire.joined([wire.status(wire.NO_PREFIXES, "no prefixes")])
    return temporary + [
        (wire.IA_PD, wire.number(v) + bytes(8) + none) for v in asked.all(wire.IA_PD)
    ]


def _confirmed(link: Link, asked: Message) -> list[Option] | None:
    """Whether the addresses that the client has are still its own; nothing if it names none."""
    named = [a for v in asked.all(wire.IA_NA) for a in wire.association(v).addresses]
    if not named:
        return None
    if set(named) <= set(_addresses(link)):
        return [wire.status(0, "all addresses are the port's")]
    return [wire.status(wire.NOT_ON_LINK, "not all addresses are the port's")]


def _let_go(link: Link, asked: Message) -> list[Option]:
    own = set(_addresses(link))
    said = [wire.status(0, "noted")]
    for wanted in map(wire.association, asked.all(wire.IA_NA)):
        if not set(wanted.addresses) <= own:
            inner = [wire.status(wire.NO_BINDING, "not the port's")]
            said.append(wire.ia_na(wanted.number, 0, inner))
    return said


def _configuration(link: Link, asked: Message) -> list[Option]:
    """What the client names, or all of it."""
    wishes = asked.first(wire.WISHES)
    known = dict(_known([s for s in link.subnets if s.dhcp and family_of(s) == 6]))
    known |= extra_options(link.port.dhcp_options, 6, ipxe=False)
    if asked.kind != INFORMATION:
        known.pop(REFRESH, None)
    if wishes is None:
        return list(known.items())
    codes = [int.from_bytes(wishes[i : i + 2], "big") for i in range(0, len(wishes), 2)]
    return [(code, known[code]) for code in dict.fromkeys(codes) if code in known]


def _known(subnets: list[Subnet]) -> Iterator[Option]:
    servers = dict.fromkeys(server for subnet in subnets for server in subnet.dns_servers)
    if servers:
        yield DNS, b"".join(IPv6Address(server).packed for server in servers)
    domains = dict.fromkeys(subnet.domain for subnet in subnets if subnet.domain)
    if domains:
        yield DOMAINS, b"".join(map(values.domain, domains))
    yield REFRESH, LEASE_S.to_bytes(4, "big")
