"""Services, by the name that the cluster's DNS knows them by."""

import time
from collections.abc import Iterator

from polpo.lab.checks import Check
from polpo.lab.kubernetes import boxes
from polpo.lab.kubernetes.cluster import Cluster

NAME = "box"
FULL_NAME = f"{NAME}.default.svc.cluster.local"
ASKED = 6


def prove(cluster: Cluster) -> Iterator[Check]:
    """Both boxes answer under one name."""
    usual = boxes.usual(cluster)
    boxes.serve(cluster, NAME, {"app": "box"})
    begun, address, found = time.monotonic(), "", set[str]()
    wanted = {box.name for box in usual}

    def is_served() -> bool:
        nonlocal address
        address = address or boxes.resolve(cluster, usual[0], FULL_NAME)
        if address:
            found.update(boxes.get(cluster, usual[0], address, 80) for _ in range(ASKED))
        return wanted <= found

    cluster.until(is_served, f"{', '.join(sorted(wanted))} answer as {NAME}")
    took = time.monotonic() - begun
    figure = f"{address}: {' and '.join(sorted(wanted))}, {took:.1f} s"
    yield Check("Kubernetes: a Service by its DNS name", found <= wanted, figure)
