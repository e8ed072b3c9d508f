"""The examples are taken as they are."""

from pathlib import Path

import pytest
import yaml

from polpo.testing.gateway_routes import Found
from polpo.testing.kubernetes.gateways import gateway_class
from polpo.testing.kubernetes.ingresses import config_map, tls_secret
from polpo.testing.kubernetes.objects import Object, namespace, service

EXAMPLES = Path(__file__).parents[4] / "examples/gateway"
CAFE = tls_secret("cafe", "cafe.example.com")
BESIDE: dict[str, list[Object]] = {
    "cafe": [CAFE, *(service(n, ports="x:tcp:80") for n in ("tea", "coffee", "coffee-new"))],
    "other-namespace": [
        namespace("default", gateway="shared"),
        service("cake", "bakery", ports="x:tcp:80"),
    ],
    "to-tls": [CAFE, *(service(n, ports="x:tcp:443") for n in ("bank", "vault")),
               config_map("vault-ca", **{"ca.crt": ""})],
}  # fmt: skip


def example(name: str) -> list[Object]:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    found = [one for one in yaml.safe_load_all(text) if one]
    for number, one in enumerate(found):
        if one["kind"] != "GatewayClass":
            one["metadata"].setdefault("namespace", "default")
        one["metadata"] |= {"uid": str(number), "generation": 1}
    return found


@pytest.mark.parametrize("name", sorted(BESIDE))
def test_an_example_is_accepted_and_resolved(name: str) -> None:
    found = Found(gateway_class(), *BESIDE[name], *example(name))
    for status in found.compiled.statuses:
        if status.kind.endswith("Route"):
            said = found.of_route(status.kind, status.key.partition("/")[2])
            assert said == {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}, status.key
    assert found.compiled.doors


def test_the_class_of_the_examples_is_ours() -> None:
    (given,) = example("class")
    assert Found(given).status("GatewayClass", "polpo")


def test_the_cafe_is_where_its_guide_says() -> None:
    found = Found(gateway_class(), *BESIDE["cafe"], *example("cafe"))
    assert found.where(443, "cafe.example.com", "/tea") == "tea"
    ((_, shares),) = found.table.splits.items()
    assert [grains for _, grains in shares] == [900, 100]
