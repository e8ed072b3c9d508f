"""The API as an OpenAPI document, from the same tables that check requests."""

from polpo.api.loadbalancer_v2.handlers import CHILDREN, READ_ONLY, RESOURCES
from polpo.api.network_v2.openapi import (
    CHILD,
    ID,
    Node,
    an_object,
    one_of_them,
    operation,
    queries,
    schema_of,
    shell,
)
from polpo.api.network_v2.resource import Resource

PARTS = {"listeners": "a whole tree in one request", "pools": "the same"}


def document(url: str, version: str) -> Node:
    """OpenAPI 3.1. `url` is the load-balancer endpoint."""
    paths: dict[str, Node] = {}
    for (parent, part), (resource, _, _) in CHILDREN.items():
        path = f"/v2/lbaas/{parent}/{{id}}/{part}"
        paths[path] = {**_collection(resource), "parameters": [ID]}
        paths[f"{path}/{{child}}"] = {**one_of_them(resource), "parameters": [ID, CHILD]}
    for path, resource in RESOURCES.items():
        paths[f"/v2/lbaas/{path}"] = _collection(resource)
        paths[f"/v2/lbaas/{path}/{{id}}"] = one_of_them(resource)
    for path in READ_ONLY:
        paths[f"/v2/lbaas/{path}"] = {"get": operation(f"list {path}")}
    return shell("polpo: Load Balancer API v2", version, url, {**paths, **_beside()})


def _collection(resource: Resource) -> Node:
    one = resource.member
    body = schema_of(resource.table, "post")
    if resource.path == "loadbalancers":
        trees = {"type": "array", "items": {"type": "object"}}
        more = {key: {**trees, "description": text} for key, text in PARTS.items()}
        body["properties"] = {**body["properties"], **more}
    return {
        "get": operation(f"list {resource.collection}", parameters=queries(resource)),
        "post": operation(f"create {one}", an_object({one: body}, [one])),
    }


def _beside() -> dict[str, Node]:
    """What is not a table's."""
    (members, _, _) = CHILDREN["pools", "members"]
    many = {"type": "array", "items": schema_of(members.table, "post")}
    limits = {"type": "object", "additionalProperties": {"type": "integer"}}
    balancer = "/v2/lbaas/loadbalancers/{id}"
    return {
        f"{balancer}/stats": {"parameters": [ID], "get": operation("show figures")},
        f"{balancer}/status": {"parameters": [ID], "get": operation("show the tree's statuses")},
        f"{balancer}/failover": {"parameters": [ID], "put": operation("let the standby take over")},
        "/v2/lbaas/listeners/{id}/stats": {"parameters": [ID], "get": operation("show figures")},
        "/v2/lbaas/pools/{id}/members": {
            **_collection(members),
            "parameters": [ID],
            "put": operation("replace all members", an_object({"members": many}, ["members"])),
        },
        "/v2/lbaas/quotas/{id}": {
            "parameters": [ID],
            "get": operation("show quotas"),
            "put": operation("set quotas", an_object({"quota": limits}, ["quota"])),
            "delete": operation("reset quotas"),
        },
        "/v2/octavia/amphorae": {"get": operation("list instances")},
        "/v2/octavia/amphorae/{id}": {"parameters": [ID], "get": operation("show instance")},
    }
