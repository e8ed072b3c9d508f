"""Reconciler of the ways by which guests come to services: filters at devices of the host's own.

At a device that leads out of the cloud one program sees what comes in, and one what the host sends,
as it does at `lo`. They are there only while the host carries services for guests; what is for no
service passes them as if they were not there. Filters and qdiscs of others stay.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from polpo.agent.devices import Devices
from polpo.agent.guards import remove_filter
from polpo.agent.ownership import (
    FILTER_HANDLE,
    PREFERENCE,
    is_filter,
    is_the_switchs,
)
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import filters, netns
from polpo.kernel.addresses import holders
from polpo.kernel.bpf import Program
from polpo.target.changes import Changes

LOOPBACK = "lo"
PARENTS = {"in": filters.INGRESS, "out": filters.EGRESS}
PROGRAMS = {"in": "from_outside", "out": "to_outside"}
SETTINGS = {"accept_local": "1", "rp_filter": "2", "route_localnet": "1"}
"""Of the host's own port: answers come by it to other addresses of the host, from any, and from
127.0.0.1, where a pod's host port may be. The switch lets nobody else send to that."""


class Way(NamedTuple):
    """`kind`: "in" or "out" for a program, else a setting of the device."""

    device: str
    kind: str


class WaysIn:
    noun = "way in"

    def __init__(
        self,
        devices: Devices,
        programs: Mapping[str, Program],
        taps: Callable[[], Iterable[str]],
        doors: Callable[[], Iterable[str]],
    ) -> None:
        """taps: devices of ports that others have named; doors: those by which guests come."""
        self._devices, self._programs = devices, programs
        self._taps, self._doors = taps, doors
        self._seen: set[str] | None = None

    def read_actual(self) -> dict[Way, str]:
        found = {way: str(program) for way, program in self._filters().items()}
        for device in self._doors():
            paths = {f"ipv4/conf/{device}/{name}": name for name in SETTINGS}
            for path, value in netns.read_sysctls(paths).items():
                if value == SETTINGS[paths[path]]:
                    found[Way(device, paths[path])] = value
        return found

    def _filters(self) -> dict[Way, int]:
        """At first any device may have them, from before we were started; then those we use."""
        links, taps, found = self._devices.read(), set(self._taps()), dict[Way, int]()
        for name, link in links.items():
            known = self._seen is None or name in self._seen
            if not known or name in taps or is_the_switchs(link):
                continue
            for kind, parent in PARENTS.items():
                bodies = filters.dump_filters(self._devices.netlink, link.index, parent)
                for each in filters.parse_filters(bodies):
                    if is_filter(each.preference, each.name):
                        found[Way(name, kind)] = each.program
        self._seen = (self._seen or set()) | {way.device for way in found}
        return found

    def apply(self, changes: Changes[Way, str]) -> Failures[Way]:
        return one_by_one(changes, self._put, self._remove)

    def _put(self, way: Way, value: str) -> None:
        if way.kind not in PARENTS:
            netns.write_sysctls({f"ipv4/conf/{way.device}/{way.kind}": value})
            return
        self._note(way.device)
        program = self._programs[PROGRAMS[way.kind]]
        filters.put_filter(
            self._devices.netlink,
            self._devices.index(way.device),
            PREFERENCE,
            FILTER_HANDLE,
            program.label,
            program.fd,
            PARENTS[way.kind],
        )

    def _note(self, device: str) -> None:
        self._seen = (self._seen or set()) | {device}

    def _remove(self, way: Way) -> None:
        """A setting stays: it is harmless, and goes with its device."""
        if way.kind not in PARENTS:
            return
        self._note(way.device)
        index = self._devices.index(way.device)
        remove_filter(self._devices.netlink, index, PARENTS[way.kind])


class Outside:
    """What is wanted of the ways in. `given` are devices' names; without any, the underlay's."""

    def __init__(
        self,
        devices: Devices,
        programs: Mapping[str, Program],
        given: tuple[str, ...],
        underlay: str,
        doors: Callable[[], Iterable[str]],
        welcome: Callable[[], bool],
    ) -> None:
        """welcome: whether there are services for guests."""
        self._devices, self._programs, self._given = devices, programs, given
        self._underlay, self._doors, self._welcome = underlay, doors, welcome

    def wanted(self) -> dict[Way, str]:
        if not self._welcome():
            return {}
        ids = {kind: str(self._programs[name].id) for kind, name in PROGRAMS.items()}
        ways = {Way(device, kind): id for device in self.devices() for kind, id in ids.items()}
        ways[Way(LOOPBACK, "out")] = ids["out"]
        for device in self._doors():
            ways |= {Way(device, name): value for name, value in SETTINGS.items()}
        return ways

    def devices(self) -> list[str]:
        links = self._devices.read()
        if self._given:
            return [name for name in self._given if name in links]
        held = holders(self._devices.netlink, self._underlay)
        return sorted(name for name, link in links.items() if link.index in held)
