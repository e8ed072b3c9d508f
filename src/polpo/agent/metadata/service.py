"""The metadata service of a host, put together: its steps in a pass, and who is asked."""

from collections.abc import Iterator, Mapping

from polpo.agent.config import Config
from polpo.agent.devices import Devices
from polpo.agent.drift import Drift
from polpo.agent.metadata.answering import Answering
from polpo.agent.metadata.listener import Listener
from polpo.agent.metadata.pace import Pace
from polpo.agent.metadata.room import Room, Rooms
from polpo.agent.ownership import metadata_netns
from polpo.agent.patience import Patience
from polpo.agent.reconciler import Step
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.runtime.clock import monotonic


class Metadata:
    def __init__(
        self,
        config: Config,
        target: Target,
        ports: Mapping[str, Wired],
        devices: Devices,
        drift: Drift,
        patience: Patience,
    ) -> None:
        self._devices, self._around = devices, (drift, patience)
        self._netns = metadata_netns(config.runtime)
        self.answering = Answering(target, ports, devices)
        self.listener = Listener(self._netns, self.answering, Pace(monotonic))

    def before(self) -> Iterator[Step[str, Room]]:
        """Before the tables, which say where it is."""
        rooms = Rooms(self._devices, self._netns)
        yield Step(rooms, rooms.wanted, *self._around)

    def after(self) -> Iterator[Step[str, int]]:
        """When calls can come."""
        yield Step(self.listener, self.listener.wanted, *self._around)

    def answers(self) -> Mapping[tuple[str, str], int]:
        """By service and outcome, for people."""
        return {("metadata", str(int(s))): n for s, n in self.answering.replies.items()}
