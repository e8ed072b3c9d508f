"""`GET` and `POST /v1/trace`: who may ask, what is told to whom, and bad questions."""

import asyncio
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.api.hosts_v1.parts import Parts
from polpo.model.probe import Probe, ProbePlace
from polpo.store.transaction import Transaction
from polpo.target.status import Status
from polpo.testing.traced import CLOUD


def fill(tx: Transaction) -> None:
    for obj in CLOUD:
        tx.put(obj)


@pytest_asyncio.fixture(autouse=True)
async def cloud(parts: Parts) -> None:
    await parts.store.write(fill)
    revision = parts.store.snapshot.revision
    for host, ports in {"h1": ("a1", "b1"), "h2": ("a2", "b2"), "h3": ("b3",)}.items():
        status = Status(revision=revision, ports=ports)
        parts.reports.hear(host, msgspec.json.encode(status))


async def ask(
    client: httpx2.AsyncClient, role: str = "member", **query: str
) -> tuple[int, dict[str, Any]]:
    given = {"from": "a1", "to": "10.1.0.22", "protocol": "tcp", "port": "80"} | query
    answer = await client.get("/v1/trace", params=given, headers={"x-auth-token": role})
    body = answer.json()
    return answer.status_code, body.get("trace", body)


async def test_a_user_sees_what_is_the_users(client: httpx2.AsyncClient) -> None:
    code, found = await ask(client)
    assert code == 200
    assert (found["verdict"], found["reason"], found["pending"]) == ("delivered", None, 0)
    assert found["steps"] == [
        told("port", "sends from 10.0.0.11", kind="port", id="a1", name="a1"),
        told("next hop", "has 0.0.0.0/0 by way of 10.0.0.1", kind="subnet", id="blue4", name=""),
        told(
            *("rule", "lets it out: tcp 80 to 10.1.0.22"),
            kind="security_group_rule",
            id="clients-out",
            name="",
            security_group_id="clients",
        ),
        told("route", "has 10.1.0.1/24 on the link", kind="router", id="r", name="r"),
        told("tunnel", "gets it", kind="host"),
        told(
            *("rule", "lets it in: tcp 80 from 10.0.0.11"),
            kind="security_group_rule",
            id="web-in",
            name="",
            security_group_id="web",
        ),
        told("deliver", "gets it", kind="port", id="b2", name="b2"),
    ]


def told(step: str, text: str, **about: str) -> dict[str, Any]:
    return {"step": step, "text": text, "object": about}


async def test_the_admin_sees_hosts_and_numbers_of_networks(client: httpx2.AsyncClient) -> None:
    _, found = await ask(client, "admin")
    (tunnel,) = (step for step in found["steps"] if step["step"] == "tunnel")
    assert tunnel["object"] == {"kind": "host", "id": "h2", "name": ""}
    assert (tunnel["host"], tunnel["segment"]) == ("h1", 8)
    assert [step["host"] for step in found["steps"]] == [*["h1"] * 5, *["h2"] * 2]


async def test_what_another_project_has_is_not_named(client: httpx2.AsyncClient) -> None:
    _, found = await ask(client, to="10.1.0.23")
    assert (found["verdict"], found["reason"]) == ("dropped", "ingress_policy")
    assert found["steps"][-1] == told("drop", "has no rule that lets it in", kind="port")
    _, by_admin = await ask(client, "admin", to="10.1.0.23")
    assert by_admin["steps"][-1]["object"]["id"] == "b3"


async def test_ports_of_others_are_not_there(client: httpx2.AsyncClient) -> None:
    assert (await ask(client, **{"from": "b3"}))[0] == 404
    assert (await ask(client, **{"from": "nothing"}))[0] == 404
    assert (await ask(client, "admin", **{"from": "b3"}))[0] == 200
    assert (await ask(client, "reader"))[0] == 200
    assert (await ask(client, "nobody"))[0] == 401


@pytest.mark.parametrize(
    "query",
    [
        {"to": ""},
        {"to": "10.1.0"},
        {"to": "b2"},
        {"to": "224.0.0.1"},
        {"to": "255.255.255.255"},
        {"to": "::"},
        {"to": "fe80::1%eth0"},
        {"to": "fe80::1"},
        {"to": "::1"},
        {"to": "127.0.0.1"},
        {"to": "::ffff:10.0.0.1"},
        {"protocol": "ospf"},
        {"protocol": ""},
        {"port": "0"},
        {"port": "65536"},
        {"port": "http"},
        {"port": ""},
        {"port": "²"},
    ],
    ids=str,
)
async def test_bad_questions(client: httpx2.AsyncClient, query: dict[str, str]) -> None:
    code, body = await ask(client, **query)
    assert code == 400
    assert body["error"]["message"]


