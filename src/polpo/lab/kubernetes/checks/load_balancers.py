"""Services of type LoadBalancer, asked by a client outside the cluster."""

import time
from collections.abc import Iterator
from typing import Any

from polpo.lab import probes
from polpo.lab.checks import Check
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.cluster import Cluster

NAME = "boxes"
WITHIN_S = 60.0


def prove(cluster: Cluster) -> Iterator[Check]:
    yield is_reached(cluster)
    yield keeps_others_out(cluster)
    cluster.kubectl("delete", "service", NAME)


def is_reached(cluster: Cluster) -> Check:
    """From the moment that it is applied to the first answer; both families."""
    begun = time.monotonic()
    cluster.apply(_manifest())
    cluster.until(lambda: len(addresses(cluster)) == 2, "the Service has addresses", WITHIN_S)
    shown_s = time.monotonic() - begun
    four, six = addresses(cluster)
    cluster.until(lambda: asks(cluster, four) is not None, f"{four} answers", WITHIN_S)
    took_s = time.monotonic() - begun
    cluster.until(lambda: asks(cluster, six) is not None, f"{six} answers", WITHIN_S)
    names = {asks(cluster, address) or "" for address in (four, four, four, four, six)}
    what = "Kubernetes: a Service of type LoadBalancer, from outside"
    said = f"{four} shown after {shown_s:.2f} s, first answer after {took_s:.2f} s"
    passed = all(name.startswith("box-") for name in names)
    return Check(what, passed, f"{said}; {', '.join(sorted(names))}")


def keeps_others_out(cluster: Cluster) -> Check:
    """loadBalancerSourceRanges without the world's address, and with it again."""
    four = addresses(cluster)[0]
    cluster.apply(_manifest(loadBalancerSourceRanges=["192.0.2.0/24"]))
    cluster.until(lambda: asks(cluster, four) is None, f"{four} refuses the world", WITHIN_S)
    cluster.apply(_manifest(loadBalancerSourceRanges=["203.0.113.0/24"]))
    cluster.until(lambda: asks(cluster, four) is not None, f"{four} lets it in", WITHIN_S)
    what = "Kubernetes: its source ranges keep others out"
    return Check(what, True, "refused from 203.0.113.1, then allowed again")


def addresses(cluster: Cluster) -> list[str]:
    found = cluster.show("service", NAME)["status"]["loadBalancer"].get("ingress", ())
    return [str(one["ip"]) for one in found]


def asks(cluster: Cluster, address: str) -> str | None:
    return probes.get(cluster.at.lab.outside, address, patience_s=1).text


def _manifest(**spec: Any) -> dict[str, Any]:
    return boxes.service(
        NAME,
        type="LoadBalancer",
        selector={"app": "box"},
        ipFamilyPolicy="RequireDualStack",
        ports=[{"port": 80, "targetPort": boxes.PORT}],
        **spec,
    )
