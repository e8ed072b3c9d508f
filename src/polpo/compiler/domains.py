"""Domains: what routers and the networks that they join make up, transitively. Pure.

Found by following the traits of interfaces (model/port.py). Only routers that are switched on
join; an interface of a router that is not there joins nothing.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from polpo.model.change import Change
from polpo.model.port import Port
from polpo.model.router import INTERFACES, Router
from polpo.model.snapshot import Snapshot


class Domain(NamedTuple):
    """`number` is the smallest of its routers'; ids of both, in order."""

    number: int
    routers: tuple[str, ...]
    networks: tuple[str, ...]


def domain_of_network(snapshot: Snapshot, id: str) -> Domain | None:
    """None where no router joins the network."""
    return _around(snapshot, snapshot.traits(Port, "routers", id))


def domain_of_router(snapshot: Snapshot, id: str) -> Domain | None:
    """None if the router is switched off; it is one by itself if it joins nothing."""
    return _around(snapshot, (id,))


def _around(snapshot: Snapshot, ids: Iterable[str]) -> Domain | None:
    """What can be reached from these routers."""
    found: dict[str, int] = {}
    networks: set[str] = set()
    waiting = list(ids)
    while waiting:
        router = snapshot.get(Router, waiting.pop())
        if router is None or not router.admin_state_up or router.id in found:
            continue
        found[router.id] = router.vni
        for network in snapshot.traits(Port, "joined", router.id):
            if network not in networks:
                networks.add(network)
                waiting += snapshot.traits(Port, "routers", network)
    if not found:
        return None
    return Domain(min(found.values()), tuple(sorted(found)), tuple(sorted(networks)))


def reshapes(change: Change[Any]) -> bool:
    """Whether domains may be others after the change."""
    return _shape(change.before) != _shape(change.after)


def _shape(state: Any) -> tuple[Any, ...] | None:
    """What domains take from the object."""
    match state:
        case Router():
            return (state.vni, state.admin_state_up)
        case Port() if state.device_owner in INTERFACES:
            return (state.network_id, state.device_id)
    return None
