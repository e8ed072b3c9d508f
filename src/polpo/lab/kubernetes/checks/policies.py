"""NetworkPolicies, in a namespace of which pods nobody may reach but for what a policy allows."""

import json
from collections.abc import Iterator
from typing import Any

from polpo.lab.checks import Check
from polpo.lab.command import run
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.boxes import Box
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.running import PROJECT, polpo

NAMESPACE = "guarded"


def prove(cluster: Cluster) -> Iterator[Check]:
    first, second = (node.name for node in cluster.at.nodes[:2])
    server = Box("server", first, {"app": "server"}, NAMESPACE)
    friend = Box("friend", second, {"role": "friend"}, NAMESPACE)
    stranger = boxes.usual(cluster)[1]
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    cluster.apply(_policy("nobody", {}, []))
    boxes.run(cluster, server, friend)
    what = "Kubernetes: pods that nobody may reach are Ready: kubelet may"
    yield Check(what, True, "readiness by HTTP, on both nodes")
    cluster.apply(_policy("friends", {"app": "server"}, [_from({"role": "friend"}, boxes.PORT)]))
    yield _told_apart(cluster, server, friend, stranger)
    yield _shown(cluster, server, stranger)
    yield _at_once(cluster, boxes.address(cluster, server, 4))


def _at_once(cluster: Cluster, address: str) -> Check:
    """Two pods whose first act is a connection, of which a policy allows one's."""
    ask = f"echo | nc -w 1 {address} {boxes.PORT}"
    allowed = boxes.once(cluster, Box("hasty-friend", "", {"role": "friend"}, NAMESPACE), ask)
    other = boxes.once(cluster, Box("hasty-other", "", {"role": "other"}, NAMESPACE), ask)
    what = "Kubernetes: policies are in force before a pod's first act"
    return Check(what, allowed and not other, "one connects at once, the other does not")


def _told_apart(cluster: Cluster, server: Box, friend: Box, stranger: Box) -> Check:
    address = boxes.address(cluster, server, 4)

    def is_heard() -> bool:
        return boxes.get(cluster, friend, address, patience_s=1) == server.name

    cluster.until(is_heard, "a friend is let in by a policy")
    refused = not boxes.get(cluster, stranger, address, patience_s=1)
    elsewhere = not boxes.sh(
        cluster, friend, f"nc -w 1 {address} {boxes.ECHO} </dev/null && echo in"
    )
    what = "Kubernetes: a NetworkPolicy lets one in, to one port"
    return Check(what, refused and elsewhere, "another pod and another port are refused")


def _shown(cluster: Cluster, server: Box, stranger: Box) -> Check:
    """`polpo denied` names the pods and the policies."""
    settings = f"OS_CLIENT_CONFIG_FILE={cluster.running.lab.clouds}"
    command = ("env", settings, *polpo("denied", "--cloud", PROJECT, "--json"))
    wanted = (f"{NAMESPACE}/{server.name}", f"{stranger.namespace}/{stranger.name}", boxes.PORT)
    policies = [f"{NAMESPACE}/friends", f"{NAMESPACE}/nobody"]

    def is_shown() -> bool:
        found = [json.loads(line) for line in run(*command).splitlines()]
        return any(_facts(one) == wanted and one["policies"] == policies for one in found)

    cluster.until(is_shown, "polpo denied shows what was refused")
    what = "Kubernetes: polpo denied names pods and policies"
    return Check(what, True, f"{wanted[1]} to {wanted[0]}: {', '.join(policies)}")


def _facts(one: dict[str, Any]) -> tuple[str, str, int | None]:
    peer = one["peer"] or {"name": ""}
    return one["port"]["name"], peer["name"], one.get("destination_port")


def _policy(name: str, selects: dict[str, str], ingress: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "podSelector": {"matchLabels": selects},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        },
    }


def _from(labels: dict[str, str], port: int) -> dict[str, Any]:
    return {"from": [{"podSelector": {"matchLabels": labels}}], "ports": [{"port": port}]}
