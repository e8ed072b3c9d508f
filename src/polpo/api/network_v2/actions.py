"""PUTs on one object that are not updates of its attributes."""

from collections.abc import Callable, Mapping
from typing import Any

from polpo.api.network_v2 import address_group, subnetpool
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
}
"""By the collection's path and the action's name."""
