"""The first policy that fits decides; nothing of it is kept for others."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from polpo.dns.plugin import Place
from polpo.dns.plugins.acl.setup import COUNTED, Policy, Rule
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.name import is_within, to_text
from polpo.dns.wire.record import Rcode, Reply

DROPPED = -1


def make(value: tuple[Rule, ...], next: Handler, place: Place) -> Handler:
    def count(action: str, zone: bytes) -> None:
        counts = place.counts
        slot = counts.slot(COUNTED[action].name, place.server, to_text(zone), place.view)
        counts.values[slot] += 1

    def acl(query: Query, answer: Answer) -> None:
        for rule in value:
            zone = max((z for z in rule.zones if is_within(query.name, z)), key=len, default=None)
            if zone is None:
                continue
            query.keep = False
            action = _decide(rule, query)
            count(action, zone)
            if action == "block":
                answer(Reply(Rcode.REFUSED, authoritative=False, plugin="acl"))
                return
            if action == "filter":
                answer(Reply(authoritative=False, plugin="acl"))
                return
            if action == "drop":
                answer(Reply(DROPPED))
                return
        next(query, answer)

    return acl


def _decide(rule: Rule, query: Query) -> str:
    address = ip_address(query.client) if query.client else None
    for policy in rule.policies:
        if _fits(policy, query.type, address):
            return policy.action
    return "allow"


def _fits(policy: Policy, type: int, address: IPv4Address | IPv6Address | None) -> bool:
    if policy.types and type not in policy.types:
        return False
    if not policy.networks:
        return True
    return address is not None and any(address in network for network in policy.networks)
