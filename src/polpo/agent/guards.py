"""Reconciler of the switch's programs at the devices. Filters and qdiscs of others stay."""

from collections.abc import Callable

from polpo.agent.devices import Devices
from polpo.agent.ownership import (
    FILTER_HANDLE,
    PREFERENCE,
    TUNNEL,
    filter_name,
    is_host_end,
    is_tunnel,
)
from polpo.agent.plugs import Plugs
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import filters
from polpo.target.changes import Changes


class Guards:
    """Device -> id of the program at its ingress. `guarded` is what is in place."""

    noun = "filter"

    def __init__(self, devices: Devices, plugs: Plugs, program_fd: Callable[[str], int]) -> None:
        self._devices, self._plugs, self._program_fd = devices, plugs, program_fd
        self.guarded: dict[str, int] = {}

    def read_actual(self) -> dict[str, int]:
        taps = {plug.device for plug in self._plugs if plug.kind == "tap"}
        mine = {
            name: self._program(link.index)
            for name, link in self._devices.read().items()
            if is_host_end(link) or is_tunnel(link) or name in taps
        }
        self.guarded = {name: program for name, program in mine.items() if program is not None}
        return dict(self.guarded)

    def apply(self, changes: Changes[str, int]) -> Failures[str]:
        return one_by_one(changes, self._put, self._remove)

    def _program(self, index: int) -> int | None:
        for found in filters.parse_filters(filters.dump_filters(self._devices.netlink, index)):
            if found.preference == PREFERENCE and found.name.startswith(filter_name("")):
                return found.program
        return None

    def _put(self, device: str, program: int) -> None:
        name = "from_overlay" if device == TUNNEL else "from_port"
        filters.put_filter(
            self._devices.netlink,
            self._devices.index(device),
            PREFERENCE,
            FILTER_HANDLE,
            filter_name(name),
            self._program_fd(name),
        )
        self.guarded[device] = program

    def _remove(self, device: str) -> None:
        netlink, index = self._devices.netlink, self._devices.index(device)
        filters.remove_filter(netlink, index, PREFERENCE, FILTER_HANDLE)
        if not filters.has_filters(netlink, index):
            filters.remove_clsact(netlink, index)
