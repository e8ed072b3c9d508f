"""Nodes are known by their machines: polpo's hosts, and ports of the nodes' names."""

from typing import Any

from polpo.cloud.members import UNINITIALIZED
from polpo.cloud.objects import NODES, Node
from polpo.kube.api import Api
from polpo.testing.cloud import Cloud, Start, until

WAITS = {"key": UNINITIALIZED, "value": "true", "effect": "NoSchedule"}


async def joined(api: Api, name: str) -> None:
    """As its kubelet makes it, with --cloud-provider=external."""
    await api.create(NODES, {"metadata": {"name": name}, "spec": {"taints": [WAITS]}})


async def initialized(api: Api, name: str) -> Node:
    async def done() -> Node | None:
        found = await api.get(NODES, name)
        assert found is not None
        waits = any(taint.key == UNINITIALIZED for taint in found.spec.taints or ())
        return None if waits else found

    found: Node = await until(done, f"{name} waits")
    return found


def addresses(node: Node) -> list[tuple[str, str]]:
    return [(one.type, one.address) for one in node.status.addresses or ()]


async def test_a_node_is_told_its_host_and_its_addresses(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    await joined(api, "h1")
    found = await initialized(api, "h1")
    assert found.spec.provider_id == "polpo:///hosts/h1"
    assert addresses(found) == [("InternalIP", "192.0.2.1"), ("Hostname", "h1")]
    await api.delete(NODES, "h1")


async def test_a_node_goes_with_its_machine_when_it_is_not_ready(
    api: Api, cloud: Cloud, start: Start
) -> None:
    body = {"port": {"network_id": cloud.pods, "name": "vm-1"}}
    port: Any = cloud.session.network("POST", "/ports", body)["port"]
    await start()
    await joined(api, "vm-1")
    found = await initialized(api, "vm-1")
    assert found.spec.provider_id == f"polpo:///ports/{port['id']}"
    cloud.session.network("DELETE", f"/ports/{port['id']}")
    down = [{"type": "Ready", "status": "Unknown"}]
    await api.patch(NODES, "vm-1", "", {"status": {"conditions": down}}, "status")

    async def gone() -> bool:
        return await api.get(NODES, "vm-1") is None

    await until(gone, "it stays")


async def test_a_node_that_nobody_knows_waits_and_others_do_not(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    await joined(api, "stranger")
    await joined(api, "h2")
    await initialized(api, "h2")
    found = await api.get(NODES, "stranger")
    assert found is not None
    assert [taint.key for taint in found.spec.taints or ()].count(UNINITIALIZED) == 1
    assert found.spec.provider_id == ""
    for name in ("stranger", "h2"):
        await api.delete(NODES, name)
