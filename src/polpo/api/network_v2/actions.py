"""PUTs on one object that are not updates of its attributes."""

from collections.abc import Callable, Mapping
from typing import Any

from polpo.api.network_v2 import (
    address_group,
    router,
    router_interfaces,
    router_routes,
    subnetpool,
)
from polpo.api.network_v2.collection import Answer, Call, render, to_change
from polpo.api.network_v2.resource import Resource, Writing


async def change_addresses(call: Call, id: str, change: Callable[..., Any]) -> Answer:
    addresses = address_group.read_addresses(call.body)
    group = await _change(address_group.RESOURCE, call, id, change, addresses)
    return 200, {"address_group": render(address_group.RESOURCE, call, [group])[0]}


async def change_prefixes(call: Call, id: str, change: Callable[..., Any]) -> Answer:
    prefixes = subnetpool.read_prefixes(call.body)
    pool = await _change(subnetpool.RESOURCE, call, id, change, prefixes)
    return 200, {"prefixes": list(pool.prefixes)}


async def change_interfaces(
    call: Call, id: str, change: Callable[..., Any], removal: bool
) -> Answer:
    asked = router_interfaces.read_body(call.body, removal)
    return 200, await _change(router.RESOURCE, call, id, change, asked)


async def change_routes(call: Call, id: str, change: Callable[..., Any]) -> Answer:
    routes = router_routes.read_body(call.body)
    changed = await _change(router.RESOURCE, call, id, change, routes)
    return 200, {"router": render(router.RESOURCE, call, [changed])[0]}


async def _change(
    resource: Resource, call: Call, id: str, change: Callable[..., Any], values: Any
) -> Any:
    def act(w: Writing) -> Any:
        return change(w, to_change(resource, w, call, id, "update"), values)

    return await call.write(act)


Action = Callable[[Call, str], Any]

ACTIONS: Mapping[tuple[str, str], Action] = {
    ("address-groups", "add_addresses"): lambda call, id: change_addresses(
        call, id, address_group.add
    ),
    ("address-groups", "remove_addresses"): lambda call, id: change_addresses(
        call, id, address_group.remove
    ),
    ("subnetpools", "add_prefixes"): lambda call, id: change_prefixes(
        call, id, subnetpool.add_prefixes
    ),
    ("subnetpools", "remove_prefixes"): lambda call, id: change_prefixes(
        call, id, subnetpool.remove_prefixes
    ),
    ("routers", "add_router_interface"): lambda call, id: change_interfaces(
        call, id, router_interfaces.add, False
    ),
    ("routers", "remove_router_interface"): lambda call, id: change_interfaces(
        call, id, router_interfaces.remove, True
    ),
    ("routers", "add_extraroutes"): lambda call, id: change_routes(call, id, router_routes.add),
    ("routers", "remove_extraroutes"): lambda call, id: change_routes(
        call, id, router_routes.remove
    ),
}
"""By the collection's path and the action's name."""
