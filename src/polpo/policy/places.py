"""Which address groups policies name, what is in each, and which to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Set

from polpo.kube.objects import Node
from polpo.kube.reflection import Change
from polpo.model.told import Addresses
from polpo.policy.addresses import (
    NODES,
    NodeAddresses,
    Places,
    addresses,
    domain_key,
    domain_of,
    node_addresses,
)


class PlaceIndex:
    """`touched` are keys of groups that may be others now."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self._nodes: dict[str, NodeAddresses] = {}
        self._domains: dict[str, Set[str]] = {}
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        self._uses: dict[str, set[str]] = {}

    @property
    def domains(self) -> set[str]:
        """The names that policies speak of."""
        return {domain_of(key) for key in self._users} - {""}

    def nodes(self, changes: Iterable[Change[Node]]) -> None:
        for change in changes:
            now = node_addresses(change.object) if change.object is not None else None
            before = self._nodes.pop(change.key, None)
            if now is not None:
                self._nodes[change.key] = now
            if now != before:
                self.touched |= {key for key in self._users if key.startswith(NODES)}

    def node_addresses(self) -> set[str]:
        """Of all nodes."""
        return {address for node in self._nodes.values() for address in node.addresses}

    def users(self, domain: str) -> set[str]:
        """Keys of the policies that name it."""
        return set(self._users.get(domain_key(domain), ()))

    def resolved(self, name: str, to: Set[str]) -> bool:
        """What a domain's name stands for now; answers whether that is something else."""
        if domain_key(name) not in self._users or self._domains.get(name, frozenset()) == to:
            return False
        self._domains[name] = to
        self.touched.add(domain_key(name))
        return True

    def use(self, policy: str, keys: set[str]) -> None:
        """A policy names these, and no others."""
        before = self._uses.pop(policy, set())
        if keys:
            self._uses[policy] = keys
        for key in keys - before:
            self._users[key].add(policy)
        for key in before - keys:
            self._users[key].discard(policy)
            if not self._users[key]:
                del self._users[key]
                self._domains.pop(domain_of(key), None)
        self.touched |= keys ^ before

    def get(self, key: str) -> Addresses | None:
        """None of one that no policy names."""
        places = Places(self._nodes, self._domains)
        return addresses(key, places) if key in self._users else None
