"""What each path of the API answers: the objects, those inside others, and what is done to them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from msgspec.structs import replace

from polpo.api.loadbalancer_v2 import (
    amphorae,
    batch,
    flows,
    health_monitor,
    l7policy,
    l7rule,
    listener,
    listing,
    load_balancer,
    member,
    offers,
    pool,
    providers,
    quota_api,
    whole,
)
from polpo.api.network_v2 import collection
from polpo.api.network_v2.collection import Answer, Call, not_allowed
from polpo.api.network_v2.errors import forbidden, no_such_path
from polpo.api.network_v2.resource import Resource, Writing

RESOURCES: Mapping[str, Resource] = {
    module.RESOURCE.path: module.RESOURCE
    for module in (load_balancer, listener, pool, health_monitor, l7policy)
} | dict(offers.RESOURCES)
"""By their path."""

Making = Callable[[Writing, Any, dict[str, Any]], Any]
CHILDREN: Mapping[tuple[str, str], tuple[Resource, Making, str]] = {
    ("pools", "members"): (member.RESOURCE, member.create, "pool_id"),
    ("l7policies", "rules"): (l7rule.RESOURCE, l7rule.create, "l7policy_id"),
}
"""What is inside others: made of it and its parent, which the field names."""

Part = Callable[[Call, str], Awaitable[Answer]]


async def of_kind(call: Call, path: Mapping[str, str]) -> Answer:
    if path["path"] in READ_ONLY:
        _only(call, "GET")
        return await READ_ONLY[path["path"]](call)
    resource = _resource(path["path"])
    if call.method == "POST":
        return await _create(resource, call)
    _only(call, "GET")
    return await listing.list_all(resource, call, resource.path)


async def _create(resource: Resource, call: Call) -> Answer:
    """A load balancer may come with its whole tree."""
    if resource.path in offers.RESOURCES:
        return await offers.create(resource, call)
    if resource is load_balancer.RESOURCE:
        body, branches = whole.split(call.body)
        if branches:
            return await collection.create(whole.resource(branches), replace(call, body=body))
    return await collection.create(resource, call)


async def of_one(call: Call, path: Mapping[str, str]) -> Answer:
    if path["path"] == "quotas":
        if call.method not in QUOTAS:
            raise not_allowed()
        return await QUOTAS[call.method](call, path["id"])
    resource = _resource(path["path"])
    if resource.path in offers.RESOURCES:
        id = offers.id_of(resource, call.reading().snapshot, path["id"])
        return await _one(offers.guarded(resource, call), call, id)
    if call.method == "DELETE" and resource is load_balancer.RESOURCE and _says(call, "cascade"):
        resource = replace(resource, delete=load_balancer.delete_all)
    return await _one(resource, call, path["id"])


async def _one(resource: Resource, call: Call, id: str) -> Answer:
    if call.method == "PUT":
        return await collection.update(resource, call, id)
    if call.method == "DELETE":
        return await collection.delete(resource, call, id)
    _only(call, "GET")
    return await collection.show(resource, call, id)


async def of_part(call: Call, path: Mapping[str, str]) -> Answer:
    """A collection inside an object, or what is said of it or done to it."""
    name, id, part = path["path"], path["id"], path["part"]
    if (name, part) in PARTS:
        method, handle = PARTS[name, part]
        _only(call, method)
        return await handle(call, id)
    if (name, part) not in CHILDREN:
        raise no_such_path()
    resource, make, field = CHILDREN[name, part]
    parent = _resource(name)
    parent.find(call.reading().snapshot, call.context, id)
    if call.method == "GET":
        return await listing.list_all(resource, call, f"{name}/{id}/{part}", **{field: id})
    if call.method == "PUT" and part == "members":
        return await batch.update(call, id, _says(call, "additive_only"))
    _only(call, "POST")

    def create(w: Writing, given: dict[str, Any]) -> Any:
        return make(w, parent.find(w.snapshot, w.context, id), given)

    return await collection.create(replace(resource, create=create), call)


async def of_child(call: Call, path: Mapping[str, str]) -> Answer:
    where = path["path"], path["part"]
    if where not in CHILDREN:
        raise no_such_path()
    resource, _, field = CHILDREN[where]
    snapshot = call.reading().snapshot
    _resource(path["path"]).find(snapshot, call.context, path["id"])
    found = resource.find(snapshot, call.context, path["name"])
    if getattr(found, field) != path["id"]:
        raise resource.not_found(path["name"])
    return await _one(resource, call, path["name"])


async def _failover(call: Call, id: str) -> Answer:
    """The standby becomes the active one. Of the cloud's admin, as in Octavia."""
    if not call.context.is_admin:
        raise forbidden("failover")

    await call.write(lambda w: amphorae.fail_over(w, id))
    return 202, None


PARTS: Mapping[tuple[str, str], tuple[str, Part]] = {
    ("loadbalancers", "failover"): ("PUT", _failover),
    ("loadbalancers", "stats"): ("GET", flows.of_balancer),
    ("loadbalancers", "status"): ("GET", flows.status_tree),
    ("loadbalancers", "statuses"): ("GET", flows.status_tree),
    ("listeners", "stats"): ("GET", flows.of_listener),
    ("providers", "flavor_capabilities"): ("GET", providers.of_flavors),
    ("providers", "availability_zone_capabilities"): ("GET", providers.of_zones),
    ("quotas", "default"): ("GET", quota_api.defaults),
}

READ_ONLY: Mapping[str, Callable[[Call], Awaitable[Answer]]] = {
    "quotas": quota_api.list_all,
    "providers": providers.list_all,
}
QUOTAS: Mapping[str, Part] = {
    "GET": quota_api.show,
    "PUT": quota_api.update,
    "DELETE": quota_api.delete,
}


def _says(call: Call, key: str) -> bool:
    return parse_qs(call.query).get(key, [""])[-1].lower() in ("true", "1")


def _resource(name: str) -> Resource:
    if name not in RESOURCES:
        raise no_such_path()
    return RESOURCES[name]


def _only(call: Call, method: str) -> None:
    if call.method != method:
        raise not_allowed()