async def sees(parts: Parts, sightings: dict[str, tuple[str, ...]]) -> None:
    """Agents that follow a packet: they look, and say what they saw once it is sent."""
    while not (made := probe(parts)):
        await parts.store.wait_after(parts.store.snapshot.revision)
    assert not made.armed
    for host in sightings:
        report(parts, host)
    while not ((now := probe(parts)) and now.armed):
        await parts.store.wait_after(parts.store.snapshot.revision)
    for host, places in sightings.items():
        report(parts, host, tuple((made.id, place) for place in places))


def probe(parts: Parts) -> Probe | None:
    return next((p for p in parts.store.snapshot.all(Probe) if p.id != "left"), None)


def report(parts: Parts, host: str, sighted: tuple[tuple[str, str], ...] = ()) -> None:
    known = parts.reports.get(host)
    assert known is not None
    revision = parts.store.snapshot.revision
    status = replace(known.status, revision=revision, sighted=sighted)
    parts.reports.hear(host, msgspec.json.encode(status))
    parts.convergence.heard()


async def prove(
    client: httpx2.AsyncClient, role: str = "member", **asked: str | int
) -> tuple[int, dict[str, Any]]:
    given = {"from": "a1", "to": "10.1.0.22", "protocol": "tcp", "port": 80} | asked
    headers = {"x-auth-token": role}
    answer = await client.post("/v1/trace", json={"trace": given}, headers=headers)
    body = answer.json()
    return answer.status_code, body.get("trace", body)


async def test_a_packet_is_sent_and_seen(client: httpx2.AsyncClient, parts: Parts) -> None:
    seen = {"h1": ("sent", "out"), "h2": ("in", "to/b2"), "h3": ()}
    agents = asyncio.create_task(sees(parts, seen))
    code, found = await prove(client)
    await agents
    assert code == 200
    assert found["live"] == {"verdict": "delivered", "reasons": [], "agrees": True}
    assert [step["seen"] for step in found["steps"]] == [True, None, None, None, True, None, True]
    assert not list(parts.store.snapshot.all(Probe)), "it is removed when it was seen"


async def test_why_others_packets_were_dropped_is_the_admins_to_see(
    client: httpx2.AsyncClient, parts: Parts
) -> None:
    seen = {"h1": ("sent", "out", "dropped/malformed"), "h2": ("in", "dropped/ingress_policy")}
    for role, reasons in (
        ("member", ["ingress_policy"]),
        ("admin", ["ingress_policy", "malformed"]),
    ):
        agents = asyncio.create_task(sees(parts, {**seen, "h3": ()}))
        _, found = await prove(client, role, port=443)
        await agents
        assert found["live"] == {"verdict": "dropped", "reasons": reasons, "agrees": True}


async def test_who_may_not_write_sends_nothing(client: httpx2.AsyncClient, parts: Parts) -> None:
    before = parts.store.snapshot.revision
    assert (await prove(client, "reader"))[0] == 403
    assert (await prove(client, **{"from": "b3"}))[0] == 404
    assert (await prove(client, to="nobody"))[0] == 400
    headers = {"x-auth-token": "member"}
    for text in ("", "[]", '{"trace": 1}', '{"trace": {"to": null}}', "\udcff"):
        content = text.encode("utf-8", "surrogateescape")
        answer = await client.post("/v1/trace", content=content, headers=headers)
        assert answer.status_code == 400
    assert parts.store.snapshot.revision == before


async def test_what_never_leaves_its_workload_is_not_sent(client: httpx2.AsyncClient) -> None:
    code, found = await prove(client, to="10.0.0.99")
    assert (code, found["reason"]) == (200, "unresolved")
    assert "live" not in found


async def test_probes_of_a_controller_that_died_are_removed(
    client: httpx2.AsyncClient, parts: Parts
) -> None:
    place, past = (ProbePlace("h1"),), "2026-01-01T00:00:00Z"
    left = Probe(id="left", sender="a1", frame="00" * 60, places=place, until=past)
    await parts.store.write(lambda tx: tx.put(left))
    agents = asyncio.create_task(sees(parts, {"h1": ("sent",), "h2": ("to/b2",), "h3": ()}))
    await prove(client)
    await agents
    assert not list(parts.store.snapshot.all(Probe))


async def test_a_port_that_no_host_has_reported_is_not_plugged_in(
    client: httpx2.AsyncClient, parts: Parts
) -> None:
    parts.reports.hear("h1", msgspec.json.encode(Status(revision=0, ports=("b1",))))
    _, found = await ask(client)
    assert (found["reason"], found["pending"]) == ("unplugged", 1)


async def test_pings_of_both_families(client: httpx2.AsyncClient) -> None:
    _, found = await ask(client, to="10.0.0.1", protocol="icmp", port="")
    assert found["verdict"] == "answered"
    _, found = await ask(client, to="fd00::1", protocol="icmp", port="")
    assert found["verdict"] == "answered"
    assert found["steps"][-1]["object"]["id"] == "r"


async def test_the_metadata_service_has_link_local_addresses(client: httpx2.AsyncClient) -> None:
    for to in ("169.254.169.254", "fe80::a9fe:a9fe"):
        code, found = await ask(client, to=to)
        assert code == 200, found
