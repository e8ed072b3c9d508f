"""A router's extra routes: what they may be, and adding and removing some of them at once.

Neutron's `extraroute` and `extraroute-atomic`. Several next hops for one destination share its
traffic; the switch knows at most eight.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from polpo.api.network_v2 import quotas, values
from polpo.api.network_v2.errors import NeutronError, bad_request
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.router_subnets import addresses, inside, outside
from polpo.api.network_v2.values import Kind, list_of, record
from polpo.model.network import HostRoute
from polpo.model.router import Router

NEXT_HOPS = 8
"""For one destination (docs/design/routing.md)."""

Routes = Sequence[HostRoute]


def kind() -> Kind:
    """`[{"destination": prefix, "nexthop": address}, …]`; null for none."""
    route = record({"destination": values.prefix(), "nexthop": values.address()})
    return list_of(route, null_is_empty=True)


_ROUTES = kind()


def of(read: Sequence[dict[str, str]]) -> tuple[HostRoute, ...]:
    return tuple(sorted({HostRoute(**route) for route in read}))


def read_body(body: Any) -> tuple[HostRoute, ...]:
    """Of `add_extraroutes` and `remove_extraroutes`."""
    inner = body.get("router") if isinstance(body, dict) else None
    if not isinstance(inner, dict) or "routes" not in inner:
        raise bad_request("Unable to find 'routes' of 'router' in request body")
    unknown = sorted(set(inner) - {"routes"})
    if unknown:
        raise bad_request(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    try:
        return of(_ROUTES.read(inner["routes"]))
    except ValueError as error:
        raise bad_request(f"Invalid input for routes. Reason: {error}.") from error


def add(w: Writing, router: Router, routes: Routes) -> Router:
    """Those that are there already stay."""
    return _put(w, router, {*router.routes, *routes})


def remove(w: Writing, router: Router, routes: Routes) -> Router:
    """Those that are not there are gone already."""
    return _put(w, router, set(router.routes) - set(routes))


def _put(w: Writing, router: Router, routes: Iterable[HostRoute]) -> Router:
    after = msgspec.structs.replace(router, routes=tuple(sorted(routes)))
    if after.routes == router.routes:
        return router
    check(w, after)
    return w.tx.put(after)


def check(w: Writing, router: Router) -> None:
    """Each next hop is on a link of the router's, and is not the router itself."""
    limit = quotas.limit_of(w, "router_route", router.project_id)
    if 0 <= limit < len(router.routes):
        raise quotas.exceeded("router_route")
    links = [
        ip_network(s.cidr) for s in (*inside(w.snapshot, router), *outside(w.snapshot, router))
    ]
    own = addresses(w.snapshot, router)
    for route in router.routes:
        hop = ip_address(route.nexthop)
        if ip_network(route.destination).version != hop.version:
            raise _invalid(router, "the nexthop is not of the destination's IP version")
        if not any(hop in link for link in links):
            raise _invalid(router, "the nexthop is not connected with router")
        if route.nexthop in own:
            raise _invalid(router, "the nexthop is used by router")
    for destination, hops in Counter(route.destination for route in router.routes).items():
        if hops > NEXT_HOPS:
            raise _invalid(router, f"more than {NEXT_HOPS} nexthops for {destination}")


def _invalid(router: Router, reason: str) -> NeutronError:
    shown = [{"destination": r.destination, "nexthop": r.nexthop} for r in router.routes]
    return NeutronError(400, "InvalidRoutes", f"Invalid format for routes: {shown}, {reason}")
