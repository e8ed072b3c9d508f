"""What the switches have of a Kubernetes Service: rows of the slice of its cluster's router. Pure.

Its addresses are in no network: who sends by the router finds them, and guests of the hosts.
"""

from collections.abc import Iterator

from polpo.compiler.view import View
from polpo.model.cluster import Cluster
from polpo.model.router import Router
from polpo.model.service import Service, ServicePort
from polpo.target import service as rows
from polpo.target.service import Backend, Face

Row = rows.Service | Backend


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
            host = view.host(backend.host) if service.is_placed else None
            at = host.address if host is not None else ""
            yield Backend(
                id,
                backend.address,
                backend.port,
                up=backend.up,
                host=at,
                spare=backend.spare,
            )


def _faces(service: Service, six: bool, port: ServicePort) -> Iterator[Face]:
    """What it is at besides its own address, of a family."""
    if port.node_port:
        yield Face("", port.node_port)
    for address in service.external:
        if (":" in address) == six:
            yield Face(address, port.port)
    for address in service.balanced:
        if (":" in address) == six and address not in service.external:
            yield Face(address, port.port, limited=True)


def slice_rows(view: View, router: Router) -> Iterator[Row]:
    """Those of all Services of the clusters that have the router."""
    for service in services_of(view, router.id):
        yield from service_rows(view, service).values()


def services_of(view: View, router_id: str) -> Iterator[Service]:
    for cluster in view.snapshot.by(Cluster, "router", router_id):
        yield from view.snapshot.by(Service, "cluster", cluster.id)


def router_of(view: View, service: Service) -> Router | None:
    """None as well if it is switched off."""
    cluster = view.snapshot.get(Cluster, service.cluster_id)
    return view.router(cluster.router_id) if cluster is not None else None
