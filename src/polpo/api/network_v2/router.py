"""Routers (Neutron API reference, "Routers")."""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import (
    quotas,
    router_gateway,
    router_interfaces,
    router_routes,
    segments,
    zones,
)
from polpo.api.network_v2.attributes import Attribute, shown, table
from polpo.api.network_v2.errors import bad_resource, conflict
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.router_subnets import interfaces
from polpo.api.network_v2.values import boolean, list_of, nullable, one_of, text
from polpo.model.host import Host
from polpo.model.placement import Placement
from polpo.model.router import Router

_MODE = nullable(boolean())

TABLE = table(
    "router",
    {
        "admin_state_up": Attribute(kind=boolean(), default=True, field="admin_state_up"),
        "status": shown(text(), filter=False),
        "external_gateway_info": Attribute(
            kind=router_gateway.kind(), default=None, filter=False, sort=False
        ),
        "routes": Attribute(kind=router_routes.kind(), post=False, filter=False, sort=False),
        "distributed": Attribute(
            kind=_MODE, admin=True, hidden=True, field="distributed", sort=False
        ),
        "ha": Attribute(kind=_MODE, admin=True, hidden=True, field="ha", sort=False),
        "availability_zone_hints": Attribute(
            kind=list_of(text(255)), put=False, default=(), filter=False, sort=False
        ),
        "availability_zones": shown(filter=False, sort=False),
        "flavor_id": Attribute(
            kind=nullable(one_of()), put=False, default=None, filter=False, sort=False
        ),
    },
)


def create(w: Writing, given: dict[str, Any]) -> Router:
    quotas.check(w, "router", given["project_id"])
    info = given.pop("external_gateway_info")
    router_gateway.check_allowed(w, info, "create")
    zones.check(w, given["availability_zone_hints"])
    given.pop("flavor_id")
    _drop_nulls(given)
    router = Router(id=new_id(), vni=segments.free_vni(w), **given)
    return w.tx.put(router_gateway.change(w, router, info))


def update(w: Writing, router: Router, given: dict[str, Any]) -> Router:
    gateway = "external_gateway_info" in given
    info = given.pop("external_gateway_info", None)
    router_gateway.check_allowed(w, info, "update")
    _drop_nulls(given)
    if "routes" in given:
        given["routes"] = router_routes.of(given["routes"])
    after = changed(router, given)
    _check_modes(router, after)
    if gateway:
        after = router_gateway.change(w, after, info)
    if gateway or after.routes != router.routes:
        router_routes.check(w, after)
    after = w.tx.put(after)
    if after.distributed != router.distributed:
        _rename_interfaces(w, after)
    return after


def _drop_nulls(given: dict[str, Any]) -> None:
    """A null asks for the cloud's own choice: the model's default, or what is."""
    for key in ("distributed", "ha"):
        if given.get(key, True) is None:
            del given[key]


def _check_modes(before: Router, after: Router) -> None:
    """The way it is made may be changed only while it carries nothing."""
    for key, what in (("distributed", "the 'distributed' attribute"), ("ha", "HA attribute")):
        same = getattr(before, key) == getattr(after, key)
        if not same and before.admin_state_up:
            raise bad_resource(
                "router",
                f"Cannot change {what} of active routers. Please set router admin_state_up to "
                "False prior to upgrade",
            )


def _rename_interfaces(w: Writing, router: Router) -> None:
    for port in interfaces(w.snapshot, router):
        w.tx.put(msgspec.structs.replace(port, device_owner=router_interfaces.owner(router)))


def delete(w: Writing, router: Router) -> None:
    attached = interfaces(w.snapshot, router)
    if attached:
        named = ", ".join(port.id for port in attached)
        raise conflict("RouterInUse", f"Router {router.id} has ports still attached: {named}")
    w.tx.remove(router_gateway.change(w, router, None))


def view(r: Reading, routers: Sequence[Router]) -> list[View]:
    statuses = r.wiring.router_statuses(r.snapshot, routers)
    return [_view(r, router, statuses[router.id]) for router in routers]


def _view(r: Reading, router: Router, status: str) -> View:
    answer = {
        **standard(router),
        "admin_state_up": router.admin_state_up,
        "status": status,
        "external_gateway_info": router_gateway.view(r.snapshot, router),
        "routes": router.routes,
        "availability_zone_hints": router.availability_zone_hints,
        "availability_zones": _zones(r, router),
        "flavor_id": None,
    }
    if r.context.is_admin:
        answer |= {"distributed": router.distributed, "ha": router.ha}
    return answer


def _zones(r: Reading, router: Router) -> list[str]:
    """Where its gateway is; a router without one is wherever its networks are."""
    names = (p.host for p in r.snapshot.by(Placement, "function", router.id))
    hosts = (r.snapshot.get(Host, r.snapshot.holder("host", name) or "") for name in names)
    found = sorted({host.availability_zone for host in hosts if host is not None})
    return found or list(router.availability_zone_hints) or [r.settings.availability_zone]


RESOURCE = Resource(
    member="router",
    collection="routers",
    path="routers",
    model=Router,
    table=TABLE,
    missing=("RouterNotFound", "Router {id} could not be found"),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={"name": "name", "project_id": "project"},
)
