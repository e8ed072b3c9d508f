"""Members that are knocked for: however many there are, by one socket, and some in each turn."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from polpo.agent.balancer.pings import AGAIN, ASKED, Room
from polpo.kernel.knock import AT_ONCE, Knocks
from polpo.model.load_balancer import HealthMonitor, Member

OF: dict[str, Any] = {"load_balancer_id": "lb", "pool_id": "p"}
MONITOR = HealthMonitor(
    id="m", type="UDP-CONNECT", delay=1, timeout=1, max_retries=1, max_retries_down=1, **OF
)


def members(port: int, count: int) -> dict[str, tuple[Member, HealthMonitor]]:
    """Nobody listens but at the first one's; each of the others has an address of its own."""
    ends = [("127.0.0.1", port)]
    ends += [(f"127.1.{n // 250}.{n % 250 + 1}", 9) for n in range(count - 1)]
    return {
        f"m{n:04}": (Member(id=f"m{n:04}", address=address, protocol_port=door, **OF), MONITOR)
        for n, (address, door) in enumerate(ends)
    }


async def test_all_are_asked_some_in_each_turn_and_who_is_refused_is_dead() -> None:
    """Not all refusals come at once: the kernel limits what ICMP says."""
    room = Room(None, {}, {4: Knocks(4)})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        room.follow(members(server.getsockname()[1], ASKED + 100))
        room.turn(0.0)
        pulses = room.pulses.values()
        assert sum(pulse.asked_at is not None for pulse in pulses) == ASKED
        await _eventually(lambda: any(pulse.alive is False for pulse in pulses))
        room.turn(1.0)
        assert all(pulse.asked_at is not None for pulse in pulses)
        room.turn(2.0)
        assert room.pulses["m0000"].alive is True
    room.close()


async def _eventually(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - it is the loop's readers that are waited for
        await asyncio.sleep(0)


async def test_of_many_dead_haproxy_is_told_again_in_turn() -> None:
    room = Room(None, {}, {})
    dead = {f"m{n:04}" for n in range(3 * AGAIN)}
    assert room.to_tell(dead) == dead
    room.dead = dead
    told = [room.to_tell(dead) for _ in range(3)]
    assert [len(some) for some in told] == [AGAIN] * 3
    assert set.union(*told) == dead
    assert room.to_tell(dead | {"new"}) >= {"new"}
    room.close()


def test_one_who_answers_without_end_is_not_listened_to_without_end() -> None:
    knocks = Knocks(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        assert knocks.ask(server.getsockname())
        _, client = server.recvfrom(1)
        for _ in range(AT_ONCE + 1):
            server.sendto(b"x", client)
        assert knocks.refused() == set()
        left = socket.socket(fileno=knocks.handle)
        assert left.recv(1) == b"x"
        left.detach()
    knocks.close()
