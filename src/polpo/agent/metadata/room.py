"""Reconciler of the service's room: a namespace, and the pair of devices that leads there.

There is nothing else in it, it forwards nothing, and what comes in has passed the switch. Its
end of the pair asks for nobody's MAC: the switch knows where each answer goes.
"""

import os

import msgspec

from polpo.agent import workloads
from polpo.agent.devices import Devices
from polpo.agent.ownership import GROUP, METADATA, is_metadata
from polpo.agent.reconciler import Failures, one_by_one
from polpo.agent.wanted import Wire
from polpo.dataplane.metadata import ADDRESSES, CALLERS, MAC
from polpo.kernel import netns
from polpo.kernel.addresses import Route
from polpo.kernel.links import Link, add_veth, delete_link, dump_links, parse_link, set_link
from polpo.kernel.netlink import Netlink
from polpo.runtime.clock import monotonic
from polpo.target.changes import Changes

KEY, DEVICE, MTU = "room", "metadata0", 1500
FRESH_S = 2.5  # settings say nothing when somebody writes them
SETTINGS = {
    "ipv4/ip_forward": "0",
    "ipv4/tcp_max_tw_buckets": "8192",  # callers who let us close first
    "ipv4/tcp_syncookies": "1",
    "ipv6/conf/all/forwarding": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/accept_redirects": "0",
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/disable_ipv6": "0",
    "ipv6/conf/default/addr_gen_mode": "1",  # no address but the service's own
} | {
    f"ipv4/conf/{which}/{name}": "0"
    for which in ("all", "default")
    for name in ("rp_filter", "accept_redirects", "accept_source_route", "send_redirects")
}
WIRE = Wire(
    device=DEVICE,
    mac=MAC,
    mtu=MTU,
    addresses=frozenset(f"{x}/{128 if ':' in x else 32}" for x in ADDRESSES),
    routes=frozenset(Route(prefix, None) for prefix in CALLERS),
)


class Room(msgspec.Struct, frozen=True):
    """`arp` as the device has it; `mtu` of the host's end."""

    settings: dict[str, str]
    wire: Wire
    mtu: int = MTU
    arp: bool = False


class Rooms:
    """There is one."""

    noun = "metadata room"

    def __init__(self, devices: Devices, name: str) -> None:
        self._devices, self._netns = devices, name
        self._seen: tuple[object, float, Room] | None = None  # as of what, when

    def wanted(self) -> dict[str, Room]:
        """IPv6 settings and addresses only where the kernel has IPv6."""
        six = netns.has_ipv6()
        settings = {k: v for k, v in SETTINGS.items() if six or not k.startswith("ipv6/")}
        wire = msgspec.structs.replace(
            WIRE,
            addresses=frozenset(x for x in WIRE.addresses if six or ":" not in x),
            routes=frozenset(x for x in WIRE.routes if six or ":" not in x.destination),
        )
        return {KEY: Room(settings, wire)}

    def read_actual(self) -> dict[str, Room]:
        end = self._devices.read().get(METADATA)
        if netns.identity(self._netns) is None or end is None:
            return {}
        room = self._known(end)
        return {KEY: room} if room is not None else {}

    def _known(self, end: Link) -> Room | None:
        """As it was a moment ago, unless the kernel has said that something moved, or read."""
        now, mark = monotonic(), (end, self._devices.visits.mark(self._netns))
        if self._seen is not None:
            before, when, room = self._seen
            if before == mark and now - when < FRESH_S:
                return room
        found = self._read(end)
        self._seen = (mark, now, found) if found is not None else None
        return found

    def _read(self, end: Link) -> Room | None:
        netlink = self._devices.visits.route(self._netns)
        inner = workloads.other_end(netlink, end)
        wire = workloads.decode(end, workloads.raw(netlink, end.peer))
        if inner is None or wire is None:
            return None
        settings = netns.inside(self._netns, lambda: netns.read_sysctls(SETTINGS))
        return Room(settings, wire, end.mtu, inner.arp)

    def apply(self, changes: Changes[str, Room]) -> Failures[str]:
        return one_by_one(changes, lambda key, room: self._put(room), lambda key: None)

    def _put(self, room: Room) -> None:
        self._seen = None
        netns.create(self._netns)
        netns.inside(self._netns, lambda: netns.write_sysctls(room.settings))
        with netns.netlink_in(self._netns) as netlink:
            end, inner = self._pair(netlink, room)
            set_link(self._devices.netlink, end.index, mtu=room.mtu)
            set_link(netlink, inner.index, arp=room.arp)
            workloads.set_device(netlink, inner, room.wire, self._netns)
            workloads.set_addresses(netlink, inner.index, room.wire)

    def _pair(self, netlink: Netlink, room: Room) -> tuple[Link, Link]:
        """The host's end and the other one. A pair that leads elsewhere is made anew."""
        end = self._devices.read().get(METADATA)
        inner = workloads.other_end(netlink, end) if end is not None else None
        if end is not None and inner is None:
            if not is_metadata(end):
                raise FileExistsError(17, f"a device {METADATA} that is not ours")
            delete_link(self._devices.netlink, end.index)
        if inner is None:
            self._make(room)
            end = self._devices.read()[METADATA]
            inner = workloads.other_end(netlink, end)
        if end is None or inner is None:
            raise FileNotFoundError(2, f"{METADATA} went away at once")
        return end, inner

    def _make(self, room: Room) -> None:
        self._remove_namesake()
        inside = os.open(netns.DIRECTORY / self._netns, os.O_RDONLY | os.O_CLOEXEC)
        try:
            add_veth(
                self._devices.netlink, METADATA, GROUP, room.mtu, inside, DEVICE, room.wire.mac
            )
        finally:
            os.close(inside)
        # the host's own stack has nothing to say there
        netns.write_sysctls({f"ipv6/conf/{METADATA}/disable_ipv6": "1"})

    def _remove_namesake(self) -> None:
        """Whatever has the name of our device in the room: the room is ours."""
        with netns.netlink_in(self._netns) as netlink:
            for link in map(parse_link, dump_links(netlink)):
                if link.name == DEVICE:
                    delete_link(netlink, link.index)
