"""What a gateway's namespace makes of a packet from inside: its nftables rules, in plain Python.

The rules themselves are in agent/gateway/ruleset.py. Pure.
"""

from ipaddress import ip_address, ip_interface, ip_network

import msgspec
from msgspec.structs import replace

from polpo.model.protocol import NUMBERS
from polpo.target.forwarding import Forwarding
from polpo.target.rows import Gateway

INSIDE = "inside"


class Packet(msgspec.Struct, frozen=True):
    source: str
    to: str
    protocol: int
    number: int = 0  # destination port


class Outcome(msgspec.Struct, frozen=True):
    """`fate`: outside, inside (back to the router), peer, own (it is for the gateway) or dropped.

    aimed, packet  after the translation of the destination, and of the source
    next_hop       outside; the destination itself where it is on the link
    reason         a word: why it is dropped
    """

    fate: str
    aimed: Packet
    packet: Packet
    next_hop: str = ""
    reason: str = ""


def pass_through(row: Gateway, packet: Packet, active: bool, from_peer: bool = False) -> Outcome:
    """What an instance makes of what came from inside, or from its peer."""
    if not active and from_peer:
        return Outcome("dropped", packet, packet, reason="nobody_active")
    if not active:
        return Outcome("peer", packet, packet)
    aimed = _aimed(row, packet)
    if aimed.to in {text.partition("/")[0] for text in row.external}:
        return Outcome("own", aimed, aimed)
    hop = _next_hop(row, aimed.to)
    if hop is None:
        return Outcome("dropped", aimed, aimed, reason="no_route_outside")
    if hop == INSIDE:
        if aimed == packet:
            return Outcome("dropped", aimed, aimed, reason="not_translated")
        return Outcome("inside", aimed, _hidden(row, aimed, hairpin=True))
    left = _hidden(row, aimed, hairpin=False)
    if left == packet and not _within(left.source, row.routed):
        return Outcome("dropped", aimed, left, reason="not_translated")
    return Outcome("outside", aimed, left, hop)


def _aimed(row: Gateway, packet: Packet) -> Packet:
    """The destination as port forwardings and floating IPs have it; the former go first."""
    for forwarding in row.forwardings:
        if _is_for(forwarding, packet):
            shift = 0 if forwarding.one else packet.number - forwarding.first
            number = forwarding.port + shift
            return replace(packet, to=forwarding.fixed, number=number)
    return replace(packet, to=dict(row.floating).get(packet.to, packet.to))


def _is_for(f: Forwarding, packet: Packet) -> bool:
    same = (f.floating, NUMBERS[f.protocol]) == (packet.to, packet.protocol)
    return same and f.first <= packet.number <= f.last


def _hidden(row: Gateway, packet: Packet, hairpin: bool) -> Packet:
    """The source as the outside sees it: its floating IP, or the router's own address."""
    if ":" in packet.source:
        return packet
    for floating, fixed in row.floating:
        if fixed == packet.source:
            return replace(packet, source=floating)
    own = next((str(ip_interface(a).ip) for a in row.external if ":" not in a), None)
    if own and (hairpin or _within(packet.source, row.snat)):
        return replace(packet, source=own)
    return packet


def _next_hop(row: Gateway, to: str) -> str | None:
    """By the longest prefix; INSIDE for the router's own, None if there is no way."""
    ways = [(prefix, INSIDE) for prefix in row.inside]
    ways += [(prefix, to) for prefix in (*row.external, *row.on_link)]
    ways += [(prefix, hops[0]) for prefix, hops in row.routes]
    ways += [("::/0" if ":" in hop else "0.0.0.0/0", hop) for hop in row.next_hops]
    found = [(prefix, hop) for prefix, hop in ways if _within(to, (prefix,))]
    return max(found, key=_length, default=("", None))[1]


def _length(way: tuple[str, str]) -> int:
    return ip_network(way[0], strict=False).prefixlen


def _within(address: str, prefixes: tuple[str, ...]) -> bool:
    return any(ip_address(address) in ip_network(prefix, strict=False) for prefix in prefixes)
