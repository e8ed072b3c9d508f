"""Which listeners a route is attached to, and why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from polpo.ingress.gateway.conditions import Condition, no, yes
from polpo.ingress.gateway.hostnames import intersection
from polpo.ingress.gateway.listeners import Served
from polpo.ingress.gateway.objects import Namespace
from polpo.ingress.gateway.routes import ParentRef, Route
from polpo.kube.selectors import matches, requirements


class Attached(NamedTuple):
    """To a listener, for names."""

    listener: Served
    hosts: tuple[str, ...]


class Parent(NamedTuple):
    """What became of one parentRef."""

    ref: ParentRef
    accepted: Condition
    attached: tuple[Attached, ...]


def attach(
    kind: str,
    route: Route,
    ref: ParentRef,
    listeners: Iterable[Served],
    namespaces: Mapping[str, Namespace],
) -> Parent:
    """`listeners` are all of the Gateway that it refers to."""
    named = [
        listener
        for listener in listeners
        if ref.section_name in (None, listener.spec.name) and ref.port in (None, listener.spec.port)
    ]
    if not named:
        return _refused(ref, "NoMatchingParent", "the Gateway has no such listener")
    allowed = [
        listener
        for listener in named
        if kind in listener.kinds
        and listener.accepted.status
        and _namespace_allowed(listener, route, namespaces)
    ]
    if not allowed:
        return _refused(ref, "NotAllowedByListeners", f"no listener takes this {kind}")
    attached = [Attached(listener, _hosts(listener, route)) for listener in allowed]
    attached = [one for one in attached if one.hosts]
    if not attached:
        return _refused(ref, "NoMatchingListenerHostname", "its names are no listener's")
    return Parent(ref, yes("Accepted"), tuple(attached))


def _refused(ref: ParentRef, reason: str, message: str) -> Parent:
    return Parent(ref, no("Accepted", reason, message), ())


def _namespace_allowed(listener: Served, route: Route, namespaces: Mapping[str, Namespace]) -> bool:
    allowed, mine = listener.spec.allowed_routes.namespaces, route.metadata.namespace
    if allowed.from_ == "All":
        return True
    if allowed.from_ == "Selector" and allowed.selector is not None:
        found = namespaces.get(mine)
        labels = found.metadata.labels if found is not None else None
        return found is not None and matches(requirements(allowed.selector), labels)
    return allowed.from_ == "Same" and mine == listener.gateway.metadata.namespace


def _hosts(listener: Served, route: Route) -> tuple[str, ...]:
    """Names that both have; "" is every one."""
    of_listener = listener.spec.hostname.lower()
    names = [name.lower() for name in route.spec.hostnames] or [""]
    both = (intersection(of_listener, name) for name in names)
    return tuple(dict.fromkeys(name for name in both if name is not None))
