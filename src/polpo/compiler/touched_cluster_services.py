"""Which rows of Kubernetes Services changes may concern. As in touched_services.py."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from polpo.compiler import shared_rows
from polpo.compiler.cluster_services import (
    Row,
    node_row,
    router_of,
    service_rows,
    services_of,
)
from polpo.compiler.touched import Touched, merged
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
    seen = [state for change in changes if _matters(change) for state in change.states]
    ids = {id for state in seen for id in _concerned(view, state)}
    found: Touched = {}
    for service in filter(None, (view.snapshot.get(Service, id) for id in ids)):
        router = router_of(view, service)
        if router is not None:
            row = partial(service_row, vni=router.vni, service_id=service.id)
            name = f"router/{router.vni}"
            found |= {(name, k): partial(row, key=k) for k in service_rows(view, service)}
    for state in (state for change in changes for state in change.states):
        found |= _nodes(view, state)
        found |= _closed(view, state)
    return found


def _closed(view: View, state: Any) -> Touched:
    """Routes of the prefixes that Services have."""
    match state:
        case Cluster(router_id=id, service_cidrs=prefixes):
            pass
        case Router(id=id):
            clusters = view.snapshot.by(Cluster, "router", id)
            prefixes = tuple(prefix for cluster in clusters for prefix in cluster.service_cidrs)
        case _:
            return {}
    router = view.router(id)
    if router is None:
        return {}
    row, slice = partial(shared_rows.routing_row, vni=router.vni), f"router/{router.vni}"
    keys = [f"route/{prefix}" for prefix in prefixes]
    return {(slice, key): partial(row, key=key) for key in keys}


def _nodes(view: View, state: Any) -> Touched:
    match state:
        case Cluster(id=id):
            cluster = view.snapshot.get(Cluster, id)
            return _rows_of(view, cluster, state.nodes) if cluster is not None else {}
        case Router(id=id):
            clusters = view.snapshot.by(Cluster, "router", id)
            return merged(_rows_of(view, cluster, cluster.nodes) for cluster in clusters)
        case Host(name=name):
            clusters = (c for c in view.snapshot.all(Cluster) if name in c.nodes)
            return merged(_rows_of(view, cluster, (name,)) for cluster in clusters)
    return {}


def _rows_of(view: View, cluster: Cluster, names: Iterable[str]) -> Touched:
    router = view.router(cluster.router_id)
    if router is None:
        return {}
    row = partial(_node_row, vni=router.vni, cluster_id=cluster.id)
    slice, prefix = f"router/{router.vni}", f"node/{cluster.name}"
    return {(slice, f"{prefix}/{name}"): partial(row, name=name) for name in names}


def _node_row(view: View, vni: int, cluster_id: str, name: str) -> Row | None:
    router, cluster = view.router_of(vni), view.snapshot.get(Cluster, cluster_id)
    if router is None or cluster is None or view.router(cluster.router_id) != router:
        return None
    return node_row(view, cluster, name)


def _matters(change: Change[Any]) -> bool:
    """Of a cluster only where its router is."""
    before, after = change.before, change.after
    if isinstance(before, Cluster) and isinstance(after, Cluster):
        return before.router_id != after.router_id
    return True


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
