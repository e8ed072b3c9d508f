"""A NetworkPolicy -> groups, and who is in each. Pure.

What security groups cannot say is resolved here: named ports by the numbers that pods have under a
name, a block's exceptions by the prefixes that are left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from polpo.kube.selectors import LabelSelector
from polpo.model.told import Group, Rule
from polpo.policy.blocks import prefixes
from polpo.policy.members import Members, Named, port_suffix, selected
from polpo.policy.objects import Egress, Ingress, NetworkPolicy, Peer, Port
from polpo.policy.rules import Remote, rules, traffic

Numbers = Callable[[str, str, str], Iterable[int]]
"""namespace ("" for all), name and protocol of a port -> the numbers that pods have for it"""
Rules = Iterable[Ingress] | Iterable[Egress]

ALL = Members("")
"""All pods of the cluster."""


class Entry(NamedTuple):
    """`isolates`: its members may do in that direction only what rules say, "" for neither.

    `yields`: pods that are isolated in that direction are none of its members.
    """

    group: Group
    members: Members
    isolates: str = ""
    yields: str = ""


def entries(policy: NetworkPolicy, numbers: Numbers) -> dict[str, Entry]:
    """By the group's key."""
    found: dict[str, Entry] = {}
    spec = policy.spec
    for direction in directions(policy):
        given: Rules = (spec.ingress if direction == "ingress" else spec.egress) or ()
        found |= _Direction(policy, direction, numbers).entries(given)
    return found


def directions(policy: NetworkPolicy) -> list[str]:
    spec = policy.spec
    unsaid = ("Ingress", "Egress") if spec.egress else ("Ingress",)
    return [name.lower() for name in spec.policy_types or unsaid]


class _Direction:
    """One direction of one policy: what is selected may receive from its peers, or send to them."""

    def __init__(self, policy: NetworkPolicy, direction: str, numbers: Numbers) -> None:
        meta = policy.metadata
        self._namespace, self._direction, self._numbers = meta.namespace, direction, numbers
        self._key = f"policy/{meta.namespace}/{meta.name}/{direction}"
        self._selected = Members(meta.namespace, pods=selected(policy.spec.pod_selector))
        self._rules: defaultdict[Named | None, set[Rule]] = defaultdict(set)
        self._peers: set[Members] = set()

    def entries(self, given: Rules) -> dict[str, Entry]:
        for rule in given:
            for port in rule.ports or (None,):
                for peer in rule.peers or (None,):
                    self._add(port, peer)
        own = [Entry(self._group(None), self._selected, self._direction)]
        own += [Entry(self._group(p), self._selected._replace(port=p)) for p in self._rules if p]
        peers = [Entry(Group(peer_key(found)), found) for found in self._peers]
        return {entry.group.key: entry for entry in (*own, *peers)}

    def _group(self, port: Named | None) -> Group:
        return Group(self._key + port_suffix(port), tuple(sorted(self._rules.get(port, ()))))

    def _add(self, port: Port | None, peer: Peer | None) -> None:
        if port is not None and isinstance(port.port, str):
            self._add_named(port.port, protocol_of(port), peer)
            return
        low = port.port if port and isinstance(port.port, int) else 0
        what = traffic(protocol_of(port), low, port.end_port or low) if port else traffic("")
        for remote in self._remotes(peer):
            self._rules[None].update(rules(self._direction, remote, what))

    def _add_named(self, name: str, protocol: str, peer: Peer | None) -> None:
        """The name is the receiver's: what is selected, or the peer."""
        if self._direction == "ingress":
            for port in self._named(self._namespace, name, protocol):
                for remote in self._remotes(peer):
                    what = traffic(protocol, port.number, port.number)
                    self._rules[port].update(rules(self._direction, remote, what))
            return
        pods = members_of(peer, self._namespace) if peer else ALL
        if pods is not None:
            for port in self._named(pods.namespace, name, protocol):
                remote = self._pods(pods._replace(port=port))
                what = traffic(protocol, port.number, port.number)
                self._rules[None].update(rules(self._direction, remote, what))

    def _named(self, namespace: str, name: str, protocol: str) -> Iterator[Named]:
        for number in self._numbers(namespace, name, protocol):
            yield Named(name, protocol, number)

    def _remotes(self, peer: Peer | None) -> list[Remote]:
        if peer is None:
            return [Remote()]
        if peer.ip_block is not None:
            return [Remote(prefix=str(prefix)) for prefix in prefixes(peer.ip_block)]
        found = members_of(peer, self._namespace)
        return [self._pods(found)] if found is not None else []

    def _pods(self, found: Members) -> Remote:
        self._peers.add(found)
        return Remote(group=peer_key(found))


def members_of(peer: Peer, namespace: str) -> Members | None:
    """The pods that a peer selects; None where it selects no pods."""
    pods, namespaces = peer.pod_selector, peer.namespace_selector
    if pods is None and namespaces is None:
        return None
    wanted = selected(pods or LabelSelector())
    if namespaces is None:
        return Members(namespace, pods=wanted)
    return Members("", selected(namespaces), wanted)


def peer_key(members: Members) -> str:
    """Policies that speak of the same pods share a group."""
    return f"peer/{members}"


def protocol_of(port: Port) -> str:
    return (port.protocol or "TCP").lower()
