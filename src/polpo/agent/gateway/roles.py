"""What this host's gateways are: active (with the transit network's .2), or ready to be so."""

import contextlib
from collections.abc import Callable, Mapping

from polpo.agent.devices import Devices
from polpo.agent.gateway.externals import external_in
from polpo.agent.gateway.instances import Instance
from polpo.agent.gateway.warming import fit_routes
from polpo.agent.ownership import host_end
from polpo.agent.pairs.transit import ACTIVE
from polpo.kernel import addresses, netns
from polpo.kernel.links import MACVLAN_MODE_BRIDGE, MACVLAN_MODE_VEPA, Link, set_macvlan_mode
from polpo.kernel.netlink import Netlink


class Roles:
    """As last seen; routers' numbers, ascending. `is_whole`: nothing of the gateway has failed."""

    def __init__(
        self,
        devices: Devices,
        instances: Mapping[int, Instance],
        is_whole: Callable[[int], bool],
    ) -> None:
        self._devices, self._instances, self._is_whole = devices, instances, is_whole
        self.active: tuple[int, ...] = ()
        self.ready: tuple[int, ...] = ()
        self.looked = 0

    def look(self, revision: int) -> None:
        """At what there is of the target's at this revision."""
        active, ready = [], []
        for vni, instance in sorted(self._instances.items()):
            holds, carries = self._seen(instance)
            if holds:
                active.append(vni)
            if carries and self._is_whole(vni):
                ready.append(vni)
        self.active, self.ready, self.looked = tuple(active), tuple(ready), revision

    def _seen(self, instance: Instance) -> tuple[bool, bool]:
        """Whether it holds the active one's address, and whether its cable outside is in."""
        end = self._devices.known.get(host_end(instance.row.port))
        if end is None or netns.identity(instance.netns) is None:
            return False, False
        netlink = self._devices.visits.route(instance.netns)
        outside = external_in(netlink)
        holds = addresses.holds(addresses.dump_addresses(netlink, end.peer), ACTIVE[4])
        if outside is not None:
            with contextlib.suppress(OSError):  # it has just gone
                _fit(netlink, outside, instance, holds)
        return holds, outside is not None and outside.carrier


def _fit(netlink: Netlink, outside: Link, instance: Instance, is_active: bool) -> None:
    """keepalived does both with the role (vrrp.py); this is for when that has failed."""
    mode = MACVLAN_MODE_BRIDGE if is_active else MACVLAN_MODE_VEPA
    if outside.kind == "macvlan" and outside.mode != mode:
        set_macvlan_mode(netlink, outside.index, mode)
    if is_active:
        fit_routes(netlink, outside.index, instance)
