"""Which rows of pods' host ports changes may concern. As in touched_services.py."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from polpo.compiler.exposed import Row, exposed_rows, exposing
from polpo.compiler.touched import Touched
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.cluster import Cluster, pods_of
from polpo.model.host import Host
from polpo.model.port import EXPOSED, Port
from polpo.model.router import Router

Place = tuple[str, str]
"""ids of a cluster and of a port of its network"""


def touched_exposed(view: View, changes: Sequence[Change[Any]]) -> Touched:
    """The rows in `view` that the changes have to do with."""
    states = (state for change in changes for state in change.states)
    places = {place for state in states for place in _concerned(view, state)}
    found: Touched = {}
    for place in places:
        found |= _rows_of(view, place)
    return found


def _concerned(view: View, state: Any) -> Iterator[Place]:
    match state:
        case Port() if EXPOSED in state.profile:
            yield from _of_ports(view, (state,))
        case Host(name=name):
            ports = view.snapshot.by(Port, "host", name)
            yield from _of_ports(view, (port for port in ports if EXPOSED in port.profile))
        case Cluster():
            yield from ((state.id, port.id) for port in exposing(view, state))
        case Router(id=id):
            for cluster in view.snapshot.by(Cluster, "router", id):
                yield from ((cluster.id, port.id) for port in exposing(view, cluster))


def _of_ports(view: View, ports: Iterable[Port]) -> Iterator[Place]:
    for port in ports:
        for cluster in view.snapshot.by(Cluster, "network", port.network_id):
            yield cluster.id, port.id


def _rows_of(view: View, place: Place) -> Touched:
    cluster, router = view.snapshot.get(Cluster, place[0]), None
    if cluster is not None:
        router = view.router(cluster.router_id)
    if cluster is None or router is None:
        return {}
    row = partial(_row, vni=router.vni, place=place)
    slice = f"router/{router.vni}"
    return {(slice, key): partial(row, key=key) for key in _found(view, place, router.vni)}


def _row(view: View, vni: int, place: Place, key: str) -> Row | None:
    return _found(view, place, vni).get(key)


def _found(view: View, place: Place, vni: int) -> dict[str, Row]:
    cluster, port = view.snapshot.get(Cluster, place[0]), view.snapshot.get(Port, place[1])
    router = view.router_of(vni)
    if cluster is None or port is None or router is None or pods_of(port) != cluster.name:
        return {}
    return exposed_rows(view, cluster, port) if view.router(cluster.router_id) == router else {}
