"""nftables tables of instances, known by how the kernel showed them right after they were written.

A table that shows otherwise now has been changed by somebody; one that we have not written
ourselves (the agent has just started) is written again.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from polpo.agent.pairs.namespaces import Housed
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, nftables
from polpo.kernel.visits import Visits
from polpo.target.changes import Changes

ALTERED = ""


class Written(NamedTuple):
    """`namespace`: its inode; generation and listing as they were with these rules."""

    rules: str
    namespace: int | None
    generation: int
    listing: str


class Rules:
    """What reconcilers of rules share: they say what is wanted, and how it is put (`write`).

    listing   what the tables show in the calling thread's namespace, "" without any
    in_place  those that have rules of ours, of whatever age
    """

    def __init__(
        self, instances: Mapping[int, Housed], listing: Callable[[], str], visits: Visits
    ) -> None:
        self._housed, self._listing, self._visits = instances, listing, visits
        self._written: dict[int, Written] = {}
        self.in_place: set[int] = set()

    def read_actual(self) -> dict[int, str]:
        self._written = {v: w for v, w in self._written.items() if v in self._housed}
        read = {vni: self._read(vni, instance.netns) for vni, instance in self._housed.items()}
        found = {vni: rules for vni, rules in read.items() if rules is not None}
        self.in_place = set(found)
        return found

    def _read(self, vni: int, name: str) -> str | None:
        identity, written = netns.identity(name), self._written.get(vni)
        if identity is None:
            return None
        if written is None or written.namespace != identity:
            return ALTERED if netns.inside(name, self._listing) else None
        generation = self._visits.generation(name)
        if generation == written.generation:
            return written.rules
        listing = netns.inside(name, self._listing)
        if listing == written.listing:
            self._written[vni] = written._replace(generation=generation)
            return written.rules
        return ALTERED if listing else None

    def apply(self, changes: Changes[int, str]) -> Failures[int]:
        return one_by_one(changes, self._put, lambda vni: None)  # they go with the namespace

    def _put(self, vni: int, rules: str) -> None:
        self.write(vni, rules, rules)

    def write(self, vni: int, rules: str, commands: str) -> None:
        """The commands make them so. Should somebody write between the two, the next look finds
        another generation.
        """
        name = self._housed[vni].netns
        identity = netns.identity(name)

        def act() -> tuple[int, str]:
            nftables.apply(commands)
            return self._visits.generation(name), self._listing()

        self._written[vni] = Written(rules, identity, *netns.inside(name, act))
        self.in_place.add(vni)
