"""Reconciler of the ports' devices in the host's namespace: veth ends and taps. They begin shut."""

import os
from collections.abc import Mapping

from polpo.agent.devices import Devices, device_of
from polpo.agent.ownership import GROUP, is_host_end
from polpo.agent.plugs import Plug, Plugs
from polpo.agent.reconciler import Failures, one_by_one
from polpo.agent.wanted import HostEnd, Wired
from polpo.kernel import netns
from polpo.kernel.departures import dismiss
from polpo.kernel.links import Link, add_veth, set_link
from polpo.kernel.taps import add_tap
from polpo.target.changes import Changes


class HostEnds:
    noun = "link"

    def __init__(self, devices: Devices, plugs: Plugs, ports: Mapping[str, Wired]) -> None:
        self._devices, self._plugs, self._ports = devices, plugs, ports

    def read_actual(self) -> dict[str, HostEnd]:
        """Veths of ours, and the taps of plugs; those that others made only while they are wired,
        as they are never ours to remove."""
        taps = {plug.device: plug for plug in self._plugs if plug.kind == "tap"}
        links = self._devices.read()
        found = {n: HostEnd(x.mtu, x.alias) for n, x in links.items() if is_host_end(x)}
        return found | {
            n: HostEnd(links[n].mtu, None)
            for n, plug in taps.items()
            if n in links and (plug.created or n in self._ports)
        }

    def apply(self, changes: Changes[str, HostEnd]) -> Failures[str]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, device: str, end: HostEnd) -> None:
        link = self._devices.known.get(device) or self._make(device, end)
        mtu = end.mtu if link.mtu != end.mtu else None
        alias = end.alias if link.alias != end.alias else None
        set_link(self._devices.netlink, link.index, mtu=mtu, alias=alias)

    def _make(self, device: str, end: HostEnd) -> Link:
        port, plug = self._ports[device]
        if plug.kind == "tap":
            self._make_tap(plug)
        else:
            self._make_veth(device, plug, port.mac, end.mtu)
        # the host's own stack must not speak on it: no link-local address, no router solicitation
        netns.write_sysctls({f"ipv6/conf/{device}/disable_ipv6": "1"})
        return self._devices.one(device)

    def _make_veth(self, device: str, plug: Plug, mac: str, mtu: int) -> None:
        if plug.created:
            netns.create(plug.netns)
        inside = os.open(netns.DIRECTORY / plug.netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            add_veth(self._devices.netlink, device, GROUP, mtu, inside, plug.device, mac)
        finally:
            os.close(inside)

    def _make_tap(self, plug: Plug) -> None:
        if not plug.created:
            raise FileNotFoundError(2, f"tap device {plug.device} is gone and is not ours to make")
        add_tap(plug.device)

    def _remove(self, device: str) -> None:
        link = self._devices.look_at(device)
        if link is not None:
            dismiss(link.index)
            self._devices.look_at(device)


def leftovers(plug: Plug, devices: Devices) -> bool:
    """Whether something of an unplugged port is still there."""
    return device_of(plug) in devices.read() and (plug.kind == "netns" or plug.created)
