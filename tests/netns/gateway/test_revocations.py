"""What a row allows no more is cut, also if it changed while the agent was away; the rest lives."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from polpo.kernel import netns
from polpo.target.forwarding import Forwarding
from polpo.testing.gateways import OUTSIDE, ROUTER, SERVER, SERVER6, GatewayCloud
from polpo.testing.hosts import HostUnderTest, eventually, inside, pings, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

A, B, FORWARDED, PORT = "203.0.113.10", "203.0.113.11", "203.0.113.20", 9000
Fields = dict[str, Any]
FIELDS: Fields = {
    "floating": ((A, "10.7.0.10"), (B, "10.7.0.11")),
    "forwardings": (Forwarding(FORWARDED, "udp", PORT, PORT, "10.7.0.12", PORT),),
    "snat": ("10.7.0.0/24",),
    "routed": ("fd07::/64",),
}
FLOWS = {  # who begins, by what address, whom: workloads, 0 is outside
    "forwarded": (0, FORWARDED, 12),
    "from A": (10, SERVER, 0),
    "to A": (0, A, 10),
    "from B": (11, SERVER, 0),
    "to B": (0, B, 11),
    "from router": (13, SERVER, 0),
    "from IPv6": (13, SERVER6, 0),
    "to IPv6": (0, "fd07::d", 13),
}
CHANGES: dict[str, tuple[Fields, set[str]]] = {
    "a floating IP goes": ({"floating": ((B, "10.7.0.11"),)}, {"from A", "to A"}),
    "a floating IP moves": (
        {"floating": ((A, "10.7.0.12"), (B, "10.7.0.11"))},
        {"from A", "to A"},
    ),
    "a floating IP comes": (
        {"floating": (*FIELDS["floating"], ("203.0.113.13", "10.7.0.13"))},
        {"from router"},
    ),
    "a forwarded port goes": ({"forwardings": ()}, {"forwarded"}),
    "a forwarded port moves": (
        {"forwardings": (Forwarding(FORWARDED, "udp", PORT, PORT, "10.7.0.11", PORT),)},
        {"forwarded"},
    ),
    "SNAT goes": ({"snat": ()}, {"from router"}),
    "IPv6 goes": ({"routed": ()}, {"from IPv6", "to IPv6"}),
    "nothing": ({"priority": 201}, set()),
}


class Flow:
    """Datagrams there, and back whenever the called one says something."""

    def __init__(self, caller: str, address: str, called: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        made = partial(socket.socket, family, socket.SOCK_DGRAM)
        self._caller, self._called = netns.inside(caller, made), netns.inside(called, made)
        self._called.bind(("", port))
        self._called.settimeout(10.0)
        self._caller.connect((address, port))
        self._caller.send(b"hello")
        _, self._peer = self._called.recvfrom(10)

    def lives(self, patience_s: float = 0.5) -> bool:
        """Whether the caller hears what the called one says to it."""
        self._called.sendto(b"news", self._peer)
        self._caller.settimeout(patience_s)
        with contextlib.suppress(TimeoutError, ConnectionError):
            return self._caller.recv(10) == b"news"
        return False

    def close(self) -> None:
        self._caller.close()
        self._called.close()


def cut_of(flows: dict[str, Flow], expected: set[str]) -> set[str]:
    """The names of those that are cut: who should not be is listened to for longer."""
    patience_s = {name: 0.5 if name in expected else 10.0 for name in flows}
    return {name for name, flow in flows.items() if not flow.lives(patience_s[name])}


class Scene:
    """Workloads 10 and 11 have floating IPs, 12 a forwarded port, 13 nothing."""

    def __init__(self, cloud: GatewayCloud, workloads: dict[int, str]) -> None:
        self.cloud, self.workloads = cloud, workloads

    @contextlib.contextmanager
    def flows(self) -> Iterator[dict[str, Flow]]:
        with contextlib.ExitStack() as stack:
            made = {}
            for number, (name, (caller, address, called)) in enumerate(FLOWS.items()):
                ends = (self._place(caller), address, self._place(called))
                made[name] = Flow(*ends, PORT + number)
                stack.callback(made[name].close)
            assert cut_of(made, set()) == set()
            yield made

    def _place(self, number: int) -> str:
        return self.workloads[number] if number else OUTSIDE

    @contextlib.asynccontextmanager
    async def changed(self, *hosts: HostUnderTest, **fields: Any) -> AsyncIterator[None]:
        await self.cloud.change(*hosts, **fields)
        try:
            yield
        finally:
            priorities = {"a": 200, "b": 150}
            for host in self.cloud.homes:
                own = {"priority": priorities[host.name], "preempt": False}
                await self.cloud.change(host, **own, **FIELDS)
            await self.reached(*self.cloud.homes)

    async def reached(self, *hosts: HostUnderTest) -> None:
        revision, statuses = self.cloud.controller.revision, self.cloud.controller.statuses
        await until(lambda: all(statuses[host.name].revision >= revision for host in hosts))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(cloud: GatewayCloud) -> Scene:
    workloads = {n: await cloud.workload(n) for n in (10, 11, 12, 13)}
    await cloud.change(**FIELDS)
    await until(lambda: all(pings(OUTSIDE, address) for address in (A, B, "fd07::d")))
    await until(lambda: pings(workloads[13], SERVER) and pings(workloads[13], SERVER6))
    return Scene(cloud, workloads)


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_allowed_no_more_is_cut(change: str, away: bool, scene: Scene) -> None:
    """By an agent that was there, or by one that was killed before and comes back after.

    That one finds no target on its disk either: of the former row it knows nothing.
    """
    fields, cut = CHANGES[change]
    active, _ = await scene.cloud.settled()
    with scene.flows() as flows:
        if away:
            await active.kill()
            (active.state / "target.jsonl").unlink()
        async with scene.changed(**fields):
            if away:
                await active.started()
            await scene.reached(active)
            assert cut_of(flows, cut) == cut


async def test_what_a_peer_knows_and_ones_own_row_does_not_allow_is_cut(scene: Scene) -> None:
    """The new active one has its connections from one that did not have the newer row yet."""
    _, other = await scene.cloud.settled()
    with scene.flows() as flows:
        async with scene.changed(other, snat=(), priority=250, preempt=True):
            await eventually(lambda: scene.cloud.is_active(other), "moved on purpose")
            await until(lambda: pings(OUTSIDE, A) and pings(OUTSIDE, "fd07::d"))
            await until(lambda: not flows["from router"].lives(), "it is cut")
            assert cut_of(flows, {"from router"}) == {"from router"}
    await scene.cloud.settled()


async def test_what_began_while_somebody_had_taken_the_rules_away_begins_anew(scene: Scene) -> None:
    """Untranslated it goes no further when they are back; translated it does."""
    active, _ = await scene.cloud.settled()
    inside(scene.cloud.netns(active), "nft flush chain inet polpo translate_source")
    made = partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    with (
        netns.inside(scene.workloads[13], made) as client,
        netns.inside(OUTSIDE, made) as server,
    ):
        server.bind((SERVER, PORT))
        server.setblocking(False)
        client.connect((SERVER, PORT))
        await until(lambda: client.send(b"hello") and heard(server) == {ROUTER})


def heard(sock: socket.socket) -> set[str]:
    """Whose datagrams have come."""
    found = set()
    with contextlib.suppress(BlockingIOError):
        while True:
            found.add(str(sock.recvfrom(10)[1][0]))
    return found
