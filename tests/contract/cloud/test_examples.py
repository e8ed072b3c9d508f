"""The manifests of examples/load-balancer, applied as they are."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from polpo.cloud.objects import SERVICES, Service
from polpo.kube.api import Api
from polpo.testing.cloud import Cloud, Start, until

EXAMPLES = sorted((Path(__file__).parents[3] / "examples/load-balancer").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_gets_its_addresses(
    path: Path, api: Api, cloud: Cloud, start: Start
) -> None:
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    body["metadata"]["namespace"] = "default"
    name = body["metadata"]["name"]
    await start()
    await api.create(SERVICES, body)

    async def ready() -> Service | None:
        found = await api.get(SERVICES, name, "default")
        return found if found is not None and found.ingress else None

    found: Service = await until(ready, f"{name} has no address")
    assert all(one.ip for one in found.ingress)
    assert len(found.ingress) == (2 if path.stem == "dual-stack" else 1)
    is_inside = found.ingress[0].ip.startswith("10.100.")
    assert is_inside == (path.stem == "internal")
    proxied = found.ingress[0].ip_mode == "Proxy"
    assert proxied == (path.stem == "client-address")
