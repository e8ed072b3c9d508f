"""One port's part of a pass, done at once: what a pod waits for when it comes or goes.

The reconcilers are those of the loop, and are asked for one key. Nothing is read first: the pass
that follows looks at all, and mends what an errand could not do (docs/decisions/0250).
"""

from polpo.agent.devices import Devices
from polpo.agent.loop import Loop
from polpo.agent.port_steps import PortSteps
from polpo.agent.tables import Tables
from polpo.agent.world import World


class Errands:
    """Each answers whether it is done; if not, a pass has to do it."""

    def __init__(
        self, loop: Loop, world: World, devices: Devices, tables: Tables, steps: PortSteps
    ) -> None:
        self._loop, self._world, self._devices = loop, world, devices
        self._tables, self._steps = tables, steps

    def attend(self, port: str) -> bool:
        """Wire a port from end to end."""
        return self._loop.errand(lambda: self._attend(port))

    def dismiss(self, port: str) -> bool:
        """Take away the rows and the device of one that leaves. Filters go with the device."""
        return self._loop.errand(lambda: self._dismiss(port))

    def _attend(self, port: str) -> bool:
        device = self._world.attend(port)
        if device is None:
            return False
        self._devices.look_at(device)
        steps = (self._steps.ends, self._tables, *self._steps.after_rows())
        return all(step.attend(device) for step in steps)

    def _dismiss(self, port: str) -> bool:
        device = self._world.dismiss(port)
        if device is None or not self._tables.dismiss(port):
            return False
        if not self._steps.ends.remove_one(device):
            return False
        self._world.forget(port)
        return True
