"""What the switches have of pods' host ports: a service for each, with one backend. Pure.

In the slice of the cluster's router, so that pods of other hosts are led straight to the pod;
guests of the host see it at the host's own addresses, and it sees theirs.
"""

from collections.abc import Iterator
from ipaddress import ip_address

from polpo.compiler.view import View
from polpo.model.cluster import Cluster, pods_of
from polpo.model.exposed import Exposed, exposed
from polpo.model.port import Port
from polpo.target.service import Backend, Face, Service

Row = Service | Backend


def exposed_rows(view: View, cluster: Cluster, port: Port) -> dict[str, Row]:
    """By key; none where the host is not known."""
    rows = [row for told in exposed(port) for row in _of_one(view, cluster, port, told)]
    return {row.key: row for row in sorted(rows, key=lambda row: row.key)}


def _of_one(view: View, cluster: Cluster, port: Port, told: Exposed) -> Iterator[Row]:
    host = view.host(port.host)
    if host is None:
        return
    node = cluster.nodes.get(port.host)
    others = node.addresses if node is not None else ()
    loopback = [told.address] if is_loopback(told.address) else []
    for address in sorted({host.address, *others, *loopback}):
        six = ":" in address
        own = [f.ip_address for f in port.fixed_ips if (":" in f.ip_address) == six]
        if own and told.is_at(address):
            id = f"pod/{port.id}/{told.protocol}/{told.host_port}/{address}"
            faces = (Face(address, told.host_port),)
            at = address, told.protocol, told.host_port
            yield Service(id, *at, faces=faces, guests="local")
            yield Backend(id, own[0], told.port, host=host.address)


def is_loopback(address: str) -> bool:
    """Of IPv4: nobody is led to ::1 by another device than its own."""
    return bool(address) and ":" not in address and ip_address(address).is_loopback


def exposing(view: View, cluster: Cluster) -> Iterator[Port]:
    """The cluster's ports that have some."""
    yield from view.snapshot.by(Port, "exposed", cluster.network_id)


def slice_rows(view: View, cluster: Cluster) -> Iterator[Row]:
    for port in exposing(view, cluster):
        if pods_of(port) == cluster.name:
            yield from exposed_rows(view, cluster, port).values()
