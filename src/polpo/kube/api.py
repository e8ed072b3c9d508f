"""Objects by kind and name: read one, make, change and remove. What changes is sent as a patch of
the fields that are ours, so that nobody else's are touched."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from polpo.kube.client import APPLY_PATCH, JSON, MERGE_PATCH, Client
from polpo.kube.errors import ApiError
from polpo.kube.resources import Object, Resource

T = TypeVar("T", bound=Object)
Body = dict[str, Any]


class Api:
    """`manager` is who we are to server-side apply: the owner of the fields that we set."""

    def __init__(self, client: Client, manager: str = "polpo") -> None:
        self._client, self._manager = client, manager

    async def get(self, resource: Resource[T], name: str, namespace: str = "") -> T | None:
        """None if there is none."""
        try:
            body = await self._client.call("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return _decoded(resource, body)

    async def create(self, resource: Resource[T], body: Body) -> T:
        """`body` is the object; ApiError 409 if it is there already."""
        path = resource.path(body["metadata"].get("namespace", ""))
        return _decoded(resource, await self._send("POST", path, resource, body, JSON))

    async def replace(self, resource: Resource[T], body: Body) -> T:
        """ApiError 409 if it is another by now than `metadata.resourceVersion` says."""
        path = _path(resource, body)
        return _decoded(resource, await self._send("PUT", path, resource, body, JSON))

    async def apply(self, resource: Resource[T], body: Body, *, force: bool = False) -> T:
        """Server-side apply: there is then such an object with these fields. 409 where another
        manager has set one of them, unless `force`."""
        path = _path(resource, body)
        query = {"fieldManager": self._manager} | ({"force": "true"} if force else {})
        sent = _whole(resource, body)
        answer = await self._client.call("PATCH", path, query, _encoded(sent), APPLY_PATCH)
        return _decoded(resource, answer)

    async def patch(
        self, resource: Resource[T], name: str, namespace: str, body: Body, sub: str = ""
    ) -> T:
        """A merge patch (RFC 7386), of a subresource such as "status" if one is named."""
        path = resource.path(namespace, name, sub)
        return _decoded(resource, await self._send("PATCH", path, resource, body, MERGE_PATCH))

    async def delete(self, resource: Resource[T], name: str, namespace: str = "") -> bool:
        """False if there was none."""
        try:
            await self._client.call("DELETE", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _send(
        self, method: str, path: str, resource: Resource[T], body: Body, content: str
    ) -> bytes:
        whole = body if content == MERGE_PATCH else _whole(resource, body)
        query = {"fieldManager": self._manager}
        return await self._client.call(method, path, query, _encoded(whole), content)


def _path(resource: Resource[T], body: Body) -> str:
    meta = body["metadata"]
    return resource.path(meta.get("namespace", ""), meta["name"])


def _whole(resource: Resource[T], body: Body) -> Body:
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    return {"apiVersion": version, "kind": resource.kind} | body


def _encoded(body: Body) -> bytes:
    return msgspec.json.encode(body)


def _decoded(resource: Resource[T], body: bytes) -> T:
    try:
        found: T = msgspec.json.decode(body, type=resource.type)
        return found
    except msgspec.MsgspecError as error:
        raise ApiError(502, f"the answer is no {resource.kind}: {error}") from error
