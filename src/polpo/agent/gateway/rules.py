"""Reconciler of the gateways' nftables tables, in one transaction: the rules are written whole.

Of the limits, which remember what has passed, only those that have changed are, if nobody else has
touched the tables.

What we wrote is known by how the kernel showed it right after. A table that shows otherwise now has
been changed by somebody; one that we have not written ourselves (the agent has just started) is
written again, which moves no connection: their translations are conntrack's.
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from polpo.agent.gateway import limits
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.ruleset import TABLE
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, nftables
from polpo.target.changes import Changes
from polpo.target.rows import Gateway

ALTERED = ""


class _Written(NamedTuple):
    """`namespace`: its inode; generation and listing as they were with this row's rules."""

    row: Gateway
    rules: str
    namespace: int | None
    generation: int
    listing: str


class Rules:
    """`in_place`: the routers that have rules of ours, of whatever age."""

    noun = "rules"

    def __init__(self, instances: Mapping[int, Instance]) -> None:
        self._instances = instances
        self._written: dict[int, _Written] = {}
        self._doubts: Counter[int] = Counter()
        self.in_place: set[int] = set()

    def doubts(self, vni: int) -> int:
        """How often its rules had to be written again: what passed meanwhile is anybody's guess."""
        return self._doubts[vni]

    def placed(self) -> dict[int, Gateway]:
        """The rows whose rules are in place: of one that has been refused, the former."""
        wanted = self.wanted()
        return {
            vni: self._instances[vni].row if written.rules == wanted[vni] else written.row
            for vni, written in self._written.items()
            if vni in self.in_place and vni in wanted
        }

    def wanted(self) -> dict[int, str]:
        return {vni: instance.rules + instance.limits for vni, instance in self._instances.items()}

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
        instance, before = self._instances[vni], self._written.get(vni)
        identity = netns.identity(instance.netns)
        generation = netns.inside(instance.netns, nftables.generation)
        if before is None or (before.namespace, before.generation) != (identity, generation):
            before = None
            self._doubts[vni] += 1
        generation, listing = netns.inside(instance.netns, partial(_write, instance, before))
        self._written[vni] = _Written(instance.row, rules, identity, generation, listing)
        self.in_place.add(vni)


def _listing() -> str:
    """ "" without rules."""
    rules = nftables.show(TABLE)
    return rules and rules + nftables.show(limits.TABLE)


def _write(instance: Instance, before: _Written | None) -> tuple[int, str]:
    """Should somebody write between the two, the next look finds another generation.

    before: what is there, if that is known.
    """
    limiting = limits.changed(before.row, instance.row) if before else instance.limits
    nftables.apply(instance.rules + limiting)
    generation = nftables.generation()
    return generation, _listing()
