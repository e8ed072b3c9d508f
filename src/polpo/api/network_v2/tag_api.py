"""`.../{resource}/{id}/tags` and below (Neutron API reference, "Standard attribute tag")."""

from typing import Any

from polpo.api.network_v2 import tags
from polpo.api.network_v2.collection import Answer, Call, not_allowed, to_change
from polpo.api.network_v2.resource import Resource, Writing


async def handle_all(resource: Resource, call: Call, id: str) -> Answer:
    """GET them, PUT others in their place, POST more, DELETE all."""
    if call.method == "GET":
        return 200, {"tags": list(_find(resource, call, id).tags)}
    if call.method == "DELETE":
        await _write(resource, call, id, lambda obj: ())
        return 204, None
    if call.method not in ("PUT", "POST"):
        raise not_allowed()
    given = tags.read_all(call.body)
    kept = call.method == "POST"
    made = await _write(resource, call, id, lambda obj: (*(obj.tags if kept else ()), *given))
    return (201 if kept else 200), {"tags": list(made.tags)}


async def handle_one(resource: Resource, call: Call, id: str, tag: str) -> Answer:
    """GET: is it there? PUT: put it there. DELETE it."""
    tag = tags.read_one(tag)
    if call.method == "GET":
        tags.check_has(_find(resource, call, id), tag)
        return 204, None
    if call.method == "PUT":
        await _write(resource, call, id, lambda obj: (*obj.tags, tag))
        return 201, None
    if call.method != "DELETE":
        raise not_allowed()
    await _write(resource, call, id, lambda obj: _without(obj, tag))
    return 204, None


def _without(obj: Any, tag: str) -> tuple[str, ...]:
    tags.check_has(obj, tag)
    return tuple(t for t in obj.tags if t != tag)


def _find(resource: Resource, call: Call, id: str) -> Any:
    return resource.find(call.reading().snapshot, call.context, id)


async def _write(resource: Resource, call: Call, id: str, make: Any) -> Any:
    def act(w: Writing) -> Any:
        obj = to_change(resource, w, call, id, "update")
        return tags.put(w, resource, obj, make(obj))

    return await call.write(act)
