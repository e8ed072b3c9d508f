"""The paths of the Network API, for apps to mount."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from polpo.api.context import Controller
from polpo.api.network_v2 import (
    actions,
    address_group,
    address_scope,
    agents,
    availability,
    children,
    collection,
    default_group,
    default_rules,
    extensions,
    floatingip,
    floatingip_pools,
    l3_agents,
    network,
    openapi,
    port,
    port_forwarding,
    qos_policy,
    qos_rule_types,
    qos_rules,
    quota_api,
    rbac_policy,
    router,
    security_group,
    security_group_rule,
    segment_view,
    subnet,
    subnetpool,
    tag_api,
)
from polpo.api.network_v2.children import Child
from polpo.api.network_v2.collection import Answer, Call, not_allowed
from polpo.api.network_v2.endpoint import Endpoint, Handler
from polpo.api.network_v2.errors import no_such_path
from polpo.api.network_v2.resource import Resource
from polpo.api.network_v2.settings import Settings

RESOURCES: Mapping[str, Resource] = {
    module.RESOURCE.path: module.RESOURCE
    for module in (
        network,
        subnet,
        subnetpool,
        address_scope,
        port,
        security_group,
        security_group_rule,
        address_group,
        rbac_policy,
        router,
        floatingip,
        qos_policy,
    )
}
"""By their path."""

Listing = Callable[[Call], Awaitable[Answer]]
Showing = Callable[[Call, str], Awaitable[Answer]]

READ_ONLY: Mapping[str, tuple[Listing, Showing | None]] = {
    "extensions": (extensions.list_all, extensions.show),
    "availability_zones": (availability.zones, None),
    "network-ip-availabilities": (availability.addresses, availability.addresses_of),
    "default-security-group-rules": (default_rules.list_all, default_rules.show),
    "agents": (agents.list_all, agents.show),
    "service-providers": (availability.no_service_providers, None),
    "quotas": (quota_api.list_all, quota_api.show),
    "segments": (segment_view.list_all, segment_view.show),
    "floatingip_pools": (floatingip_pools.list_all, None),
    "qos/rule-types": (qos_rule_types.list_all, qos_rule_types.show),
}
"""What is not kept as objects of its own, by path: list, show."""

CHILDREN: Mapping[tuple[str, str], Child] = {
    (kind.parent.path, kind.collection): kind
    for kind in (port_forwarding.CHILD, *qos_rules.CHILDREN)
}
"""By the parent's path and their own."""

WRITTEN: Mapping[tuple[str, str], Showing] = {
    ("agents", "PUT"): agents.update,
    ("quotas", "PUT"): quota_api.update,
    ("quotas", "DELETE"): quota_api.delete,
}

QUOTA_PARTS: Mapping[str, Showing] = {
    "default": quota_api.defaults,
    "details": quota_api.details,
    "details.json": quota_api.details,
}


def routes(controller: Controller, settings: Settings | None = None) -> list[BaseRoute]:
    """Everything below /networking, which the catalog calls the network endpoint."""
    chosen = settings or Settings()

    def endpoint(handler: Handler) -> Endpoint:
        return Endpoint(controller, chosen, handler)

    async def versions(_request: Request) -> Response:
        return JSONResponse({"versions": [_version(controller)]})

    async def description(_request: Request) -> Response:
        url = f"{controller.public_url}/networking"
        return JSONResponse(openapi.document(RESOURCES, CHILDREN.values(), url))

    inside = [
        Route("/", versions),
        Route("/openapi.json", description),
        Route("/v2.0", endpoint(_resources)),
        Route("/v2.0/", endpoint(_resources)),
        *(Route(f"/v2.0/qos{path}", endpoint(_of_qos(handler))) for path, handler in _PATHS),
        *(Route(f"/v2.0{path}", endpoint(handler)) for path, handler in _PATHS),
        Route("/{rest:path}", endpoint(_nowhere)),
    ]
    return [Route("/networking", versions), Mount("/networking", routes=inside)]


def _version(controller: Controller) -> dict[str, Any]:
    href = f"{controller.public_url}/networking/v2.0/"
    return {"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": href}]}


