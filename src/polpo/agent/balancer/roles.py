"""What this host's instances of load balancers are: active (with the .2 between them), or ready."""

from collections.abc import Callable, Mapping

from polpo.agent.balancer.instances import Instance
from polpo.agent.devices import Devices
from polpo.agent.ownership import host_end
from polpo.agent.pairs.transit import ACTIVE
from polpo.kernel import addresses, netns
from polpo.kernel.visits import Mark


class Roles:
    """As last seen; numbers, ascending. `is_whole`: nothing of it has failed."""

    def __init__(
        self,
        devices: Devices,
        instances: Mapping[int, Instance],
        is_whole: Callable[[int], bool],
    ) -> None:
        self._devices, self._instances, self._is_whole = devices, instances, is_whole
        self._seen: dict[int, tuple[Mark, bool]] = {}
        self.active: tuple[int, ...] = ()
        self.ready: tuple[int, ...] = ()

    def look(self) -> None:
        instances = sorted(self._instances.items())
        self._seen = {v: seen for v, seen in self._seen.items() if v in self._instances}
        self.active = tuple(vni for vni, instance in instances if self._is_active(instance))
        self.ready = tuple(vni for vni, _ in instances if self._is_whole(vni))

    def _is_active(self, instance: Instance) -> bool:
        end = self._devices.known.get(host_end(instance.row.port))
        if end is None or netns.identity(instance.netns) is None:
            return False
        vni, visits = instance.row.vni, self._devices.visits
        mark, seen = visits.mark(instance.netns), self._seen.get(vni)
        if seen is None or seen[0] != mark:
            held = addresses.dump_addresses(visits.route(instance.netns), end.peer)
            seen = self._seen[vni] = mark, addresses.holds(held, ACTIVE[4])
        return seen[1]
