"""Gateways and their routes -> what HAProxy is to do, and what is said of each. Pure.

The older comes first, then the name. What is wrong with one listener, route or reference affects
only that: its requests are answered with an error, never by somebody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from polpo.ingress.gateway import grpc_route, http_route, statuses, tls_route
from polpo.ingress.gateway.addresses import Assigned, assigned
from polpo.ingress.gateway.attaching import Attached, Parent, attach
from polpo.ingress.gateway.backends import Asker, Backends
from polpo.ingress.gateway.conditions import Condition, Status, no
from polpo.ingress.gateway.exposing import Exposed, Exposure, exposed
from polpo.ingress.gateway.hostnames import covers, specificity
from polpo.ingress.gateway.listeners import Served, served
from polpo.ingress.gateway.objects import Gateway, GatewayClass
from polpo.ingress.gateway.policies import Policies
from polpo.ingress.gateway.routes import GRPCRoute, HTTPRoute, ParentRef, Route, TLSRoute
from polpo.ingress.objects import Stated
from polpo.ingress.plan import EVERY_HOST, Backend, Certificate, Door, Entry, Passed, Share, Site
from polpo.ingress.state import State
from polpo.ingress.table import grains
from polpo.ingress.wrong import Wrong
from polpo.kube.resources import key

Json = dict[str, Any]
KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute")
CONTROLLER = "polpo.dev/gateway"


class Compiled(NamedTuple):
    doors: tuple[Door, ...] = ()
    sites: tuple[Site, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    passed: tuple[Passed, ...] = ()
    statuses: tuple[Status, ...] = ()
    services: tuple[Json, ...] = ()
    stale: tuple[str, ...] = ()


def compiled(
    state: State,
    pool: Sequence[str],
    controller: str = CONTROLLER,
    exposure: Exposure | None = None,
) -> Compiled:
    """`pool`: addresses for Gateways, one each, or `exposure`: they get Services. `controller` is
    of GatewayClasses that are ours."""
    return _Compiling(state, pool, controller, exposure).all()


class _Compiling:
    def __init__(
        self, state: State, pool: Sequence[str], controller: str, exposure: Exposure | None
    ) -> None:
        self._state, self._controller = state, controller
        classes: dict[str, GatewayClass] = state.more["GatewayClass"]
        self._classes = {k: c for k, c in classes.items() if c.spec.controller_name == controller}
        gateways = [
            gateway
            for gateway in _by_age(state.more["Gateway"].values())
            if gateway.spec.gateway_class_name in self._classes
        ]
        self._gateways: dict[str, Gateway] = {key(g.metadata): g for g in gateways}
        self._exposed = Exposed({}, (), ())
        if exposure is not None:
            self._exposed = exposed(gateways, state.services, exposure, controller)
        given = self._exposed.given if exposure is not None else assigned(gateways, pool)
        self._given = given | {
            name: Assigned("", why) for name, g in self._gateways.items() if (why := _unfit(g))
        }
        self._listeners = {name: served(state, g) for name, g in self._gateways.items()}
        self._policies = Policies(state)
        self._entries: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        self._passed: dict[tuple[str, str], tuple[Share, ...]] = {}
        self._kind_of: dict[tuple[str, str], str] = {}

    def all(self) -> Compiled:
        found = [statuses.of_class(one) for _, one in sorted(self._classes.items())]
        routes = [(kind, r) for kind in KINDS for r in self._state.more[kind].values()]
        for kind, route in sorted(routes, key=lambda item: _age(item[1])):
            parents = [self._parent(kind, route, ref) for ref in route.spec.parent_refs]
            ours = [parent for parent in parents if parent is not None]
            if ours or _mentions(route, self._controller):
                found.append(statuses.of_route(kind, route, ours, self._controller))
        for name, gateway in self._gateways.items():
            status = statuses.of_gateway(gateway, self._listeners[name], self._given[name])
            found.append(status)
        for policy, names, conditions in self._policies.conditions():
            found.append(statuses.of_policy(policy, names, conditions, self._controller))
        return Compiled(
            tuple(self._doors()),
            tuple(self._sites()),
            tuple(c for listener in self._serving() for c in listener.certificates),
            tuple(self._passing()),
            tuple(found),
            self._exposed.wanted,
            self._exposed.stale,
        )

    def _parent(self, kind: str, route: Route, ref: ParentRef) -> tuple[Parent, Condition] | None:
        """None if it is nobody of ours."""
        name = f"{ref.namespace or route.metadata.namespace}/{ref.name}"
        if not ref.is_gateway or name not in self._gateways:
            return None
        listeners = self._listeners[name]
        parent = attach(kind, route, ref, listeners, self._state.more["Namespace"])
        parent = self._of_one_kind(kind, parent)
        protocol = {"HTTPRoute": "http", "GRPCRoute": "h2c", "TLSRoute": "tcp"}[kind]
        namespace = route.metadata.namespace
        asker = Asker(kind, namespace, protocol, frozenset((name,)))
        backends = Backends(self._state, self._policies, asker)
        try:
            for attached in parent.attached or (None,):
                self._attach(route, attached, backends)
        except Wrong as wrong:
            refused = no("Accepted", "UnsupportedValue", str(wrong))
            return Parent(ref, refused, ()), backends.resolved
        for attached in parent.attached:
            attached.listener.attached += 1
        return parent, backends.resolved

    def _of_one_kind(self, kind: str, parent: Parent) -> Parent:
        """A listener's name is of HTTPRoutes or of GRPCRoutes: the older one's."""
        kept: list[Attached] = []
        for listener, hosts in parent.attached:
            mine = [
                host
                for host in hosts
                if self._kind_of.setdefault((listener.door, host), kind) == kind
            ]
            if mine:
                kept.append(Attached(listener, tuple(mine)))
        if parent.attached and not kept:
            message = "older routes of another kind have its names"
            return Parent(parent.ref, no("Accepted", "HostnameConflict", message), ())
        return parent._replace(attached=tuple(kept))

    def _attach(self, route: Route, attached: Attached | None, backends: Backends) -> None:
        """Without a listener only its references are looked up."""
        listener = attached.listener if attached else None
        if isinstance(route, TLSRoute):
            shares = tls_route.shares(route, backends)
            for host in self._hosts(attached):
                self._passed.setdefault((attached.listener.door if attached else "", host), shares)
            return
        port = listener.spec.port if listener else 80
        scheme = "https" if listener and listener.spec.protocol == "HTTPS" else "http"
        made: Iterator[Entry] = iter(())
        if isinstance(route, HTTPRoute):
            made = http_route.entries(route, backends, scheme, port)
        elif isinstance(route, GRPCRoute):
            made = grpc_route.entries(route, backends, scheme, port)
        entries = list(made)
        for host in self._hosts(attached):
            self._entries[(attached.listener.door if attached else "", host)] += entries

    def _hosts(self, attached: Attached | None) -> Iterator[str]:
        """Without those that a more special listener of the port has: that one's routes count."""
        if attached is None or not attached.listener.serves:
            return
        mine = attached.listener
        others = [
            other.spec.hostname.lower()
            for other in self._listeners[key(mine.gateway.metadata)]
            if other.door == mine.door and other.accepted.status
        ]
        least = specificity(mine.spec.hostname.lower())
        for host in attached.hosts:
            if not any(o and specificity(o) > least and covers(o, host) for o in others):
                yield host

    def _serving(self) -> Iterator[Served]:
        for name, listeners in self._listeners.items():
            given = self._given[name]
            for listener in listeners:
                if listener.serves and given.door(listener.spec.port) is not None:
                    yield listener

    def _doors(self) -> Iterator[Door]:
        made: dict[str, Door] = {}
        for one in self._serving():
            where = self._given[key(one.gateway.metadata)].door(one.spec.port)
            if where is not None and one.door not in made:
                made[one.door] = self._door(one, *where)
        yield from made.values()

    def _door(self, of: Served, address: str, own: int) -> Door:
        listeners = self._listeners[key(of.gateway.metadata)]
        ended = [one for one in listeners if one.door == of.door and one.spec.protocol == "HTTPS"]
        names = tuple(sorted({one.spec.hostname.lower() or EVERY_HOST for one in ended}))
        tls = of.spec.protocol != "HTTP"
        return Door(of.door, own, tls, address, of.spec.port, shared=False, names=names)

    def _sites(self) -> Iterator[Site]:
        found: dict[tuple[str, str], list[Entry]] = {}
        for listener in self._serving():
            if listener.spec.protocol == "TLS":
                continue
            found.setdefault((listener.door, listener.spec.hostname.lower()), [])
        doors = {door for door, _ in found}
        for where, entries in self._entries.items():
            if where[0] in doors:
                found.setdefault(where, []).extend(entries)
        for (door, host), entries in sorted(found.items()):
            deep = host.startswith("*.")
            yield Site(host or EVERY_HOST, tuple(_first(entries)), door, deep)

    def _passing(self) -> Iterator[Passed]:
        doors = {listener.door for listener in self._serving()}
        for (door, host), shares in sorted(self._passed.items()):
            if door not in doors:
                continue
            until = 0
            for backend, share in grains(shares):
                until += share
                yield Passed(host or EVERY_HOST, backend, door, until)
            if not shares:
                yield Passed(host or EVERY_HOST, Backend(None, (), "tcp"), door)


def _first(entries: Iterable[Entry]) -> Iterator[Entry]:
    """One of each rank: a route that is attached twice is there once."""
    seen: set[tuple[object, ...]] = set()
    for entry in entries:
        mark = (entry.how, entry.path, entry.rank)
        if mark not in seen:
            seen.add(mark)
            yield entry


def _unfit(gateway: Gateway) -> Condition | None:
    """What it asks for as a whole, and we don't do; what guards it is not left out."""
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        return no("Accepted", "InvalidParameters", "a Gateway has no parameters here")
    if gateway.spec.tls:
        return no("Accepted", "Invalid", "spec.tls is not supported")
    return None


def _mentions(route: Route, controller: str) -> bool:
    parents = (route.status or {}).get("parents") or ()
    return any(parent.get("controllerName") == controller for parent in parents)


def _by_age(objects: Iterable[Stated]) -> list[Gateway]:
    return sorted(objects, key=_age)  # type: ignore[arg-type]


def _age(of: Stated) -> tuple[str, str]:
    return of.metadata.creation_timestamp, key(of.metadata)
