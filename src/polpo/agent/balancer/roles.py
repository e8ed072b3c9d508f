"""What this host's instances of load balancers are: active (with the .2 between them), or ready."""

from collections.abc import Callable, Mapping

from polpo.agent.balancer.instances import Instance
from polpo.agent.devices import Devices
from polpo.agent.ownership import host_end
from polpo.agent.pairs.transit import ACTIVE
from polpo.kernel import addresses, netns


class Roles:
    """As last seen; numbers, ascending. `is_whole`: nothing of it has failed."""

    def __init__(
        self,
        devices: Devices,
        instances: Mapping[int, Instance],
        is_whole: Callable[[int], bool],
    ) -> None:
        self._devices, self._instances, self._is_whole = devices, instances, is_whole
        self.active: tuple[int, ...] = ()
        self.ready: tuple[int, ...] = ()

    def look(self) -> None:
        instances = sorted(self._instances.items())
        self.active = tuple(vni for vni, instance in instances if self._is_active(instance))
        self.ready = tuple(vni for vni, _ in instances if self._is_whole(vni))

    def _is_active(self, instance: Instance) -> bool:
        end = self._devices.known.get(host_end(instance.row.port))
        if end is None or netns.identity(instance.netns) is None:
            return False
        netlink = self._devices.visits.route(instance.netns)
        return addresses.holds(addresses.dump_addresses(netlink, end.peer), ACTIVE[4])
