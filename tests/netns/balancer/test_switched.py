"""What the switch carries: UDP of any load balancer, and all of one of provider `switch`.

Members see the client itself. No instance is on the way: they may all be lost, and the client does
not notice. That they are there is for health: who does not answer gets nothing new.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.model.load_balancer import SWITCHED, HealthMonitor, Listener, Outage, Pool
from polpo.testing import balanced, pid_files
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    LISTENER,
    MEMBERS,
    POOL,
    PORT,
    VIP,
    BalancerCloud,
    Client,
    Datagrams,
    member,
    program,
    serving,
    workload,
)
from polpo.testing.hosts import PREFIX, eventually, inside

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

OF: dict[str, Any] = {"load_balancer_id": BALANCER.id}
ELSEWHERE, LONG = f"{PREFIX}w23", 20
DATAGRAMS = Listener(id="datagrams", protocol="UDP", protocol_port=53, default_pool_id="u", **OF)
UDP_POOL = Pool(id="u", protocol="UDP", lb_algorithm="SOURCE_IP_PORT", **OF)
MONITOR = HealthMonitor(
    id="checks", pool_id="pool", type="TCP", delay=1, timeout=1, max_retries=1, max_retries_down=1,
    **OF,
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def switched(cloud: BalancerCloud) -> AsyncIterator[BalancerCloud]:
    """Provider `switch`; one member more, on the host of an instance; all answer UDP, too."""
    with ExitStack() as leaving:
        await cloud.change(workload(23, "a"))
        await cloud.a.plug(workload(23, "a").id, ELSEWHERE)
        leaving.enter_context(serving(ELSEWHERE, PORT))
        for name in (*MEMBERS, ELSEWHERE):
            process = program(name, "echo", str(PORT), name)
            leaving.callback(process.communicate)
            leaving.callback(process.kill)
        udp = [replace(member(n), id=f"u{n}", pool_id="u") for n in (21, 22, 23)]
        tcp = replace(LISTENER, protocol="TCP", insert_headers={})
        revision = await cloud.change(
            *(replace(BALANCER, provider=SWITCHED), tcp, replace(POOL, protocol="TCP")),
            *(DATAGRAMS, UDP_POOL, *udp, member(23), MONITOR),
        )
        await cloud.reached(revision)
        yield cloud


def said(port: int = 80, count: int = 30) -> list[dict[str, Any]]:
    """What members say over so many connections."""
    got = [inside(CLIENT, f"curl -sS --max-time 5 http://{VIP}:{port}/") for _ in range(count)]
    return [json.loads(one) for one in got]


def answer() -> dict[str, Any]:
    """Of one datagram, from a socket of its own."""
    asked = f"{sys.executable} {balanced.__file__} datagram {VIP} 53"
    found: dict[str, Any] = json.loads(inside(CLIENT, asked))
    return found


def named(answers: list[dict[str, Any]]) -> set[str]:
    return {one["member"] for one in answers}


async def test_members_wherever_they_are_see_the_client_itself(switched: BalancerCloud) -> None:
    got = said()
    assert named(got) == {"10.7.0.21", "10.7.0.22", "10.7.0.23"}
    assert {one["from"] for one in got} == {"10.7.0.20"}
    answers = [answer() for _ in range(20)]

    async def all_answer() -> bool:
        answers.append(answer())
        return named(answers) == {*MEMBERS, ELSEWHERE}

    await eventually(all_answer, "each member answers some ports")
    assert {one["from"] for one in answers} == {"10.7.0.20"}


async def test_what_is_carried_is_counted_on_the_clients_host(switched: BalancerCloud) -> None:
    async def counted() -> bool:
        served = (await switched.c.status()).get("served", {})
        flows = [served.get(one.id, [0, 0, 0, 0, 0]) for one in (LISTENER, DATAGRAMS)]
        (*_, http, _), (bytes_in, _, _, datagrams, _) = flows
        return bool(http >= 30 and datagrams >= 20 and bytes_in >= 20 * 43)

    await eventually(counted, "what was carried is told")


async def test_nobody_notices_that_the_instances_are_lost(switched: BalancerCloud) -> None:
    """Both of them, as far as anybody can see: no HAProxy, no keepalived."""
    connections = await asyncio.to_thread(Client, VIP, 80, LONG)
    datagrams = await asyncio.to_thread(Datagrams, VIP, 53)
    try:
        for host in switched.homes:
            names = ("keepalived.pid", "vrrp.pid", "haproxy.pid")
            pid_files.kill(*(switched.files(host) / name for name in names))
        await asyncio.sleep(1.0)
    finally:
        seen = await asyncio.to_thread(connections.end)
        heard = await asyncio.to_thread(datagrams.end)
    print(seen, heard)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    assert heard["answered"] == heard["asked"] > 20
    await switched.settled()


async def test_a_member_that_does_not_answer_is_seen_and_gets_nothing_new(
    switched: BalancerCloud,
) -> None:
    """The controller's part, between what is seen and what is out, is done by hand here."""

    async def seen() -> bool:
        active, _ = await switched.settled()
        balancing = (await active.status()).get("balancing", {}).get(str(BALANCER.vni), {})
        members = balancing.get("members", {})
        return (members.get("member-24"), members.get("member-21")) == ("DOWN", "UP")

    gone = member(24)
    await switched.reached(await switched.change(gone))
    await eventually(seen, "a member is seen to be down")
    await switched.reached(await switched.change(Outage(id=gone.id, load_balancer_id=BALANCER.id)))
    await eventually(switched_off, "nothing goes to it")


async def switched_off() -> bool:
    try:
        return len(said()) == 30
    except AssertionError:
        return False


async def test_established_connections_outlive_the_removal_of_others(
    switched: BalancerCloud,
) -> None:
    connections = await asyncio.to_thread(Client, VIP, 80, LONG)
    try:
        more = [replace(member(23), id=f"m{n}", protocol_port=n) for n in range(7000, 7040)]
        for port in more:
            await switched.change(replace(port, weight=0))
        await switched.remove(*more)
        await switched.reached(await switched.change(replace(member(22), weight=0)))
        await asyncio.sleep(0.5)
    finally:
        seen = await asyncio.to_thread(connections.end)
    print(seen)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    assert "10.7.0.22" not in {one["member"] for one in said()}
