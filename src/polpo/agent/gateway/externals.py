"""Reconcilers of the gateways' ends outside: VLAN devices of uplinks, and macvlan `external0`.

The devices of the host that they are on are the host's: nobody of us sets these up or down.
"""

import errno
import os
from collections.abc import Mapping

import msgspec

from polpo.agent.devices import Devices
from polpo.agent.gateway.instances import Instance, Instances
from polpo.agent.ownership import EXTERNAL, GROUP, is_vlan_device
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns
from polpo.kernel.links import (
    Link,
    add_macvlan,
    add_vlan,
    delete_link,
    dump_links,
    parse_link,
    set_link,
)
from polpo.kernel.netlink import Netlink
from polpo.target.changes import Changes

SETTINGS = {f"ipv{v}/neigh/{EXTERNAL}/retrans_time_ms": "100" for v in (4, 6)}
"""After a failover a next hop's first answer may go to the peer: it is asked again soon."""
INDEX = 1000 * GROUP  # of external0: far from the indexes of devices that it may be on


class Vlan(msgspec.Struct, frozen=True):
    """A VLAN of the device with index `on`."""

    on: int
    vlan: int
    up: bool = True


class Vlans:
    noun = "vlan"

    def __init__(self, devices: Devices, instances: Instances) -> None:
        self._devices, self._instances = devices, instances

    def wanted(self) -> dict[str, Vlan]:
        return {name: Vlan(on, vlan) for name, on, vlan in self._instances.vlans()}

    def read_actual(self) -> dict[str, Vlan]:
        links = self._devices.read()
        return {n: Vlan(x.peer, x.vlan, x.up) for n, x in links.items() if is_vlan_device(x)}

    def apply(self, changes: Changes[str, Vlan]) -> Failures[str]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, name: str, vlan: Vlan) -> None:
        if name not in self._devices.read():
            self._make(name, vlan)
            self._devices.read()
        set_link(self._devices.netlink, self._devices.index(name), up=True)

    def _make(self, name: str, vlan: Vlan) -> None:
        try:
            add_vlan(self._devices.netlink, name, GROUP, vlan.on, vlan.vlan)
        except OSError as e:
            if e.errno != errno.EOPNOTSUPP:
                raise
            words = f"VLAN {vlan.vlan}: this kernel has no VLAN devices (8021q)"
            raise OSError(e.errno, words) from e

    def _remove(self, name: str) -> None:
        delete_link(self._devices.netlink, self._devices.index(name))


class External(msgspec.Struct, frozen=True):
    """`on`: index of the host's device below; `up` as the administrator has it, not the carrier."""

    on: int
    mac: str
    mtu: int
    up: bool = True
    kind: str = "macvlan"


class Externals:
    noun = "external"

    def __init__(self, devices: Devices, instances: Instances) -> None:
        self._devices, self._instances = devices, instances

    @property
    def _all(self) -> Mapping[int, Instance]:
        return self._instances.all

    def wanted(self) -> dict[int, External]:
        """Without those whose uplink is not there: that is told already (see Instances)."""
        below = {vni: self._instances.below(instance.row) for vni, instance in self._all.items()}
        return {
            vni: External(below[vni], instance.row.external_mac, instance.row.mtu)
            for vni, instance in self._all.items()
            if below[vni]
        }

    def read_actual(self) -> dict[int, External]:
        found = {vni: self._read(instance.netns) for vni, instance in self._all.items()}
        return {vni: _state(link) for vni, link in found.items() if link is not None}

    def apply(self, changes: Changes[int, External]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _read(self, name: str) -> Link | None:
        if netns.identity(name) is None:
            return None
        with netns.netlink_in(name) as netlink:
            return external_in(netlink)

    def _put(self, vni: int, external: External) -> None:
        name = self._all[vni].netns
        with netns.netlink_in(name) as netlink:
            link = external_in(netlink)
            if link is not None and (link.peer, link.kind) != (external.on, external.kind):
                delete_link(netlink, link.index)
                link = None
            if link is None:
                self._make(name, external)
                netns.inside(name, lambda: netns.write_sysctls(SETTINGS))
                link = external_in(netlink)
            if link is None:
                raise FileNotFoundError(2, f"{EXTERNAL} went away at once")
            mac = external.mac if link.mac != external.mac else None
            set_link(netlink, link.index, mac=mac, mtu=external.mtu, up=True)

    def _make(self, name: str, external: External) -> None:
        target = os.open(netns.DIRECTORY / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            add_macvlan(
                self._devices.netlink,
                EXTERNAL,
                INDEX,
                external.on,
                external.mtu,
                external.mac,
                target,
            )
        finally:
            os.close(target)

    def _remove(self, vni: int) -> None:
        """Its uplink is another's now, or nobody's."""
        with netns.netlink_in(self._all[vni].netns) as netlink:
            link = external_in(netlink)
            if link is not None:
                delete_link(netlink, link.index)


def external_in(netlink: Netlink) -> Link | None:
    links = map(parse_link, dump_links(netlink))
    return next((link for link in links if link.name == EXTERNAL), None)


def _state(link: Link) -> External:
    return External(link.peer, link.mac, link.mtu, link.up, link.kind)
