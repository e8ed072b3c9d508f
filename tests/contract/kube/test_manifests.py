"""What users apply to their clusters: the real API server takes it, with the rights it needs."""

import importlib
import json
import pkgutil
from typing import Any

import yaml

import polpo.cloud
import polpo.ingress
import polpo.policy
import polpo.services
from polpo.cli.manifest import MORE, PROGRAMS
from polpo.kube.client import Client
from polpo.kube.resources import Resource
from polpo.manifests import Values, render
from polpo.testing.hosts import eventually

VALUES = Values(cluster="prod", image="polpo:1", api_host="10.0.0.5", dns_address="10.254.0.10")
CORE, RBAC = "/api/v1", "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
SYSTEM, READS = "kube-system", ("list", "watch")
PATHS = {
    "Namespace": (CORE, "namespaces"),
    "ServiceAccount": (CORE, "serviceaccounts"),
    "ConfigMap": (CORE, "configmaps"),
    "Secret": (CORE, "secrets"),
    "Service": (CORE, "services"),
    "ClusterRole": (RBAC, "clusterroles"),
    "ClusterRoleBinding": (RBAC, "clusterrolebindings"),
    "Role": (RBAC, "roles"),
    "RoleBinding": (RBAC, "rolebindings"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "MutatingAdmissionPolicy": (ADMISSION, "mutatingadmissionpolicies"),
    "MutatingAdmissionPolicyBinding": (ADMISSION, "mutatingadmissionpolicybindings"),
    "IngressClass": ("/apis/networking.k8s.io/v1", "ingressclasses"),
}
Right = tuple[str, str, str]
"""Verb; group and resource, as `kubectl auth can-i` has them; namespace, "" for all."""


def named_in(package: Any) -> set[Resource[Any]]:
    """The kinds that a program's modules have names for."""
    inside = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    modules = [importlib.import_module(module.name) for module in inside]
    return {v for module in modules for v in vars(module).values() if isinstance(v, Resource)}


def reads(package: Any, *only_gets: str, never: str = "") -> list[Right]:
    found = sorted((r.plural, r.group) for r in named_in(package) if r.plural != never)
    kinds = [f"{plural}.{group}".rstrip(".") for plural, group in found if plural not in only_gets]
    gets = [("get", kind, "") for kind in only_gets]
    return [*((verb, kind, "") for kind in kinds for verb in READS), *gets]


def leads(namespace: str, name: str) -> list[Right]:
    lease = f"leases.coordination.k8s.io/{name}"
    return [
        ("create", "leases.coordination.k8s.io", namespace),
        *((verb, lease, namespace) for verb in ("get", "update")),
    ]


SAYS: list[Right] = [(verb, "events.events.k8s.io", "") for verb in ("create", "patch")]
ROUTES = ("gatewayclasses", "gateways", "httproutes", "grpcroutes", "tlsroutes")
CLASSES = ("clusternetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies")
NEEDS: dict[str, list[Right]] = {
    f"{SYSTEM}:polpo-services": [*reads(polpo.services), *SAYS, *leads(SYSTEM, "polpo-services")],
    f"{SYSTEM}:polpo-policy": [
        *reads(polpo.policy, never="secrets"),
        ("patch", "secrets/polpo-domains", SYSTEM),
        *SAYS,
        *(("patch", f"{kind}.policy.networking.k8s.io#status", "") for kind in CLASSES),
    ],
    f"{SYSTEM}:coredns": [
        ("get", "secrets/polpo-domains", SYSTEM),
        *(
            (verb, kind, "")
            for kind in ("services", "pods", "namespaces", "endpointslices.discovery.k8s.io")
            for verb in READS
        ),
    ],
    f"{SYSTEM}:polpo-cloud-controller": [
        *reads(polpo.cloud, "namespaces"),
        *SAYS,
        *leads(SYSTEM, "polpo-cloud-controller"),
        ("delete", "nodes", ""),
        *(("patch", kind, "") for kind in ("nodes", "services")),
        *(("patch", kind, "") for kind in ("nodes#status", "services#status")),
    ],
    "polpo-ingress:polpo-ingress": [
        *reads(polpo.ingress),
        *SAYS,
        *leads("polpo-ingress", "polpo-ingress"),
        ("patch", "ingresses.networking.k8s.io#status", ""),
        *(("patch", f"{kind}.gateway.networking.k8s.io#status", "") for kind in ROUTES),
        *((verb, "services", "polpo-ingress") for verb in ("create", "patch", "delete")),
    ],
}
FORBIDDEN: list[Right] = [
    ("create", "pods", SYSTEM),
    ("get", "secrets", SYSTEM),
    ("patch", "clusterroles.rbac.authorization.k8s.io", ""),
    ("get", "nodes#proxy", ""),
    ("update", "leases.coordination.k8s.io/kube-scheduler", SYSTEM),
]


async def apply_all(admin: Client) -> None:
    """Strictly: a field that there is not is an error."""
    for name in (*PROGRAMS, *MORE):
        for item in yaml.safe_load_all(render(name, VALUES)):
            root, plural = PATHS[item["kind"]]
            namespace = item["metadata"].get("namespace")
            inside = f"/namespaces/{namespace}" if namespace else ""
            path = f"{root}{inside}/{plural}/{item['metadata']['name']}"
            query = {"fieldManager": "test", "force": "true", "fieldValidation": "Strict"}
            body = json.dumps(item).encode()
            await admin.call(
                "PATCH", path, query, body=body, content="application/apply-patch+yaml"
            )


async def may(admin: Client, account: str, right: Right) -> bool:
    verb, what, namespace = right
    kind, _, name = what.partition("/")
    kind, _, part = kind.partition("#")
    plural, _, group = kind.partition(".")
    asked = {"verb": verb, "resource": plural, "group": group, "name": name}
    asked |= {"subresource": part, "namespace": namespace}
    user = f"system:serviceaccount:{account}"
    body = json.dumps({"spec": {"user": user, "resourceAttributes": asked}}).encode()
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(json.loads(await admin.call("POST", path, body=body))["status"]["allowed"])


async def test_all_is_taken_and_every_program_may_do_what_it_does(admin: Client) -> None:
    await apply_all(admin)
    missing = [
        (account, right)
        for account, rights in NEEDS.items()
        for right in rights
        if not await may(admin, account, right)
    ]
    assert not missing
    excess = [
        (account, right)
        for account in NEEDS
        if account.startswith(SYSTEM)
        for right in FORBIDDEN
        if await may(admin, account, right)
    ]
    assert not excess


NETWORK, SUBNET, ADDRESS = (f"polpo.dev/{what}" for what in ("network", "subnet", "address"))
OF_NAMESPACES: dict[str, dict[str, str]] = {
    "plain": {},
    "noted": {"note": "other"},
    "db": {NETWORK: "db", SUBNET: "db-4", "note": "other"},
}
PODS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "nobody chooses": ("plain", {}, {}),
    "a namespace that says other things": ("noted", {"a": "b"}, {"a": "b"}),
    "the namespace chooses": ("db", {}, {NETWORK: "db", SUBNET: "db-4"}),
    "what a pod says of other things stays": (
        "db",
        {"a": "b"},
        {"a": "b", NETWORK: "db", SUBNET: "db-4"},
    ),
    "a pod chooses for itself, and all": ("db", {ADDRESS: "10.7.0.9"}, {ADDRESS: "10.7.0.9"}),
}


async def create(admin: Client, plural: str, item: dict[str, Any], dry: bool = False) -> Any:
    query = {"dryRun": "All"} if dry else {}
    return json.loads(
        await admin.call("POST", f"{CORE}/{plural}", query, body=json.dumps(item).encode())
    )


async def annotated(admin: Client, namespace: str, annotations: dict[str, str]) -> dict[str, str]:
    """What a pod with these has in the end."""
    pod = {
        "metadata": {"name": "p", "annotations": annotations} if annotations else {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    }
    made = await create(admin, f"namespaces/{namespace}/pods", pod, dry=True)
    found: dict[str, str] = made["metadata"].get("annotations", {})
    return found


async def test_a_namespaces_annotations_choose_for_pods_that_do_not(admin: Client) -> None:
    await apply_all(admin)
    for name, annotations in OF_NAMESPACES.items():
        await create(admin, "namespaces", {"metadata": {"name": name, "annotations": annotations}})

    async def in_force() -> bool:
        return bool(await annotated(admin, "db", {}))

    await eventually(in_force, "the API server goes by the policy")
    found = {what: await annotated(admin, ns, own) for what, (ns, own, _) in PODS.items()}
    assert found == {what: wanted for what, (_, _, wanted) in PODS.items()}
