"""A ClusterNetworkPolicy -> groups of ordered rules, and who is in each. Pure.

As the API asks of whoever meets a peer (or protocols) of a kind that it does not know, it fails
closed: such a rule accepts nothing, and one that denies or passes denies everything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from polpo.kube.selectors import LabelSelector
from polpo.model.told import Group, Rule
from polpo.policy.addresses import WILDCARD, domain_key, nodes_key
from polpo.policy.blocks import prefixes
from polpo.policy.compiling import ALL, Entry, Numbers, peer_key
from polpo.policy.members import Members, Named, port_suffix, selected
from polpo.policy.objects import (
    ClusterNetworkPolicy,
    IPBlock,
    Protocol,
    ProtocolPorts,
    Target,
    TieredEgress,
    TieredIngress,
)
from polpo.policy.rules import Remote, Traffic, rules, traffic

TIERS = {"Admin": "admin", "Baseline": "baseline"}
ACTIONS = {"Accept": "allow", "Deny": "deny", "Pass": "pass"}
STEP = 128
"""Orders for the rules of one policy, of which the API allows 25 in a direction."""
PROTOCOLS = ("tcp", "udp", "sctp")

Tiered = TieredIngress | TieredEgress


def tiered_entries(policy: ClusterNetworkPolicy, numbers: Numbers) -> dict[str, Entry]:
    """By the group's key. A tier or an action of a kind that we do not know says nothing."""
    found: dict[str, Entry] = {}
    members, tier = members_of(policy.spec.subject), TIERS.get(policy.spec.tier)
    given: dict[str, Iterable[Tiered]] = {
        "ingress": policy.spec.ingress or (),
        "egress": policy.spec.egress or (),
    }
    for direction, own in given.items():
        if own and members is not None and tier is not None:
            found |= _Direction(policy, tier, members, direction, numbers).entries(own)
    return found


def members_of(target: Target) -> Members | None:
    """The pods that a subject or peer selects; None where it selects no pods."""
    if target.namespaces is not None:
        return Members("", selected(target.namespaces))
    if target.pods is not None:
        there = selected(target.pods.namespace_selector or LabelSelector())
        return Members("", there, selected(target.pods.pod_selector or LabelSelector()))
    return None


class _Direction:
    def __init__(
        self,
        policy: ClusterNetworkPolicy,
        tier: str,
        subject: Members,
        direction: str,
        numbers: Numbers,
    ) -> None:
        self._tier, self._subject, self._direction = tier, subject, direction
        self._numbers, self._first = numbers, 1 + policy.spec.priority * STEP
        self._key = f"{tier}/{policy.metadata.name}/{direction}"
        self._rules: defaultdict[Named | None, set[Rule]] = defaultdict(set)
        self._peers: set[Members] = set()

    def entries(self, given: Iterable[Tiered]) -> dict[str, Entry]:
        for place, rule in enumerate(given):
            if rule.action in ACTIONS:
                self._add(rule, self._first + min(place, STEP - 1))
        yields = self._direction if self._tier == "baseline" else ""
        found = [Entry(Group(peer_key(peer)), peer) for peer in self._peers]
        for port in {None, *self._rules}:
            group = Group(self._key + port_suffix(port), tuple(sorted(self._rules.get(port, ()))))
            found.append(Entry(group, self._subject._replace(port=port), yields=yields))
        return {entry.group.key: entry for entry in found}

    def _add(self, rule: Tiered, order: int) -> None:
        known = not any(faults(rule))
        if not known and rule.action != "Accept":
            self._put(None, Remote(), Traffic(), "deny", order)
        for peer in rule.peers if known else ():
            for port, remote, what in self._matches(peer, rule.protocols):
                self._put(port, remote, what, ACTIONS[rule.action], order)

    def _put(
        self, port: Named | None, remote: Remote, what: Traffic, action: str, order: int
    ) -> None:
        for rule in rules(self._direction, remote, what):
            self._rules[port].add(replace(rule, tier=self._tier, action=action, order=order))

    def _matches(
        self, peer: Target, protocols: tuple[Protocol, ...] | None
    ) -> Iterator[tuple[Named | None, Remote, Traffic]]:
        """(port that the subject must have under its name, remote, traffic)"""
        if protocols is None:
            yield from ((None, remote, Traffic()) for remote in self._remotes(peer))
        for protocol in protocols or ():
            if protocol.destination_named_port:
                yield from self._named(peer, protocol.destination_named_port)
            else:
                what = _traffic(protocol)
                yield from ((None, remote, what) for remote in self._remotes(peer))

    def _named(self, peer: Target, name: str) -> Iterator[tuple[Named | None, Remote, Traffic]]:
        """The name is the receiver's: the subject, or the peer. Networks have no names of ports."""
        pods = members_of(peer)
        receivers = self._subject if self._direction == "ingress" else pods or ALL
        for protocol in PROTOCOLS:
            for number in self._numbers(receivers.namespace, name, protocol):
                port, what = Named(name, protocol, number), traffic(protocol, number, number)
                if self._direction == "ingress":
                    yield from ((port, remote, what) for remote in self._remotes(peer))
                elif pods is not None:
                    yield None, self._pods(pods._replace(port=port)), what

    def _remotes(self, peer: Target) -> list[Remote]:
        pods = members_of(peer)
        if pods is not None:
            return [self._pods(pods)]
        if peer.nodes is not None:
            return [Remote(addresses=nodes_key(peer.nodes))]
        if peer.domain_names is not None:
            return [Remote(addresses=domain_key(name)) for name in peer.domain_names]
        blocks = [prefixes(IPBlock(cidr)) for cidr in peer.networks or ()]
        return [Remote(prefix=str(prefix)) for block in blocks for prefix in block]

    def _pods(self, found: Members) -> Remote:
        self._peers.add(found)
        return Remote(group=peer_key(found))


def faults(rule: Tiered) -> Iterator[str]:
    """What keeps a rule from being followed, with the field that it is about."""
    field = "from" if isinstance(rule, TieredIngress) else "to"
    for n, peer in enumerate(rule.peers):
        if not _is_known(peer):
            yield f"{field}[{n}]: of a kind that is not known here"
        if peer.domain_names is not None and rule.action != "Accept":
            yield f"{field}[{n}].domainNames: only with the action Accept"
        for m, name in enumerate(peer.domain_names or ()):
            if "*" in name.removeprefix(WILDCARD):
                yield f"{field}[{n}].domainNames[{m}]: a wildcard is all of the first label"
    for n, protocol in enumerate(rule.protocols or ()):
        if not _is_known(protocol):
            yield f"protocols[{n}]: of a kind that is not known here"


def _is_known(one: msgspec.Struct) -> bool:
    return any(getattr(one, name) is not None for name in one.__struct_fields__)


def _traffic(protocol: Protocol) -> Traffic:
    for name in PROTOCOLS:
        ports: ProtocolPorts | None = getattr(protocol, name)
        if ports is not None:
            to = ports.destination_port
            if to is not None and to.range is not None:
                return traffic(name, to.range.start, to.range.end)
            number = to.number if to is not None and to.number else 0
            return traffic(name, number, number)
    raise AssertionError("one of the protocols is set")
