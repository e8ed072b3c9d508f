"""Hosts: the cloud's admin alone sees and changes them; agents speak for themselves only."""

from typing import Any

import httpx2
import pytest
from tests.contract.hosts_v1.conftest import Enrol, TurnedClock

from polpo.api.hosts_v1.parts import Parts
from polpo.model.network import Network
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.router import INTERFACE

ADMIN = {"x-auth-token": "admin"}
EVERYTHING = [
    ("GET", "/v1/hosts"),
    ("POST", "/v1/hosts"),
    ("GET", "/v1/hosts/h1"),
    ("PUT", "/v1/hosts/h1"),
    ("DELETE", "/v1/hosts/h1"),
    ("POST", "/v1/hosts/h1/token"),
    ("GET", "/v1/status"),
    ("GET", "/metrics"),
]
AGENTS = [
    ("GET", "/v1/hosts/h1/target"),
    ("GET", "/v1/hosts/h1/certificate"),
    ("POST", "/v1/hosts/h1/status"),
    ("PUT", "/v1/hosts/h1/ports/P1"),
    ("DELETE", "/v1/hosts/h1/ports/P1"),
]


def bearer(host: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {host['token']}"}


async def put_port(parts: Parts, host: str = "") -> None:
    def act(tx: Any) -> None:
        tx.put(Network(id="N1", vni=7, mtu=1450))
        tx.put(Port(id="P1", network_id="N1", mac_address="02::1", host=host, wiring=tx.revision))

    await parts.store.write(act)


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_only_the_admin_may(
    client: httpx2.AsyncClient, enrol: Enrol, method: str, path: str
) -> None:
    host = await enrol("h1", "192.0.2.1")
    for token, code in (("", 401), ("nonsense", 401), ("member", 403), ("reader", 403)):
        answer = await client.request(method, path, headers={"x-auth-token": token})
        assert answer.status_code == code
        assert set(answer.json()["error"]) == {"code", "title", "message"}
        assert "h1" not in answer.text
    answer = await client.request(method, path, headers=bearer(host))
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), AGENTS)
async def test_only_the_host_itself_may(
    client: httpx2.AsyncClient, enrol: Enrol, method: str, path: str
) -> None:
    await enrol("h1", "192.0.2.1")
    other = await enrol("h2", "192.0.2.2")
    tries = [({}, 401), (ADMIN, 401), (bearer(other), 403), ({"authorization": "Bearer x"}, 401)]
    for headers, code in tries:
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == code, headers


async def test_the_token_is_shown_once(client: httpx2.AsyncClient, enrol: Enrol) -> None:
    host = await enrol("h1", "192.0.2.1")
    for path in ("/v1/hosts", "/v1/hosts/h1", f"/v1/hosts/{host['id']}"):
        text = (await client.get(path, headers=ADMIN)).text
        assert host["id"] in text
        assert host["token"] not in text
        assert "token_hash" not in text


async def test_a_rotated_token_is_void_at_once(client: httpx2.AsyncClient, enrol: Enrol) -> None:
    old = await enrol("h1", "192.0.2.1")
    new = (await client.post("/v1/hosts/h1/token", headers=ADMIN)).json()["host"]
    codes = [
        (
            await client.post("/v1/hosts/h1/status", headers=bearer(h), json={"revision": 1})
        ).status_code
        for h in (old, new)
    ]
    assert codes == [401, 200]


async def test_names_and_addresses_are_taken_once(client: httpx2.AsyncClient, enrol: Enrol) -> None:
    await enrol("h1", "192.0.2.1")
    for name, address in (("h1", "192.0.2.2"), ("h2", "192.0.2.1")):
        body = {"host": {"name": name, "address": address}}
        assert (await client.post("/v1/hosts", json=body, headers=ADMIN)).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"host": {}},
        {"host": {"name": "h", "address": "nowhere"}},
        {"host": {"name": "../h", "address": "192.0.2.1"}},
        {"host": {"name": "", "address": "192.0.2.1"}},
        {"host": {"name": "h", "address": "192.0.2.1", "token": "mine"}},
    ],
)
async def test_bad_hosts_are_refused(client: httpx2.AsyncClient, body: Any) -> None:
    answer = await client.post("/v1/hosts", json=body, headers=ADMIN)
    assert answer.status_code == 400
    assert (await client.post("/v1/hosts", content=b"\xff", headers=ADMIN)).status_code == 400


async def test_a_host_with_ports_stays(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts
) -> None:
    host = await enrol("h1", "192.0.2.1")
    await put_port(parts, "h1")
    assert (await client.delete("/v1/hosts/h1", headers=ADMIN)).status_code == 409
    gone = await client.delete("/v1/hosts/h1/ports/P1", headers=bearer(host))
    assert gone.status_code == 204
    assert (await client.delete("/v1/hosts/h1", headers=ADMIN)).status_code == 204
    assert (await client.get("/v1/hosts/h1", headers=ADMIN)).status_code == 404


