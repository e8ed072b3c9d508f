"""Which of this host's gateways are active: those that hold the transit network's .2."""

from collections.abc import Mapping

from polpo.agent.devices import Devices
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.transit import ACTIVE
from polpo.agent.ownership import host_end
from polpo.kernel import addresses, netns


class Roles:
    def __init__(self, devices: Devices, instances: Mapping[int, Instance]) -> None:
        self._devices, self._instances = devices, instances
        self.active: tuple[int, ...] = ()  # routers' numbers, ascending, as last seen

    def look(self) -> None:
        self.active = tuple(
            sorted(v for v, instance in self._instances.items() if self._holds(instance))
        )

    def _holds(self, instance: Instance) -> bool:
        end = self._devices.known.get(host_end(instance.row.port))
        if end is None or netns.identity(instance.netns) is None:
            return False
        with netns.netlink_in(instance.netns) as netlink:
            return addresses.holds(addresses.dump_addresses(netlink, end.peer), ACTIVE[4])
