"""What deploy/ has for DNS: manifests that are YAML, Corefiles that would be served."""

from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from polpo.dns.corefile.parse import parse
from polpo.dns.server.plan import Plan, make_plan

FOLDER = Path(__file__).parents[3] / "deploy/kubernetes"
VALUES = {
    "image": "polpo:latest",
    "domain": "cluster.local",
    "dns_address": "10.254.0.10",
    "upstream_address": "10.254.0.11",
}


def objects(name: str) -> list[dict[str, Any]]:
    text = Template((FOLDER / name).read_text()).substitute(VALUES)
    return list(yaml.safe_load_all(text))


def plan_of(name: str) -> Plan:
    corefiles = [o["data"]["Corefile"] for o in objects(name) if o["kind"] == "ConfigMap"]
    return make_plan(parse(corefiles[0], "Corefile"), 53)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("dns.yaml", {"dns://:53"}),
        ("node-local-dns.yaml", {"dns://169.254.20.10:53", "dns://10.254.0.10:53"}),
    ],
)
def test_a_manifests_corefile_is_served(name: str, labels: set[str]) -> None:
    assert {server.label for server in plan_of(name).servers} == labels


def test_nodes_answer_for_the_cluster_backwards_and_for_all_else() -> None:
    (zones,) = {tuple(server.zones) for server in plan_of("node-local-dns.yaml").servers}
    assert len(zones) == 4


def test_the_selectors_find_the_pods_that_the_manifests_make() -> None:
    (deployment,) = [o for o in objects("dns.yaml") if o["kind"] == "Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    services = [
        o
        for name in ("dns.yaml", "node-local-dns.yaml")
        for o in objects(name)
        if o["kind"] == "Service"
    ]
    assert len(services) == 2
    assert all(service["spec"]["selector"].items() <= labels.items() for service in services)
