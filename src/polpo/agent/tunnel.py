"""Reconciler of the VXLAN device, in metadata mode: one for all networks of the host."""

from polpo.agent.devices import Devices
from polpo.agent.ownership import GROUP, TUNNEL, is_tunnel
from polpo.agent.reconciler import Failures, one_by_one
from polpo.agent.wanted import Tunnel
from polpo.kernel.links import Link, add_vxlan, delete_link, set_link
from polpo.kernel.netns import write_sysctls
from polpo.target.changes import Changes


class TunnelDevice:
    noun = "tunnel"

    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    def read_actual(self) -> dict[str, Tunnel]:
        link = self._devices.read().get(TUNNEL)
        if link is None or link.vxlan is None or not is_tunnel(link):
            return {}
        return {TUNNEL: Tunnel(link.vxlan, link.mtu)}

    def apply(self, changes: Changes[str, Tunnel]) -> Failures[str]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, name: str, tunnel: Tunnel) -> None:
        link = self._devices.read().get(name)
        if link is not None and link.vxlan == tunnel.vxlan and is_tunnel(link):
            set_link(self._devices.netlink, link.index, mtu=tunnel.mtu)
            return
        if link is not None:
            self._make_room(link)
        add_vxlan(self._devices.netlink, name, GROUP, tunnel.mtu, tunnel.vxlan)
        # the host itself has no business on the tunnel
        write_sysctls({f"ipv6/conf/{name}/disable_ipv6": "1"})

    def _make_room(self, link: Link) -> None:
        """What can't be changed in place is made anew, if it is ours."""
        if not is_tunnel(link):
            raise FileExistsError(17, f"device {link.name} exists and is not ours")
        delete_link(self._devices.netlink, link.index)

    def _remove(self, name: str) -> None:
        delete_link(self._devices.netlink, self._devices.index(name))
