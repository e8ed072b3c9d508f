"""Reconciler of the load balancers' addresses on `lo`, where both instances have them (vrrp.py)."""

from collections.abc import Mapping

from polpo.agent.balancer.instances import Instance
from polpo.agent.reconciler import Failures, one_by_one
from polpo.agent.workloads import LOOPBACK
from polpo.kernel import addresses, netns
from polpo.kernel.netlink import Netlink
from polpo.kernel.visits import Mark, Visits
from polpo.target.changes import Changes

Held = frozenset[str]


class Loopbacks:
    noun = "vip"

    def __init__(self, instances: Mapping[int, Instance], visits: Visits) -> None:
        self._instances, self._visits = instances, visits
        self._seen: dict[str, tuple[Mark, Held]] = {}

    def wanted(self) -> dict[int, Held]:
        return {vni: instance.vips for vni, instance in self._instances.items()}

    def read_actual(self) -> dict[int, Held]:
        found = {}
        for vni, instance in self._instances.items():
            if netns.identity(instance.netns) is not None:
                found[vni] = self._held(instance.netns)
        names = {instance.netns for instance in self._instances.values()}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        return found

    def _held(self, name: str) -> Held:
        """Read anew where something has moved."""
        mark, seen = self._visits.mark(name), self._seen.get(name)
        if seen is None or seen[0] != mark:
            seen = self._seen[name] = mark, _held(self._visits.route(name))
        return seen[1]

    def apply(self, changes: Changes[int, Held]) -> Failures[int]:
        return one_by_one(changes, self._put, lambda vni: None)  # they go with the namespace

    def _put(self, vni: int, wanted: Held) -> None:
        netlink = self._visits.route(self._instances[vni].netns)
        held = _held(netlink)
        for address in sorted(wanted - held):
            addresses.add_address(netlink, LOOPBACK, address)
        for address in sorted(held - wanted):
            addresses.delete_address(netlink, LOOPBACK, address)


def _held(netlink: Netlink) -> Held:
    return addresses.parse_addresses(addresses.dump_addresses(netlink, LOOPBACK))
