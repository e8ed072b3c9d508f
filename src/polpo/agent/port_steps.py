"""The loop's steps about ports' devices, each of which can be asked for one port as well."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from polpo.agent import wanted
from polpo.agent.devices import Devices
from polpo.agent.drift import Drift
from polpo.agent.gates import Gates
from polpo.agent.guards import Guards
from polpo.agent.host_ends import HostEnds
from polpo.agent.patience import Patience
from polpo.agent.plugs import Plugs
from polpo.agent.reconciler import Reconciler, Step
from polpo.agent.wanted import HostEnd, Wire, Wired
from polpo.agent.workloads import Workloads
from polpo.kernel.bpf import Program
from polpo.runtime.clock import monotonic

V = TypeVar("V")
Of = Callable[[Mapping[str, Wired]], Mapping[str, V]]


class PortStep(Step[str, V]):
    """Its keys are devices of ports."""

    def __init__(
        self,
        reconciler: Reconciler[str, V],
        of: Of[V],
        ports: Mapping[str, Wired],
        drift: Drift,
        patience: Patience,
    ) -> None:
        """of: what is to be at the ports that are given."""
        super().__init__(reconciler, lambda: of(ports), drift, patience)
        self._of, self._ports = of, ports

    def attend(self, device: str) -> bool:
        """Make one as it is to be. Whether it is."""
        return self.put_one(device, self._of({device: self._ports[device]})[device])


class PortSteps:
    """In the order of putting; rows come after `ends`, ways in before `workloads`."""

    def __init__(
        self,
        devices: Devices,
        plugs: Plugs,
        ports: Mapping[str, Wired],
        guards: Guards,
        programs: Mapping[str, Program],
        wires: Of[Wire],
        again: Callable[[], None],
        drift: Drift,
        patience: Patience,
    ) -> None:
        """again: asks for another pass."""
        around = ports, drift, patience
        ids = [programs[name].id for name in ("from_port", "from_overlay", "from_metadata")]
        ends = HostEnds(devices, plugs, ports)
        self.ends: PortStep[HostEnd] = PortStep(ends, wanted.host_ends, *around)
        self.guards = PortStep(guards, lambda those: wanted.programs(those, *ids), *around)
        self.gates = PortStep(
            Gates(devices, plugs), lambda those: wanted.gates(those, guards.guarded), *around
        )
        self.workloads = PortStep(Workloads(devices, ports, monotonic, again), wires, *around)

    def after_rows(self) -> Iterable[PortStep[int] | PortStep[bool] | PortStep[Wire]]:
        return self.guards, self.gates, self.workloads
