"""Which rows of Kubernetes Services changes may concern. As in touched_services.py."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from polpo.compiler.cluster_services import Row, router_of, service_rows, services_of
from polpo.compiler.touched import Touched
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.cluster import Cluster
from polpo.model.host import Host
from polpo.model.router import Router
from polpo.model.service import Service


def service_row(view: View, vni: int, service_id: str, key: str) -> Row | None:
    """One row, by its key, in the slice of the router of that number."""
    router, service = view.router_of(vni), view.snapshot.get(Service, service_id)
    if router is None or service is None or router_of(view, service) != router:
        return None
    return service_rows(view, service).get(key)


def touched_cluster_services(view: View, changes: Sequence[Change[Any]]) -> Touched:
    """The rows in `view` of Services which the changes have to do with."""
    seen = [s for c in changes for s in (c.before, c.after) if s is not None]
    ids = {id for state in seen for id in _concerned(view, state)}
    found: Touched = {}
    for service in filter(None, (view.snapshot.get(Service, id) for id in ids)):
        router = router_of(view, service)
        if router is not None:
            row = partial(service_row, vni=router.vni, service_id=service.id)
            name = f"router/{router.vni}"
            found |= {(name, k): partial(row, key=k) for k in service_rows(view, service)}
    return found


def _concerned(view: View, state: Any) -> Iterator[str]:
    match state:
        case Service(id=id):
            yield id
        case Cluster(id=id):
            yield from (s.id for s in view.snapshot.by(Service, "cluster", id))
        case Router(id=id):
            yield from (service.id for service in services_of(view, id))
        case Host():
            yield from (s.id for s in view.snapshot.by(Service, "placed", "yes"))