async def test_a_port_is_bound_moved_and_unbound(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts
) -> None:
    one, two = await enrol("h1", "192.0.2.1"), await enrol("h2", "192.0.2.2")
    await put_port(parts)
    for host in (one, one, two):
        url = f"/v1/hosts/{host['name']}/ports/P1"
        answer = await client.put(url, headers=bearer(host))
        port = parts.store.snapshot.get(Port, "P1")
        assert port is not None
        assert answer.json()["port"]["host"] == port.host == host["name"]
        assert port.wiring == parts.store.snapshot.revision
    late = await client.delete("/v1/hosts/h1/ports/P1", headers=bearer(one))
    assert late.status_code == 404, "it has moved: the old host has no say"
    assert (await client.put("/v1/hosts/h1/ports/none", headers=bearer(one))).status_code == 404


async def test_waiting_for_a_revision(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts, clock: TurnedClock
) -> None:
    one, two = await enrol("h1", "192.0.2.1"), await enrol("h2", "192.0.2.2")
    head = parts.store.snapshot.revision
    for host, revision in ((one, head), (two, head - 1)):
        url = f"/v1/hosts/{host['name']}/status"
        answer = await client.post(url, headers=bearer(host), json={"revision": revision})
        assert answer.json() == {"revision": head}
    url = "/v1/revisions/head?timeout=0.05"
    late = await client.get(url, headers=ADMIN)
    assert (late.status_code, late.json()["error"]["hosts"]) == (504, ["h2"])
    late = await client.get(url, headers={"x-auth-token": "member"})
    assert (late.status_code, late.json()["error"]["lagging"]) == (504, 1)
    assert "h2" not in late.text
    clock.time += 10
    await client.post("/v1/hosts/h1/status", headers=bearer(one), json={"revision": head})
    clock.time += 10  # h2 has been silent for 20 s: it holds nobody up
    parts.convergence.heard()
    answer = await client.get(url, headers={"x-auth-token": "reader"})
    assert (answer.status_code, answer.json()["hosts"]) == (200, 1)


async def test_status_shows_every_host(client: httpx2.AsyncClient, enrol: Enrol) -> None:
    host = await enrol("h1", "192.0.2.1")
    await enrol("h2", "192.0.2.2")
    said = {"revision": 1, "ports": ["P1"], "drift": {"route": 2}, "drops": {"spoofed": 3}}
    await client.post("/v1/hosts/h1/status", headers=bearer(host), json=said)
    one, two = (await client.get("/v1/status", headers=ADMIN)).json()["hosts"]
    assert (one["host"], one["alive"], one["ports"], one["lag"]) == ("h1", True, 1, 1)
    assert (one["drift"], one["drops"]) == ({"route": 2}, {"spoofed": 3})
    assert (two["host"], two["alive"]) == ("h2", False)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"\xff", b'{"revision":"x"}', b'{"revision":1,"ports":7}']
)
async def test_a_bad_status_is_refused(
    client: httpx2.AsyncClient, enrol: Enrol, body: bytes
) -> None:
    host = await enrol("h1", "192.0.2.1")
    answer = await client.post("/v1/hosts/h1/status", headers=bearer(host), content=body)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/revisions/x", 400),
        ("/v1/revisions/1?timeout=x", 400),
        ("/v1/revisions/1?timeout=nan", 400),
        ("/v1/revisions/1?timeout=1e9", 400),
        ("/v1/status?wait=x", 400),
        ("/v1/nothing", 404),
        ("/", 200),
        ("/healthz", 200),
        ("/metrics", 200),
    ],
)
async def test_other_paths(client: httpx2.AsyncClient, path: str, code: int) -> None:
    answer = await client.get(path, headers=ADMIN)
    assert answer.status_code == code
    assert answer.headers["x-openstack-request-id"].startswith("req-")


async def test_measures_name_routes_not_paths(client: httpx2.AsyncClient, enrol: Enrol) -> None:
    await enrol("h1", "192.0.2.1")
    await client.get("/v1/hosts/h1", headers=ADMIN)
    await client.request("BREW", "/v1/hosts/h1", headers=ADMIN)
    text = (await client.get("/metrics", headers=ADMIN)).text
    assert 'polpo_requests_total{code="200",method="GET",route="/v1/hosts/{host}"} 1.0' in text
    assert "BREW" not in text
    assert 'polpo_objects{kind="host"} 1.0' in text


async def test_a_living_host_with_gateways_stays(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts, clock: TurnedClock
) -> None:
    """A dead one may go: its gateways get other homes."""
    host = await enrol("h1", "192.0.2.1")
    there = Placement(id="1", function_id="R", instance=3, host="h1", priority=200)
    await parts.store.write(lambda tx: tx.put(there))
    await client.post("/v1/hosts/h1/status", json={"revision": 1}, headers=bearer(host))
    refused = await client.delete("/v1/hosts/h1", headers=ADMIN)
    assert refused.status_code == 409
    assert "1 gateways of routers" in refused.json()["error"]["message"]
    clock.time += 60
    assert (await client.delete("/v1/hosts/h1", headers=ADMIN)).status_code == 204


async def test_a_routers_interface_is_nobodys_to_bind(
    client: httpx2.AsyncClient, parts: Parts, enrol: Enrol
) -> None:
    host = await enrol("h1", "192.0.2.1")
    port = Port(id="I", network_id="N1", mac_address="02::2", device_owner=INTERFACE)
    await parts.store.write(lambda tx: tx.put(port))
    answer = await client.put("/v1/hosts/h1/ports/I", headers=bearer(host))
    assert answer.status_code == 409
