"""Reconciler of what is up. A device opens only when its filter is in place (see wanted.gates)."""

from polpo.agent.devices import Devices
from polpo.agent.ownership import is_the_switchs
from polpo.agent.plugs import Plugs
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel.links import set_link
from polpo.target.changes import Changes


class Gates:
    noun = "gate"

    def __init__(self, devices: Devices, plugs: Plugs) -> None:
        self._devices, self._plugs = devices, plugs

    def read_actual(self) -> dict[str, bool]:
        taps = {plug.device for plug in self._plugs if plug.kind == "tap"}
        return {
            name: link.up
            for name, link in self._devices.read().items()
            if is_the_switchs(link) or name in taps
        }

    def apply(self, changes: Changes[str, bool]) -> Failures[str]:
        return one_by_one(changes, self._put, lambda device: self._put(device, False))

    def _put(self, device: str, up: bool) -> None:
        set_link(self._devices.netlink, self._devices.index(device), up=up)
