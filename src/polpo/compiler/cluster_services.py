"""What the switches have of a Kubernetes Service: rows of the slice of its cluster's router. Pure.

Its addresses are in no network: who sends by the router finds them, and guests of the hosts.
"""

from collections.abc import Iterator

from polpo.compiler import exposed
from polpo.compiler.view import View
from polpo.model.cluster import Cluster
from polpo.model.router import Router
from polpo.model.service import Service, ServicePort
from polpo.target import service as rows
from polpo.target.service import Backend, Face, Node

Row = rows.Service | Backend | Node


def service_rows(view: View, service: Service) -> dict[str, Row]:
    """By key."""
    found = [
        row
        for address in service.addresses
        for port in service.ports
        for row in _of_port(view, service, address, port)
    ]
    return {row.key: row for row in sorted(found, key=lambda row: row.key)}


def _of_port(view: View, service: Service, address: str, port: ServicePort) -> Iterator[Row]:
    id = f"{service.id}/{address}/{port.protocol}/{port.port}"
    faces = tuple(_faces(service, ":" in address, port))
    yield rows.Service(
        id=id,
        address=address,
        protocol=port.protocol,
        port=port.port,
        sticks_s=service.sticks_s,
        local=service.local,
        sources=service.sources if service.balanced else (),
        faces=faces,
        guests=service.guests if faces else "",
        name=service.name if service.health_port else "",
        health_port=service.health_port,
    )
    for backend in port.backends:
        if (":" in backend.address) == (":" in address):
            yield Backend(
                id,
                backend.address,
                backend.port,
                up=backend.up,
                host=_tunnel(view, backend.host) if service.is_placed else "",
                spare=backend.spare,
                zones=backend.zones,
                nodes=tuple(_tunnel(view, node) or node for node in backend.nodes),
            )


def _tunnel(view: View, name: str) -> str:
    """Where a host's tunnel ends, "" if the host is not known."""
    host = view.host(name)
    return host.address if host is not None else ""


def _faces(service: Service, six: bool, port: ServicePort) -> Iterator[Face]:
    """What it is at besides its own address, of a family."""
    if port.node_port:
        yield Face("", port.node_port)
    for address in _outer(service.external, six, port):
        yield Face(address, port.port)
    for address in _outer(service.balanced, six, port):
        if address not in service.external:
            yield Face(address, port.port, limited=True)


def _outer(addresses: tuple[str, ...], six: bool, port: ServicePort) -> Iterator[str]:
    return (a for a in addresses if (":" in a) == six and a not in port.without)


def slice_rows(view: View, router: Router) -> Iterator[Row]:
    """Those of Services, nodes and host ports, of all clusters that have the router."""
    for service in services_of(view, router.id):
        yield from service_rows(view, service).values()
    for cluster in view.snapshot.by(Cluster, "router", router.id):
        yield from filter(None, (node_row(view, cluster, name) for name in sorted(cluster.nodes)))
        yield from exposed.slice_rows(view, cluster)


def node_row(view: View, cluster: Cluster, name: str) -> Node | None:
    """If the node is a host of ours."""
    node, at = cluster.nodes.get(name), _tunnel(view, name)
    if node is None or not at:
        return None
    others = tuple(sorted({*node.addresses} - {at}))
    return Node(cluster.name, name, at, node.zone, others)


def services_of(view: View, router_id: str) -> Iterator[Service]:
    for cluster in view.snapshot.by(Cluster, "router", router_id):
        yield from view.snapshot.by(Service, "cluster", cluster.id)


def router_of(view: View, service: Service) -> Router | None:
    """None as well if it is switched off."""
    cluster = view.snapshot.get(Cluster, service.cluster_id)
    return view.router(cluster.router_id) if cluster is not None else None
