"""Certificates are told to the hosts that have a load balancer with them, and to no other."""

from typing import Any

import httpx2
from tests.contract.hosts_v1.conftest import Enrol

from polpo.api.hosts_v1.parts import Parts
from polpo.compiler.certificates import digest
from polpo.model.load_balancer import Listener, LoadBalancer
from polpo.model.placement import HIGH, Placement
from polpo.model.secret import Secret

PEM = b"-----BEGIN CERTIFICATE-----\n"


async def put(parts: Parts, project: str = "shop") -> None:
    def act(tx: Any) -> None:
        tx.put(
            LoadBalancer(
                id="B",
                project_id=project,
                vni=30,
                vip_address="10.0.0.9",
                vip_network_id="N",
                vip_port_id="V",
            )
        )
        tx.put(
            Listener(
                id="L",
                load_balancer_id="B",
                protocol="TERMINATED_HTTPS",
                protocol_port=443,
                default_tls_container_ref="http://polpo/key-manager/v1/secrets/S",
            )
        )
        tx.put(Secret(id="S", project_id="shop", sealed=parts.seal.close("S", PEM)))
        tx.put(Secret(id="T", project_id="shop", sealed=parts.seal.close("T", PEM)))
        tx.put(Placement(id="I", function_id="B", instance=3, host="h1", priority=HIGH))

    await parts.store.write(act)


async def ask(
    client: httpx2.AsyncClient, host: dict[str, Any], name: str, **query: str
) -> httpx2.Response:
    headers = {"authorization": f"Bearer {host['token']}"}
    return await client.get(f"/v1/hosts/{name}/certificate", params=query, headers=headers)


async def test_only_where_it_is_needed(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts
) -> None:
    here, elsewhere = await enrol("h1", "192.0.2.1"), await enrol("h2", "192.0.2.2")
    await put(parts)
    ref = "http://polpo/key-manager/v1/secrets/S"
    known = digest(parts.store.snapshot, "shop", ref)
    assert known
    found = await ask(client, here, "h1", ref=ref, digest=known)
    assert (found.status_code, found.content) == (200, PEM)
    assert (await ask(client, elsewhere, "h2", ref=ref, digest=known)).status_code == 404
    assert (await ask(client, elsewhere, "h1", ref=ref, digest=known)).status_code == 403
    other = digest(parts.store.snapshot, "shop", "T")
    assert other
    for query in ({"ref": ref, "digest": "x"}, {"ref": "T", "digest": other}, {}):
        assert (await ask(client, here, "h1", **query)).status_code == 404


async def test_another_projects_secret_is_nobodys_certificate(
    client: httpx2.AsyncClient, enrol: Enrol, parts: Parts
) -> None:
    here = await enrol("h1", "192.0.2.1")
    await put(parts, project="other")
    ref = "http://polpo/key-manager/v1/secrets/S"
    known = digest(parts.store.snapshot, "shop", ref)
    assert digest(parts.store.snapshot, "other", ref) is None
    assert known
    assert (await ask(client, here, "h1", ref=ref, digest=known)).status_code == 404
