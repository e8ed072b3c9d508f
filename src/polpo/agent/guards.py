"""Reconciler of the switch's programs at the devices. Filters and qdiscs of others stay."""

from collections.abc import Collection, Mapping

from polpo.agent.devices import Devices
from polpo.agent.ownership import (
    FILTER_HANDLE,
    METADATA,
    PREFERENCE,
    TUNNEL,
    is_filter,
    is_the_switchs,
)
from polpo.agent.plugs import Plugs
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import filters
from polpo.kernel.bpf import Program
from polpo.kernel.events import TRAFFIC_CONTROL
from polpo.kernel.events import Changes as Events
from polpo.kernel.netlink import Netlink
from polpo.runtime.clock import monotonic
from polpo.target.changes import Changes

OLD_S = 60.0
BY_DEVICE = {TUNNEL: "from_overlay", METADATA: "from_metadata"}


class Guards:
    """Device -> id of the program at its ingress. `guarded` is what is in place.

    Read anew when the kernel has said of any filter that it is not as it was, and now and then.
    """

    noun = "filter"

    def __init__(self, devices: Devices, plugs: Plugs, programs: Mapping[str, Program]) -> None:
        self._devices, self._plugs, self._programs = devices, plugs, programs
        self.guarded: dict[str, int] = {}
        self._events, self._read_at = Events(groups=(TRAFFIC_CONTROL,)), -OLD_S
        self._seen: dict[int, int | None] = {}  # by the device's index

    def read_actual(self) -> dict[str, int]:
        taps = {plug.device for plug in self._plugs if plug.kind == "tap"}
        mine = {
            name: link.index
            for name, link in self._devices.read().items()
            if is_the_switchs(link) or name in taps
        }
        programs = self._programs_at(mine.values())
        found = {name: programs[index] for name, index in mine.items()}
        self.guarded = {name: program for name, program in found.items() if program is not None}
        return dict(self.guarded)

    def _programs_at(self, indices: Collection[int]) -> dict[int, int | None]:
        now = monotonic()
        if self._events.any() or now - self._read_at > OLD_S:
            self._seen, self._read_at = {}, now
        known = self._seen
        self._seen = {i: known[i] if i in known else self._program(i) for i in indices}
        return self._seen

    def apply(self, changes: Changes[str, int]) -> Failures[str]:
        return one_by_one(changes, self._put, self._remove)

    def _program(self, index: int) -> int | None:
        for found in filters.parse_filters(filters.dump_filters(self._devices.netlink, index)):
            if is_filter(found.preference, found.name):
                return found.program
        return None

    def _put(self, device: str, program: int) -> None:
        self.guarded.pop(device, None)  # a namesake may have gone
        loaded = self._programs[BY_DEVICE.get(device, "from_port")]
        netlink, index = self._devices.netlink, self._devices.index(device)
        filters.put_filter(netlink, index, PREFERENCE, FILTER_HANDLE, loaded.label, loaded.fd)
        self.guarded[device] = program

    def _remove(self, device: str) -> None:
        remove_filter(self._devices.netlink, self._devices.index(device))


def remove_filter(netlink: Netlink, index: int, parent: int = filters.INGRESS) -> None:
    """Ours; and the qdisc, unless somebody else has a filter there."""
    filters.remove_filter(netlink, index, PREFERENCE, FILTER_HANDLE, parent)
    if not filters.has_filters(netlink, index):
        filters.remove_clsact(netlink, index)
