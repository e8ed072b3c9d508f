"""Node ports, asked by the world outside: of both families, and with the client's address seen."""

from collections.abc import Iterator
from typing import Any

from polpo.lab import probes
from polpo.lab.checks import Check
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.cluster import Cluster

ANY, LOCAL = 30081, 30082
ASKED = 6
WITHIN_S = 30.0


def prove(cluster: Cluster) -> Iterator[Check]:
    cluster.apply(_manifest("anywhere", ANY, "Cluster"), _manifest("here", LOCAL, "Local"))
    yield lead_to_all(cluster)
    yield keep_the_client(cluster)
    cluster.kubectl("delete", "service", "anywhere", "here", "--wait=false")


def lead_to_all(cluster: Cluster) -> Check:
    """By one node to the pods of all."""
    host, wanted = cluster.at.nodes[0].host, {box.name for box in boxes.usual(cluster)}
    found: dict[str, set[str]] = {host.address: set(), host.address6: set()}

    def are_all() -> bool:
        for address, heard in found.items():
            heard.update(_who(cluster, address, ANY)[0] for _ in range(ASKED))
        return all(wanted <= heard for heard in found.values())

    cluster.until(are_all, f"{', '.join(sorted(wanted))} answer at node port {ANY}", WITHIN_S)
    said = f"{' and '.join(found)}: {' and '.join(sorted(wanted))}"
    return Check("Kubernetes: a node port, from outside, IPv4 and IPv6", True, said)


def keep_the_client(cluster: Cluster) -> Check:
    """Each node by its own pod."""
    client = f"{cluster.at.lab.subnet}.254"
    wanted = [(box.name, client) for box in boxes.usual(cluster)]
    found: list[tuple[str, str]] = []

    def are_seen() -> bool:
        found[:] = [_who(cluster, node.host.address, LOCAL) for node in cluster.at.nodes]
        return found == wanted

    cluster.until(are_seen, f"node port {LOCAL} answers, and sees {client}", WITHIN_S)
    what = "Kubernetes: externalTrafficPolicy Local, the client's address is seen"
    return Check(what, True, ", ".join(" sees ".join(pair) for pair in found))


def _who(cluster: Cluster, address: str, port: int) -> tuple[str, str]:
    """Who answers, and whom it sees."""
    got = probes.get(cluster.at.lab.outside, address, port, patience_s=1, path=boxes.WHO)
    name, _, client = (got.text or "").partition(" ")
    return name, client.strip("[]").removeprefix("::ffff:")


def _manifest(name: str, port: int, policy: str) -> dict[str, Any]:
    return boxes.service(
        name,
        type="NodePort",
        externalTrafficPolicy=policy,
        ipFamilyPolicy="RequireDualStack",
        selector={"app": "box"},
        ports=[{"port": 80, "targetPort": boxes.PORT, "nodePort": port}],
    )
