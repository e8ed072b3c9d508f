"""What surrounds a pass: which ports are wired here, and what is left of those that leave."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import structlog

from polpo.agent import wanted
from polpo.agent.devices import Devices, device_of
from polpo.agent.guards import Guards
from polpo.agent.host_ends import leftovers
from polpo.agent.patience import Patience
from polpo.agent.plugs import Plug, Plugs
from polpo.agent.target import Target
from polpo.agent.wanted import Wire, Wired
from polpo.kernel import netns

PER_PORT = ("link", "filter", "gate", "workload")  # nouns whose keys are devices of ports


class Function(Protocol):
    """Instances of one kind of network function."""

    @property
    def all(self) -> Mapping[int, object]:
        """By number."""

    def look(self) -> None:
        """Follow the target."""

    def plugs(self) -> Iterator[Plug]:
        """Where their ports go."""

    def wires(self, wires: dict[str, Wire], ports: Mapping[str, Wired]) -> dict[str, Wire]:
        """The workloads' ends, as they are to be where they are ends of these."""


class World:
    """`ports` is one mapping for the agent's life, renewed at the beginning of each pass."""

    def __init__(
        self,
        target: Target,
        plugs: Plugs,
        functions: Sequence[Function],
        devices: Devices,
        patience: Patience,
    ) -> None:
        self._target, self._plugs, self._functions = target, plugs, functions
        self._devices, self._patience = devices, patience
        self._absent: set[str] = set()
        self.ports: dict[str, Wired] = {}
        self._log = structlog.get_logger("polpo.agent")

    def look(self) -> None:
        with self._noted("own"):
            for function in self._functions:
                function.look()
            self._plugs.own([plug for function in self._functions for plug in function.plugs()])
        self.ports.clear()
        self.ports.update(self._wired(self._plugs))
        self._tell_absent()

    def attend(self, port: str) -> str | None:
        """The device of one port that is wired from now on; None if it is not to be."""
        plug = self._plugs.get(port)
        found = self._wired([plug] if plug is not None else [])
        self.ports.update(found)
        return next(iter(found), None)

    def dismiss(self, port: str) -> str | None:
        """The device of one port that leaves, and is wired no more; None if none leaves."""
        plug = self._plugs.get(port)
        if plug is None or not plug.leaving:
            return None
        self.ports.pop(device_of(plug), None)
        return device_of(plug)

    def forget(self, port: str) -> None:
        """Nothing is left of it."""
        if plug := self._plugs.get(port):
            self._forget(plug)

    def _wired(self, plugs: Iterable[Plug]) -> dict[str, Wired]:
        return wanted.wired(self._target.ports(), plugs, _exists)

    def _tell_absent(self) -> None:
        """A namespace that others made and took away: once in the log, no error of ours."""
        waiting = (p for p in self._plugs if p.kind == "netns" and not (p.created or p.leaving))
        absent = {plug.netns for plug in waiting if netns.identity(plug.netns) is None}
        for name in absent - self._absent:
            self._log.warning("namespace is gone, waiting for it", netns=name)
        self._absent = absent

    def tidy(self) -> None:
        """Forget plugs of which nothing is left."""
        with self._noted("leaving"):
            for plug in [plug for plug in self._plugs if plug.leaving]:
                if not leftovers(plug, self._devices):
                    self._forget(plug)
        self._devices.visits.look()

    @contextlib.contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        """A disk that is full keeps plugs as they are, and nothing else from being done."""
        try:
            yield
        except OSError as e:
            self._patience.note("plug", what, e.strerror or str(e))
        else:
            self._patience.note("plug", what, None)

    def _forget(self, plug: Plug) -> None:
        shared = any(p.netns == plug.netns for p in self._plugs if p.port != plug.port)
        if plug.kind == "netns" and plug.created and not shared:
            netns.delete(plug.netns)
        self._plugs.remove(plug.port)

    def settled(self, guards: Guards) -> tuple[str, ...]:
        """Ids of the ports that are as the target has them, from end to end, up or down."""
        links = self._devices.read()
        return tuple(
            sorted(
                port.id
                for device, (port, _) in self.ports.items()
                if device in links
                and device in guards.guarded
                and links[device].up == port.admin_up
                and not any(self._patience.failed(noun, device) for noun in PER_PORT)
            )
        )

    def carrying(self, guards: Guards) -> tuple[str, ...]:
        """Ids of the ports that carry traffic."""
        up = {port.id for port, _ in self.ports.values() if port.admin_up}
        return tuple(port for port in self.settled(guards) if port in up)


def _exists(name: str) -> bool:
    return netns.identity(name) is not None
