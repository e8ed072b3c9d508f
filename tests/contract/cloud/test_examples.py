"""The manifests of examples/load-balancer, applied as they are."""

from pathlib import Path
from typing import Any

import yaml

from polpo.cloud.objects import SERVICES, Ingress
from polpo.kube.api import Api
from polpo.testing.cloud import Start, until

EXAMPLES = {
    path.stem: yaml.safe_load(path.read_text())
    for path in (Path(__file__).parents[3] / "examples/load-balancer").glob("*.yaml")
}


async def test_all_examples_get_their_addresses(api: Api, start: Start) -> None:
    await start()
    for body in EXAMPLES.values():
        body["metadata"]["namespace"] = "default"
        await api.create(SERVICES, body)
    found = {stem: await addresses(api, body) for stem, body in EXAMPLES.items()}
    assert {stem for stem, at in found.items() if len(at) == 2} == {"dual-stack"}
    inside = {stem for stem, at in found.items() if at[0].ip.startswith("10.100.")}
    assert inside == {"internal"}
    proxied = {stem for stem, at in found.items() if at[0].ip_mode == "Proxy"}
    assert proxied == {"client-address"}
    assert found["static"][0].ip == "203.0.113.50"


async def addresses(api: Api, body: dict[str, Any]) -> tuple[Ingress, ...]:
    name = body["metadata"]["name"]

    async def ready() -> tuple[Ingress, ...]:
        found = await api.get(SERVICES, name, "default")
        return found.ingress if found is not None else ()

    found: tuple[Ingress, ...] = await until(ready, f"{name} has no address")
    return found
