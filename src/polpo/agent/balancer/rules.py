"""Reconciler of the load balancers' nftables tables: written whole, known by how they were shown.

As gateways' (agent/gateway/rules.py), without anything that remembers what has passed.
"""

from collections.abc import Mapping
from typing import NamedTuple

from polpo.agent.balancer.instances import Instance
from polpo.agent.balancer.ruleset import TABLES
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, nftables
from polpo.target.changes import Changes

ALTERED = ""


class _Written(NamedTuple):
    """`namespace`: its inode; generation and listing as they were with these rules."""

    rules: str
    namespace: int | None
    generation: int
    listing: str


class Rules:
    """`in_place`: those that have rules of ours, of whatever age."""

    noun = "balancer rules"

    def __init__(self, instances: Mapping[int, Instance]) -> None:
        self._instances = instances
        self._written: dict[int, _Written] = {}
        self.in_place: set[int] = set()

    def wanted(self) -> dict[int, str]:
        return {vni: instance.rules for vni, instance in self._instances.items()}

    def read_actual(self) -> dict[int, str]:
        self._written = {v: w for v, w in self._written.items() if v in self._instances}
        read = {vni: self._read(vni, instance.netns) for vni, instance in self._instances.items()}
        found = {vni: rules for vni, rules in read.items() if rules is not None}
        self.in_place = set(found)
        return found

    def _read(self, vni: int, name: str) -> str | None:
        identity, written = netns.identity(name), self._written.get(vni)
        if identity is None:
            return None
        if written is None or written.namespace != identity:
            return ALTERED if netns.inside(name, _listing) else None
        generation = netns.inside(name, nftables.generation)
        if generation == written.generation:
            return written.rules
        listing = netns.inside(name, _listing)
        if listing == written.listing:
            self._written[vni] = written._replace(generation=generation)
            return written.rules
        return ALTERED if listing else None

    def apply(self, changes: Changes[int, str]) -> Failures[int]:
        return one_by_one(changes, self._put, lambda vni: None)  # they go with the namespace

    def _put(self, vni: int, rules: str) -> None:
        name = self._instances[vni].netns

        def write() -> tuple[int, str]:
            nftables.apply(rules)
            return nftables.generation(), _listing()

        self._written[vni] = _Written(rules, netns.identity(name), *netns.inside(name, write))
        self.in_place.add(vni)


def _listing() -> str:
    return "".join(map(nftables.show, TABLES))
