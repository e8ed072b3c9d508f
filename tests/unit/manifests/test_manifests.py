"""What users apply to their clusters."""

from collections.abc import Iterator
from string import Template
from typing import Any

import pytest
import yaml

from polpo.apps import cloud_controller, dns, ingress, policy, services
from polpo.kube.domains import SECRET
from polpo.manifests import FOLDER, Values, names, render, render_all

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


PROGRAMS = {
    "services": services.arguments,
    "policy": policy.arguments,
    "dns": dns.arguments,
    "cloud-controller": cloud_controller.arguments,
    "ingress": ingress.arguments,
}


def containers() -> Iterator[dict[str, Any]]:
    """Of all manifests, also of those that users fill in by `envsubst`."""
    fields = {name: getattr(VALUES, name) for name in VALUES.__struct_fields__}
    for file in sorted(FOLDER.glob("*.yaml")):
        text = Template(file.read_text()).safe_substitute(fields, upstream_address="10.96.0.11")
        for item in yaml.safe_load_all(text):
            pods = item.get("spec", {}).get("template", {})
            yield from pods.get("spec", {}).get("containers", ())


def words(container: dict[str, Any]) -> list[str]:
    """Its command line, with what Kubernetes puts for `$(NAME)`."""
    line = "\n".join(container["args"])
    for env in container.get("env", ()):
        line = line.replace(f"$({env['name']})", env.get("value", "192.0.2.1"))
    return line.split("\n")


def test_every_container_begins_with_words_that_its_program_takes() -> None:
    begun = set()
    for name, *given in map(words, containers()):
        PROGRAMS[name]().parse_args(given)
        begun.add(name)
    assert begun == PROGRAMS.keys()


def test_all_of_ours_are_there() -> None:
    assert set(OURS) <= set(names())


@pytest.mark.parametrize("name", ["services", "policy"])
def test_what_makes_services_work_needs_none(name: str) -> None:
    """Else it would wait for itself."""
    assert of_kind("Deployment", name)["spec"]["template"]["spec"]["hostNetwork"]
    environment = {e["name"]: e.get("value") for e in container(name)["env"]}
    assert environment["KUBERNETES_SERVICE_HOST"] == "10.0.0.5"
    assert environment["KUBERNETES_SERVICE_PORT"] == "6444"
    assert container(name)["args"][:3] == [name, "--cluster", "prod"]


def test_policies_names_are_resolved_by_whom_pods_ask() -> None:
    assert container("policy")["args"][3:] == ["--dns", "10.96.0.10"]


def test_dns_is_where_kubelet_says_and_of_the_clusters_domain() -> None:
    assert of_kind("Service", "dns")["spec"]["clusterIP"] == "10.96.0.10"
    assert "kubernetes k8s.example in-addr.arpa" in of_kind("ConfigMap", "dns")["data"]["Corefile"]


def test_dns_reads_what_policy_writes_and_no_other_secret() -> None:
    for name, verb in (("policy", "patch"), ("dns", "get")):
        (rule,) = of_kind("Role", name)["rules"]
        assert (rule["resources"], rule["verbs"]) == (["secrets"], [verb])
        assert rule["resourceNames"] == [SECRET[1]]
        bound = of_kind("RoleBinding", name)
        assert bound["roleRef"]["name"] == of_kind("Role", name)["metadata"]["name"]
        account = of_kind("Deployment", name)["spec"]["template"]["spec"]["serviceAccountName"]
        assert bound["subjects"][0]["name"] == account
    meta = of_kind("Secret", "policy")["metadata"]
    assert (meta["namespace"], meta["name"]) == SECRET
    assert "data" not in of_kind("Secret", "policy"), "applying it anew takes nothing away"
    assert "\n    domains\n" in of_kind("ConfigMap", "dns")["data"]["Corefile"]


@pytest.mark.parametrize("name", OURS)
def test_none_has_more_rights_than_it_needs(name: str) -> None:
    rules = of_kind("ClusterRole", name)["rules"]
    reads, says = ["get", "list", "watch"], ["create", "patch"]
    own = [f"polpo-{name}"]  # the Lease of who leads
    for rule in rules:
        match rule["resources"]:
            case ["leases"]:
                writes = rule["verbs"] == ["create"]
                assert writes or (rule["resourceNames"], rule["verbs"][0]) == (own, "get")
            case ["events"]:
                assert rule["verbs"] == says
            case [*kinds] if all(kind.endswith("/status") for kind in kinds):
                assert rule["verbs"] == ["patch"]
            case _:
                assert rule["verbs"] == reads
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
