"""Reconciler of the workloads' ends of veth pairs: device, addresses, routes within a namespace.

Only what carries our protocol number is read and removed, so an address that keepalived puts on
the device (an allowed address pair) stays.
"""

import contextlib
from collections.abc import Callable, Mapping

from polpo.agent.devices import Devices
from polpo.agent.plugs import Plug
from polpo.agent.reconciler import Failures, one_by_one
from polpo.agent.wanted import Wire, Wired
from polpo.kernel import addresses, netns
from polpo.kernel.links import Link, delete_link, dump_links, parse_link, set_link
from polpo.kernel.netlink import Netlink
from polpo.kernel.visits import Mark
from polpo.runtime.clock import Clock
from polpo.target.changes import Changes

FRESH_S = 2.5  # half of the loop's timer: each of its passes reads nearly all
PIECE_S = 0.01  # so long one pass looks at what is only old: a pod that comes does not wait longer
LOOPBACK = 1  # its index in every namespace


class Workloads:
    noun = "workload"

    """What is in others' namespaces tells us of no change, and is looked at by time; at once where
    we wrote, and where the host's end has changed. Ours say so (Visits.mark).
    """

    def __init__(
        self,
        devices: Devices,
        ports: Mapping[str, Wired],
        clock: Clock,
        again: Callable[[], None],
    ) -> None:
        """again: asks for another pass, which looks at what is left."""
        self._devices, self._ports, self._clock, self._again = devices, ports, clock, again
        self._until, self._left = 0.0, False
        self._seen: dict[str, tuple[list[list[bytes]], Wire]] = {}  # device -> raw, decoded
        self._looked: dict[str, tuple[Plug, Link, float, Mark | None]] = {}  # whose, when

    def read_actual(self) -> dict[str, Wire]:
        links = self._devices.read()
        self._until, self._left = self._clock() + PIECE_S, False
        ends = {
            d: links[d] for d, w in self._ports.items() if w.plug.kind == "netns" and d in links
        }
        found = {device: self._known(device, end) for device, end in ends.items()}
        self._seen = {d: seen for d, seen in self._seen.items() if d in self._ports}
        self._looked = {d: looked for d, looked in self._looked.items() if d in self._seen}
        if self._left:
            self._again()
        return {device: wire for device, wire in found.items() if wire is not None}

    def apply(self, changes: Changes[str, Wire]) -> Failures[str]:
        return one_by_one(changes, self._put, lambda device: None)  # goes with the host's end

    def _known(self, device: str, end: Link) -> Wire | None:
        """As it was a moment ago, or read."""
        plug, now = self._ports[device].plug, self._clock()
        mark = self._mark(plug)
        whose, at, when, before = self._looked.get(device, (None, None, 0.0, None))
        fresh = mark == before if mark else now - when < FRESH_S
        if (whose, at) == (plug, end) and (fresh or self._is_for_later(now)):
            return self._seen[device][1]
        wire = self._read(device, end)
        self._looked.pop(device, None)
        if wire is not None:
            self._looked[device] = plug, end, now, mark
        return wire

    def _is_for_later(self, now: float) -> bool:
        later = now > self._until
        self._left |= later
        return later

    def _mark(self, plug: Plug) -> Mark | None:
        """None of a namespace that others make, or that is gone."""
        with contextlib.suppress(OSError):
            return self._devices.visits.mark(plug.netns) if plug.gateway else None
        return None

    def _read(self, device: str, end: Link) -> Wire | None:
        try:
            with self._netlink(self._ports[device].plug, {}) as netlink:
                return self._decoded(device, end, raw(netlink, end.peer))
        except OSError:
            return None  # the namespace is gone, or being unmounted

    def _netlink(
        self, plug: Plug, settings: dict[str, str]
    ) -> contextlib.AbstractContextManager[Netlink]:
        """Of a namespace that others make and remove no socket may be left open; `settings` are
        written on the way there.
        """
        if plug.gateway:
            return contextlib.nullcontext(self._devices.visits.route(plug.netns))
        return netns.netlink_in(plug.netns, settings)

    def _decoded(self, device: str, end: Link, raw: list[list[bytes]]) -> Wire | None:
        """Decode only what differs from last time."""
        if device not in self._seen or self._seen[device][0] != raw:
            wire = decode(end, raw)
            if wire is None:
                return None
            self._seen[device] = raw, wire
        return self._seen[device][1]

    def _put(self, device: str, wire: Wire) -> None:
        self._looked.pop(device, None)
        end = self._devices.known.get(device)
        if end is None:
            raise FileNotFoundError(2, "the host's end is missing")
        plug = self._ports[device].plug
        name = plug.netns
        with self._netlink(plug, settings(wire.device)) as netlink:
            link = other_end(netlink, end)
            if link is None:  # carried off to another namespace: begin anew
                delete_link(self._devices.netlink, end.index)
                raise FileNotFoundError(2, f"{wire.device} is not in namespace {name}")
            set_device(netlink, link, wire, name, deaf=not plug.gateway)
            set_addresses(netlink, link.index, wire)


def raw(netlink: Netlink, index: int) -> list[list[bytes]]:
    return [
        dump_links(netlink),
        addresses.dump_addresses(netlink, index),
        addresses.dump_routes(netlink, index),
    ]


def decode(end: Link, raw: list[list[bytes]]) -> Wire | None:
    links = {link.index: link for link in map(parse_link, raw[0])}
    link = links.get(end.peer)
    if link is None or link.peer != end.index:
        return None
    return Wire(
        device=link.name,
        mac=link.mac,
        mtu=link.mtu,
        up=link.up,
        loopback_up=links[LOOPBACK].up,
        addresses=addresses.parse_addresses(raw[1]),
        routes=addresses.parse_routes(raw[2]),
    )


def other_end(netlink: Netlink, end: Link) -> Link | None:
    links = {link.index: link for link in map(parse_link, dump_links(netlink))}
    link = links.get(end.peer)
    return link if link is not None and link.peer == end.index else None


def settings(device: str) -> dict[str, str]:
    """It hears no router and asks nobody for its addresses: the target says it all."""
    conf = f"ipv6/conf/{device}"
    return {f"{conf}/accept_ra": "0", f"{conf}/accept_dad": "0"}


def set_device(netlink: Netlink, link: Link, wire: Wire, name: str, deaf: bool = False) -> None:
    """deaf: its settings are made, if it has its name."""
    if link.name != wire.device:  # Linux renames only what is down
        set_link(netlink, link.index, up=False)
        set_link(netlink, link.index, name=wire.device)
        deaf = False
    if not deaf:
        netns.inside(name, lambda: netns.write_sysctls(settings(wire.device)))
    set_link(netlink, link.index, mtu=wire.mtu, mac=wire.mac, up=True)
    set_link(netlink, LOOPBACK, up=True)


def set_addresses(netlink: Netlink, index: int, wire: Wire) -> None:
    """New addresses before old ones go; routes last, because they go with addresses."""
    held = addresses.parse_addresses(addresses.dump_addresses(netlink, index))
    for address in sorted(wire.addresses - held):
        addresses.add_address(netlink, index, address)
    for address in sorted(held - wire.addresses):
        addresses.delete_address(netlink, index, address)
    routes = addresses.parse_routes(addresses.dump_routes(netlink, index))
    for route in sorted(routes - wire.routes, key=repr):
        addresses.delete_route(netlink, index, route)
    for route in sorted(wire.routes - routes, key=repr):
        addresses.add_route(netlink, index, route)
