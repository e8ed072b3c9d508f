"""What users apply to their clusters."""

from typing import Any

import pytest
import yaml

from polpo.manifests import Values, names, render, render_all

VALUES = Values(
    cluster="prod",
    image="polpo:1",
    api_host="10.0.0.5",
    api_port=6444,
    dns_address="10.96.0.10",
    domain="k8s.example",
)
OURS = ("services", "policy", "dns")


def objects(*chosen: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(render_all(chosen, VALUES)))


def of_kind(kind: str, *chosen: str) -> dict[str, Any]:
    (found,) = (one for one in objects(*chosen) if one["kind"] == kind)
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = of_kind("Deployment", name)["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_all_of_ours_are_there() -> None:
    assert set(OURS) <= set(names())


@pytest.mark.parametrize("name", ["services", "policy"])
def test_what_makes_services_work_needs_none(name: str) -> None:
    """Else it would wait for itself."""
    assert of_kind("Deployment", name)["spec"]["template"]["spec"]["hostNetwork"]
    environment = {e["name"]: e["value"] for e in container(name)["env"]}
    assert environment["KUBERNETES_SERVICE_HOST"] == "10.0.0.5"
    assert environment["KUBERNETES_SERVICE_PORT"] == "6444"
    assert container(name)["args"] == [name, "--cluster", "prod"]


def test_dns_is_where_kubelet_says_and_of_the_clusters_domain() -> None:
    assert of_kind("Service", "dns")["spec"]["clusterIP"] == "10.96.0.10"
    assert "kubernetes k8s.example in-addr.arpa" in of_kind("ConfigMap", "dns")["data"]["Corefile"]


@pytest.mark.parametrize("name", OURS)
def test_none_has_more_rights_than_it_needs(name: str) -> None:
    rules = of_kind("ClusterRole", name)["rules"]
    reads, says = ["get", "list", "watch"], ["create", "patch"]
    for rule in rules:
        assert rule["verbs"] == (says if rule["resources"] == ["events"] else reads)
    assert not {"secrets", "*"} & {kind for rule in rules for kind in rule["resources"]}
    pod = of_kind("Deployment", name)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    guard = container(name)["securityContext"]
    assert guard["capabilities"] == {"drop": ["ALL"]}
    assert guard["readOnlyRootFilesystem"]
    assert not guard["allowPrivilegeEscalation"]
    assert container(name)["image"] == "polpo:1"


def test_a_value_that_there_is_not_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        render("none", VALUES)
