"""Monitors that HAProxy has no check for (PING, UDP-CONNECT): members are asked from the instance's
namespace, and HAProxy is told how they are (`set server … health`; Management Guide, chap. 9.3).

A worker that has just begun, and a member that was switched off and on, know nothing of that: who
is dead is said again and again. Without an agent members stay as they were last said to be.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Set
from ipaddress import ip_address

from polpo.agent.balancer.instances import Instance
from polpo.agent.balancer.proxy.monitoring import BY_AGENT
from polpo.agent.balancer.proxy.tree import Tree, backend_name
from polpo.agent.balancer.pulse import Pulse
from polpo.kernel import netns
from polpo.kernel.echo import Echo
from polpo.kernel.haproxy import socket
from polpo.kernel.knock import Door, Knocks
from polpo.model.load_balancer import HealthMonitor, Member
from polpo.runtime.clock import Clock
from polpo.target.balancer import Balancer

TICK_S = 0.5
AT_ONCE = 50  # commands in a line: HAProxy takes 16 KiB
AGAIN = 200  # members in a turn that HAProxy is told of again
ASKED = 500  # members of an instance in a turn: all others have their turn, too
VERSIONS = (4, 6)


class Room:
    """The members of one instance, and what they are asked by, in its namespace: by version of IP,
    one socket of each kind for all of them, however many they are. `dead`: of whom HAProxy was
    told so.
    """

    def __init__(
        self, namespace: int | None, echoes: Mapping[int, Echo], knocks: Mapping[int, Knocks]
    ) -> None:
        self.namespace, self._echoes, self._knocks = namespace, echoes, knocks
        self.pulses: dict[str, Pulse] = {}
        self.dead: set[str] = set()
        self._told = 0  # of those, in their order: from whom on it is told again
        self._doors: dict[str, Door] = {}  # by member: where it is asked; of a ping, at port 0
        self._behind: dict[Door, list[str]] = {}
        loop = asyncio.get_running_loop()
        for echo in echoes.values():
            loop.add_reader(echo.handle, self._hear, echo)
        for knock in knocks.values():
            loop.add_reader(knock.handle, self._hear_of, knock)

    @classmethod
    def of(cls, name: str) -> "Room":
        """Of the namespace that has this name."""
        echoes = netns.inside(name, lambda: {v: Echo(v) for v in VERSIONS})
        return cls(
            netns.identity(name),
            echoes,
            netns.inside(name, lambda: {v: Knocks(v) for v in VERSIONS}),
        )

    def follow(self, wanted: Mapping[str, tuple[Member, HealthMonitor]]) -> None:
        """Whoever is asked as before is as before."""
        before = self.pulses
        self.pulses = {
            id: before[id] if id in before and before[id].monitor == monitor else Pulse(monitor)
            for id, (_, monitor) in wanted.items()
        }
        self._doors = {id: door(member, monitor) for id, (member, monitor) in wanted.items()}
        self._behind = {}
        for id, where in self._doors.items():
            self._behind.setdefault(where, []).append(id)

    def turn(self, now: float) -> None:
        """Judge who has not answered, and ask who is due: those first who have waited longest."""
        for pulse in self.pulses.values():
            pulse.look(now)
        due = [id for id, pulse in self.pulses.items() if pulse.due(now)]
        due.sort(key=lambda id: self.pulses[id].since)
        for id in due[:ASKED]:
            self.pulses[id].asked(now)
            self._ask(id)

    def to_tell(self, dead: Set[str]) -> set[str]:
        """Who has died since, and of the others so many, in turn."""
        known = sorted(self.dead & dead)
        again = (known[self._told :] + known[: self._told])[:AGAIN]
        self._told = (self._told + AGAIN) % max(len(known), 1)
        return {*(dead - self.dead), *again}

    def _ask(self, id: str) -> None:
        address, port = self._doors[id]
        version = ip_address(address).version
        if port == 0:
            self._echoes[version].ask(address)
        elif not self._knocks[version].ask((address, port)):
            self.pulses[id].refused()

    def _hear(self, echo: Echo) -> None:
        for address in echo.answered():
            for id in self._behind.get((address, 0), ()):
                self.pulses[id].answered()

    def _hear_of(self, knocks: Knocks) -> None:
        for where in knocks.refused():
            for id in self._behind.get(where, ()):
                self.pulses[id].refused()

    def close(self) -> None:
        askers: list[Echo | Knocks] = [*self._echoes.values(), *self._knocks.values()]
        for asker in askers:
            asyncio.get_running_loop().remove_reader(asker.handle)
            asker.close()


class Pings:
    def __init__(self, instances: Mapping[int, Instance], clock: Clock) -> None:
        self._instances, self._clock = instances, clock
        self._rooms: dict[int, Room] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await asyncio.sleep(TICK_S)
                self.turn()
        finally:
            for room in self._rooms.values():
                room.close()

    def look(self) -> None:
        """After a pass."""
        wanted = {vni: pinged(instance.row) for vni, instance in self._instances.items()}
        for vni, room in list(self._rooms.items()):
            if not wanted.get(vni) or room.namespace != self._namespace(vni):
                self._rooms.pop(vni).close()
        for vni, members in wanted.items():
            if members and vni not in self._rooms and self._namespace(vni) is not None:
                self._rooms[vni] = Room.of(self._instances[vni].netns)
            if vni in self._rooms:
                self._rooms[vni].follow(members)
                self._tell(vni, self._rooms[vni])

    def _namespace(self, vni: int) -> int | None:
        return netns.identity(self._instances[vni].netns)

    def turn(self) -> None:
        now = self._clock()
        for vni, room in self._rooms.items():
            room.turn(now)
            if vni in self._instances:
                self._tell(vni, room)

    def _tell(self, vni: int, room: Room) -> None:
        """HAProxy, of who is dead, and who is not any more. It says by itself what has changed."""
        instance = self._instances[vni]
        dead = {id for id, pulse in room.pulses.items() if pulse.alive is False}
        lines = [*commands(instance.proxied, room.dead - dead, "up")]
        lines += commands(instance.proxied, room.to_tell(dead), "down")
        with contextlib.suppress(OSError):  # it does not listen yet: in the next turn
            for first in range(0, len(lines), AT_ONCE):
                socket.ask(instance.settings.socket, "; ".join(lines[first : first + AT_ONCE]))
            room.dead = dead


def door(member: Member, monitor: HealthMonitor) -> Door:
    """Where a member is asked; a ping goes to no port."""
    address = str(ip_address(member.monitor_address or member.address))
    port = member.monitor_port or member.protocol_port
    return address, 0 if monitor.type == "PING" else port


def pinged(row: Balancer) -> dict[str, tuple[Member, HealthMonitor]]:
    """By member's id, with its monitor."""
    monitors = {m.pool_id: m for m in row.monitors if m.type in BY_AGENT}
    found = (m for m in row.members if m.pool_id in monitors and m.admin_state_up)
    return {member.id: (member, monitors[member.pool_id]) for member in found}


def commands(row: Balancer, members: Set[str], health: str) -> Iterator[str]:
    """Of each member, behind each listener that leads to it."""
    if not members:
        return
    tree = Tree(row)
    for listener in tree.every:
        for pool in tree.pools_of(listener):
            for member in tree.members(pool):
                if member.id in members:
                    yield f"set server {backend_name(pool, listener)}/{member.id} health {health}"
