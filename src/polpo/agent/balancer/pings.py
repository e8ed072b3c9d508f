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
from polpo.kernel.knock import Knock
from polpo.model.load_balancer import HealthMonitor, Member
from polpo.runtime.clock import Clock
from polpo.target.balancer import Balancer

TICK_S = 0.5
AT_ONCE = 50  # commands in a line: HAProxy takes 16 KiB


class Room:
    """The members of one instance, and what they are asked by, in its namespace. `dead`: of whom
    HAProxy was told so.
    """

    def __init__(self, name: str) -> None:
        self.namespace, self._name = netns.identity(name), name
        self.members: dict[str, Member] = {}
        self.pulses: dict[str, Pulse] = {}
        self.dead: set[str] = set()
        self._knocks: dict[str, tuple[tuple[str, int], Knock]] = {}  # by member, with where
        self._echoes = netns.inside(name, lambda: {4: Echo(4), 6: Echo(6)})
        for echo in self._echoes.values():
            asyncio.get_running_loop().add_reader(echo.handle, self._hear, echo)

    def follow(self, wanted: Mapping[str, tuple[Member, HealthMonitor]]) -> None:
        """Whoever is asked as before is as before."""
        self.members = {id: member for id, (member, _) in wanted.items()}
        before = self.pulses
        self.pulses = {
            id: before[id] if id in before and before[id].monitor == monitor else Pulse(monitor)
            for id, (_, monitor) in wanted.items()
        }
        for id in [id for id, x in self._knocks.items() if x[0] != self._door(id)]:
            self._drop(self._knocks.pop(id)[1])

    def ask(self, id: str) -> None:
        where = address(self.members[id])
        if self.pulses[id].monitor.type == "PING":
            self._echoes[ip_address(where).version].ask(where)
        elif not self._knock(id).ask():
            self.pulses[id].refused()

    def _door(self, id: str) -> tuple[str, int] | None:
        """Where a member is knocked for; None for who is not."""
        if id not in self.pulses or self.pulses[id].monitor.type == "PING":
            return None
        member = self.members[id]
        return address(member), member.monitor_port or member.protocol_port

    def _knock(self, id: str) -> Knock:
        door = self._door(id)
        assert door is not None
        if id not in self._knocks:
            knock = netns.inside(self._name, lambda: Knock(*door))
            self._knocks[id] = door, knock
            asyncio.get_running_loop().add_reader(knock.handle, self._hear_of, id, knock)
        return self._knocks[id][1]

    def _hear(self, echo: Echo) -> None:
        here = echo.answered()
        for id, member in self.members.items():
            if self.pulses[id].monitor.type == "PING" and address(member) in here:
                self.pulses[id].answered()

    def _hear_of(self, id: str, knock: Knock) -> None:
        if knock.is_refused():
            self.pulses[id].refused()
        else:
            self.pulses[id].answered()

    def _drop(self, asker: Echo | Knock) -> None:
        asyncio.get_running_loop().remove_reader(asker.handle)
        asker.close()

    def close(self) -> None:
        for echo in self._echoes.values():
            self._drop(echo)
        for _, knock in self._knocks.values():
            self._drop(knock)


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
                self._rooms[vni] = Room(self._instances[vni].netns)
            if vni in self._rooms:
                self._rooms[vni].follow(members)
                self._tell(vni, self._rooms[vni])

    def _namespace(self, vni: int) -> int | None:
        return netns.identity(self._instances[vni].netns)

    def turn(self) -> None:
        """Judge who has not answered, and ask who is due."""
        now = self._clock()
        for vni, room in self._rooms.items():
            for id, pulse in room.pulses.items():
                pulse.look(now)
                if pulse.due(now):
                    pulse.asked(now)
                    room.ask(id)
            if vni in self._instances:
                self._tell(vni, room)

    def _tell(self, vni: int, room: Room) -> None:
        """HAProxy, of who is dead, and who is not any more. It says by itself what has changed."""
        instance = self._instances[vni]
        dead = {id for id, pulse in room.pulses.items() if pulse.alive is False}
        lines = [*commands(instance.proxied, dead, "down")]
        lines += commands(instance.proxied, room.dead - dead, "up")
        with contextlib.suppress(OSError):  # it does not listen yet: in the next turn
            for first in range(0, len(lines), AT_ONCE):
                socket.ask(instance.settings.socket, "; ".join(lines[first : first + AT_ONCE]))
            room.dead = dead


def address(member: Member) -> str:
    """The address that is asked, as the kernel writes it."""
    return str(ip_address(member.monitor_address or member.address))


def pinged(row: Balancer) -> dict[str, tuple[Member, HealthMonitor]]:
    """By member's id, with its monitor."""
    monitors = {m.pool_id: m for m in row.monitors if m.type in BY_AGENT}
    found = (m for m in row.members if m.pool_id in monitors and m.admin_state_up)
    return {member.id: (member, monitors[member.pool_id]) for member in found}


def commands(row: Balancer, members: Set[str], health: str) -> Iterator[str]:
    """Of each member, behind each listener that leads to it."""
    tree = Tree(row)
    for listener in tree.every if members else ():
        for pool in tree.pools_of(listener):
            for member in tree.members(pool):
                if member.id in members:
                    yield f"set server {backend_name(pool, listener)}/{member.id} health {health}"
