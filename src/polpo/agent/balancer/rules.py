"""Reconciler of the load balancers' nftables tables: written whole."""

from collections.abc import Mapping

from polpo.agent.balancer.instances import Instance
from polpo.agent.balancer.ruleset import TABLES
from polpo.agent.pairs import rules
from polpo.kernel import nftables
from polpo.kernel.visits import Visits


class Rules(rules.Rules):
    noun = "balancer rules"

    def __init__(self, instances: Mapping[int, Instance], visits: Visits) -> None:
        super().__init__(instances, _listing, visits)
        self._instances = instances

    def wanted(self) -> dict[int, str]:
        return {vni: instance.rules for vni, instance in self._instances.items()}


def _listing() -> str:
    return "".join(map(nftables.show, TABLES))
