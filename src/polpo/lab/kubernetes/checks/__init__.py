"""What is proven of the cluster, by real packets: one file for each matter, in this order.

A new one is a module with `prove`, which yields each check when it is done, and has its place in
`PROOFS`.
"""

from collections.abc import Callable, Iterator

from polpo.lab.checks import Check
from polpo.lab.kubernetes.checks import (
    ingress,
    killed,
    load_balancers,
    masters,
    node_ports,
    nodes,
    pods,
    policies,
    services,
)
from polpo.lab.kubernetes.cluster import Cluster

PROOFS: tuple[Callable[[Cluster], Iterator[Check]], ...] = (
    nodes.prove,
    pods.prove,
    services.prove,
    policies.prove,
    node_ports.prove,
    load_balancers.prove,
    ingress.prove,
    masters.prove,
    killed.prove,
)


def prove(cluster: Cluster) -> Iterator[Check]:
    for proof in PROOFS:
        yield from proof(cluster)
