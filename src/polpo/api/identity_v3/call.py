"""One request: who asks, what they sent, and the answer's form."""

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api import bodies
from polpo.api.context import Unauthorized
from polpo.api.identity_v3.caller import Caller
from polpo.api.identity_v3.errors import TooLarge, Unauthenticated
from polpo.api.identity_v3.fields import decode
from polpo.api.identity_v3.local import LocalIdentity
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction

R = TypeVar("R")

LARGEST_BODY_BYTES = 114_688
"""Keystone's own default (oslo.middleware max_request_body_size)."""


class Call:
    def __init__(self, request: Request, identity: LocalIdentity) -> None:
        self.request = request
        self.identity = identity

    @cached_property
    def caller(self) -> Caller:
        """Raises Unauthenticated."""
        return self.shown(self.request.headers.get("x-auth-token", ""))

    def shown(self, token: str) -> Caller:
        """Who a token belongs to. Raises Unauthenticated."""
        try:
            return self.identity.caller(token)
        except Unauthorized as error:
            raise Unauthenticated from error

    @property
    def snapshot(self) -> Snapshot:
        return self.identity.store.snapshot

    @property
    def source(self) -> str:
        """The client's address."""
        return self.request.client.host if self.request.client else ""

    def part(self, name: str) -> str:
        """A variable part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        return self.request.query_params.get(name)

    def url(self, path: str) -> str:
        return f"{self.identity.url}/v3{path}"

    async def body(self) -> object:
        """Raises BadRequest, TooLarge."""
        try:
            return decode(await bodies.read(self.request, LARGEST_BODY_BYTES))
        except bodies.Larger:
            raise TooLarge("Request is too large.") from None

    async def write(self, act: Callable[[Transaction], R]) -> R:
        return await self.identity.store.write(act)


def answer(body: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = msgspec.json.encode(body)
    return Response(content, status, {"Vary": "X-Auth-Token", **named}, "application/json")


def empty(status: int = 204) -> Response:
    return Response(b"", status, {"Vary": "X-Auth-Token"})
