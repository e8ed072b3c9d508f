"""Reconciler of the gateways' nftables tables, in one transaction: the rules are written whole.

Of the limits, which remember what has passed, only those that have changed are, if nobody else has
touched the tables. That rules are written again moves no connection: their translations are
conntrack's.
"""

from collections import Counter
from collections.abc import Mapping

from polpo.agent.gateway import limits
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.ruleset import TABLE
from polpo.agent.pairs import rules
from polpo.kernel import netns, nftables
from polpo.kernel.visits import Visits
from polpo.target.rows import Gateway


class Rules(rules.Rules):
    noun = "rules"

    def __init__(self, instances: Mapping[int, Instance], visits: Visits) -> None:
        super().__init__(instances, _listing, visits)
        self._instances = instances
        self._rows: dict[int, Gateway] = {}  # whose rules were written
        self._doubts: Counter[int] = Counter()

    def doubts(self, vni: int) -> int:
        """How often its rules had to be written again: what passed meanwhile is anybody's guess."""
        return self._doubts[vni]

    def placed(self) -> dict[int, Gateway]:
        """The rows whose rules are in place: of one that has been refused, the former."""
        wanted = self.wanted()
        return {
            vni: self._instances[vni].row if written.rules == wanted[vni] else self._rows[vni]
            for vni, written in self._written.items()
            if vni in self.in_place and vni in wanted
        }

    def wanted(self) -> dict[int, str]:
        return {vni: instance.rules + instance.limits for vni, instance in self._instances.items()}

    def _put(self, vni: int, rules: str) -> None:
        instance = self._instances[vni]
        known = self._is_as_written(vni, instance.netns)
        self._doubts[vni] += not known
        limiting = limits.changed(self._rows[vni], instance.row) if known else instance.limits
        self.write(vni, rules, instance.rules + limiting)
        self._rows[vni] = instance.row

    def _is_as_written(self, vni: int, name: str) -> bool:
        """Nobody else has touched them since we wrote them."""
        written = self._written.get(vni)
        now = netns.identity(name), self._visits.generation(name)
        return written is not None and (written.namespace, written.generation) == now


def _listing() -> str:
    """ "" without rules."""
    rules = nftables.show(TABLE)
    return rules and rules + nftables.show(limits.TABLE)
