"""The API as an OpenAPI document, from the same tables that check requests."""

from collections.abc import Iterable, Mapping
from typing import Any

from polpo.api.network_v2 import qos_rules, router_routes
from polpo.api.network_v2.attributes import REQUIRED, Table
from polpo.api.network_v2.children import Child
from polpo.api.network_v2.query import Searchable
from polpo.api.network_v2.resource import Resource

Node = dict[str, Any]

_ANY = {"description": "an answer, or a NeutronError", "content": {"application/json": {}}}
_ANSWERS = {"default": _ANY}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
CHILD = {"name": "child", "in": "path", "required": True, "schema": {"type": "string"}}
_TAG = {"name": "tag", "in": "path", "required": True, "schema": {"type": "string"}}
_PAGING: Mapping[str, Node] = {
    "limit": {"type": "integer", "minimum": 0},
    "marker": {"type": "string"},
    "page_reverse": {"type": "boolean"},
    "fields": {"type": "array", "items": {"type": "string"}},
    "sort_key": {"type": "array", "items": {"type": "string"}},
    "sort_dir": {"type": "array", "items": {"enum": ["asc", "desc"]}},
}


LISTED = (
    "extensions",
    "agents",
    "network-ip-availabilities",
    "availability_zones",
    "floatingip_pools",
    "segments",
    "qos/rule-types",
)


def document(resources: Mapping[str, Resource], children: Iterable[Child], url: str) -> Node:
    """OpenAPI 3.1. `url` is the network endpoint."""
    paths: dict[str, Node] = {}
    for child in children:
        path = f"/v2.0/{child.parent.path}/{{id}}/{child.collection}"
        paths[path] = _children(child)
        paths[f"{path}/{{child}}"] = _child(child)
    for path, child in qos_rules.ALIASES.items():
        paths[f"/v2.0/{path}/{{id}}"] = {**_child(child), "parameters": [ID]}
    for path, resource in resources.items():
        paths[f"/v2.0/{path}"] = _collection(resource)
        paths[f"/v2.0/{path}/{{id}}"] = one_of_them(resource)
        if resource.taggable:
            paths[f"/v2.0/{path}/{{id}}/tags"] = _tags()
            paths[f"/v2.0/{path}/{{id}}/tags/{{tag}}"] = _tag()
    return shell("polpo: Network API v2.0", "2.0", url, {**paths, **_beside()})


def shell(title: str, version: str, url: str, paths: Node) -> Node:
    """What is around the paths of any of our APIs."""
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}
        },
        "paths": paths,
    }


def _collection(resource: Resource) -> Node:
    one, many = resource.member, resource.collection
    schema = schema_of(resource.table, "post")
    single = an_object({one: schema}, [one])
    bulk = an_object({many: {"type": "array", "items": schema, "minItems": 1}}, [many])
    return {
        "get": operation(f"list {many}", parameters=queries(resource)),
        "post": operation(f"create {many}", {"anyOf": [single, bulk]}),
    }


def one_of_them(resource: Resource) -> Node:
    one = resource.member
    schema = schema_of(resource.table, "put")
    return {
        "parameters": [ID],
        "get": operation(f"show {one}"),
        "put": operation(f"update {one}", an_object({one: schema}, [one])),
        "delete": operation(f"delete {one}"),
    }


def _children(child: Child) -> Node:
    one = child.member
    return {
        "parameters": [ID],
        "get": operation(f"list {child.collection}", parameters=queries(child)),
        "post": operation(f"create {one}", an_object({one: schema_of(child.table, "post")}, [one])),
    }


def _child(child: Child) -> Node:
    one = child.member
    return {
        "parameters": [ID, CHILD],
        "get": operation(f"show {one}"),
        "put": operation(f"update {one}", an_object({one: schema_of(child.table, "put")}, [one])),
        "delete": operation(f"delete {one}"),
    }


def _tags() -> Node:
    schema = an_object({"tags": {"type": "array", "items": {"type": "string"}}}, ["tags"])
    return {
        "parameters": [ID],
        "get": operation("list tags"),
        "put": operation("replace tags", schema),
        "post": operation("add tags", schema),
        "delete": operation("remove all tags"),
    }


def _tag() -> Node:
    return {
        "parameters": [ID, _TAG],
        "get": operation("confirm a tag"),
        "put": operation("add a tag"),
        "delete": operation("remove a tag"),
    }


def _beside() -> dict[str, Node]:
    """What is not a table's."""
    strings = {"type": "array", "items": {"type": "string"}}
    limits = an_object(
        {"quota": {"type": "object", "additionalProperties": {"type": "integer"}}}, []
    )
    paths: dict[str, Node] = {
        "/v2.0/quotas/{id}": {
            "parameters": [ID],
            "get": operation("show quotas"),
            "put": operation("set quotas", limits),
            "delete": operation("reset quotas"),
        }
    }
    interface = an_object({key: {"type": "string"} for key in ("subnet_id", "port_id")}, [])
    routes = an_object(
        {"router": an_object({"routes": router_routes.kind().schema}, ["routes"])}, []
    )
    for verb in ("add", "remove"):
        for what, body in (("router_interface", interface), ("extraroutes", routes)):
            put = operation(f"{verb} {what}", body)
            paths[f"/v2.0/routers/{{id}}/{verb}_{what}"] = {"parameters": [ID], "put": put}
    for path, key in (
        ("address-groups/{id}/add_addresses", "addresses"),
        ("address-groups/{id}/remove_addresses", "addresses"),
        ("subnetpools/{id}/add_prefixes", "prefixes"),
        ("subnetpools/{id}/remove_prefixes", "prefixes"),
    ):
        put = operation(path.rpartition("/")[2], an_object({key: strings}, [key]))
        paths[f"/v2.0/{path}"] = {"parameters": [ID], "put": put}
    for path in LISTED:
        paths[f"/v2.0/{path}"] = {"get": operation(f"list {path}")}
    return paths


def operation(summary: str, body: Node | None = None, parameters: Any = None) -> Node:
    operation: Node = {"summary": summary, "responses": _ANSWERS}
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return operation


def an_object(properties: Node, required: list[str]) -> Node:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def schema_of(table: Table, verb: str) -> Node:
    attributes = {key: a for key, a in table.attributes.items() if getattr(a, verb) and a.kind}
    properties = {key: a.kind.schema for key, a in attributes.items() if a.kind}
    required = [key for key, a in attributes.items() if a.default is REQUIRED and verb == "post"]
    return an_object(properties, required)


def queries(resource: Searchable) -> list[Node]:
    known = resource.table.attributes
    filters = {
        key: {"type": "array", "items": a.kind.schema if a.kind else {"type": "string"}}
        for key, a in known.items()
        if a.filter
    }
    special = {key: {"type": "array", "items": {"type": "string"}} for key in resource.filters}
    every = {**filters, **special, **_PAGING}
    return [{"name": key, "in": "query", "schema": schema} for key, schema in every.items()]