async def _resources(call: Call, _path: Mapping[str, str]) -> Answer:
    base = f"{call.controller.public_url}/networking/v2.0"
    shown = [
        {
            "name": resource.member,
            "collection": resource.collection,
            "links": [{"rel": "self", "href": f"{base}/{path}"}],
        }
        for path, resource in RESOURCES.items()
    ]
    return 200, {"resources": shown}


async def _collection(call: Call, path: Mapping[str, str]) -> Answer:
    name = path["path"]
    if name in READ_ONLY:
        _only(call, "GET")
        return await READ_ONLY[name][0](call)
    resource = _resource(name)
    if call.method == "POST":
        return await collection.create(resource, call)
    _only(call, "GET")
    if resource.path in ("security-groups", "security-group-rules"):
        await _with_default_group(call)
    return await collection.list_all(resource, call)


async def _with_default_group(call: Call) -> None:
    """As in Neutron, who looks at groups finds the project's default one."""
    project_id = call.context.project_id
    if project_id and default_group.of(call.reading().snapshot, project_id) is None:
        await call.write(lambda w: default_group.ensure(w, project_id))


async def _member(call: Call, path: Mapping[str, str]) -> Answer:
    name, id = path["path"], path["id"]
    if name in READ_ONLY:
        return await _read_only(call, name, id)
    if name in qos_rules.ALIASES:
        return await qos_rules.handle_alias(qos_rules.ALIASES[name], call, id)
    resource = _resource(name)
    if call.method == "PUT":
        return await collection.update(resource, call, id)
    if call.method == "DELETE":
        return await collection.delete(resource, call, id)
    _only(call, "GET")
    return await collection.show(resource, call, id)


async def _read_only(call: Call, name: str, id: str) -> Answer:
    if (name, call.method) in WRITTEN:
        return await WRITTEN[name, call.method](call, id)
    _only(call, "GET")
    show = READ_ONLY[name][1]
    if show is None:
        raise no_such_path()
    return await show(call, id)


async def _part(call: Call, path: Mapping[str, str]) -> Answer:
    """Tags, actions, children, what is placed where, and parts of quotas."""
    name, id, part = path["path"], path["id"], path["part"]
    if name == "quotas" and part in QUOTA_PARTS:
        _only(call, "GET")
        return await QUOTA_PARTS[part](call, id)
    if (name, part) in actions.ACTIONS:
        _only(call, "PUT")
        answer: Answer = await actions.ACTIONS[name, part](call, id)
        return answer
    if (name, part) in l3_agents.PARTS:
        _only(call, "GET")
        placed: Answer = await l3_agents.PARTS[name, part](call, id)
        return placed
    if (name, part) in CHILDREN:
        return await children.handle_all(CHILDREN[name, part], call, id)
    return await tag_api.handle_all(_taggable(name, part), call, id)


async def _named(call: Call, path: Mapping[str, str]) -> Answer:
    """One tag, which may have slashes in it, or one child."""
    kind = CHILDREN.get((path["path"], path["part"]))
    if kind is not None:
        return await children.handle_one(kind, call, path["id"], path["name"])
    resource = _taggable(path["path"], path["part"])
    return await tag_api.handle_one(resource, call, path["id"], path["name"])


_PATHS: tuple[tuple[str, Handler], ...] = (
    ("/{path}", _collection),
    ("/{path}/{id}", _member),
    ("/{path}/{id}/{part}", _part),
    ("/{path}/{id}/{part}/{name:path}", _named),
)


def _of_qos(handler: Handler) -> Handler:
    """The same one level deeper: its collections are called `qos/policies`."""

    async def handle(call: Call, path: Mapping[str, str]) -> Answer:
        return await handler(call, {**path, "path": f"qos/{path['path']}"})

    return handle


async def _nowhere(_call: Call, _path: Mapping[str, str]) -> Answer:
    raise no_such_path()


def _resource(name: str) -> Resource:
    if name not in RESOURCES:
        raise no_such_path()
    return RESOURCES[name]


def _taggable(name: str, part: str) -> Resource:
    resource = _resource(name)
    if part != "tags" or not resource.taggable:
        raise no_such_path()
    return resource


def _only(call: Call, method: str) -> None:
    if call.method != method:
        raise not_allowed()
