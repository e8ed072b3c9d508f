"""One path of the API: which method runs which handler, who may, and what a refusal looks like."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from polpo.api.identity_v3.call import Call, answer
from polpo.api.identity_v3.errors import (
    Conflict,
    IdentityError,
    NotAllowed,
    NotFound,
    Unauthenticated,
)
from polpo.api.identity_v3.local import LocalIdentity
from polpo.api.identity_v3.policy import Policy
from polpo.store.errors import Missing, StoreError, Taken

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]


class Resource:
    """An ASGI application. `actions`: the handler of each method, and who may."""

    def __init__(self, identity: LocalIdentity, actions: dict[str, tuple[Handler, Policy]]) -> None:
        self.actions = actions
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(Request(scope, receive), self._identity)
        try:
            response = await self._act(call)
        except (IdentityError, StoreError) as error:
            response = self._refuse(error)
        await response(scope, receive, send)

    async def _act(self, call: Call) -> Response:
        method = call.request.method
        action = self.actions.get(method) or (method == "HEAD" and self.actions.get("GET"))
        if not action:
            return not_allowed(self.actions)
        handler, policy = action
        if not policy(call):
            raise NotAllowed(f"identity:{handler.__name__}")
        return await handler(call)

    def _refuse(self, error: IdentityError | StoreError) -> Response:
        if isinstance(error, StoreError):
            return _refuse_store(error)
        headers = dict(error.headers)
        if isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = f'Keystone uri="{self._identity.url}"'
        return answer(error.body(), error.status, **headers)


def route(identity: LocalIdentity, path: str, actions: dict[str, tuple[Handler, Policy]]) -> Route:
    return Route(path, Resource(identity, actions), name=path)


def not_allowed(actions: dict[str, tuple[Handler, Policy]]) -> Response:
    return failure(
        405, "Method Not Allowed", "The method is not allowed.", Allow=", ".join(actions)
    )


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer where no route matches."""
    await failure(404, "Not Found", "The resource could not be found.")(scope, receive, send)


def failure(code: int, title: str, message: str, **headers: str) -> Response:
    return answer({"error": {"code": code, "message": message, "title": title}}, code, **headers)


def _refuse_store(error: StoreError) -> Response:
    if isinstance(error, Taken):
        kind, _, place = error.scope.partition("/")
        where = f" at domain ID {place}" if kind in ("user", "project") else ""
        detail = f"Duplicate entry found with name {error.key}{where}"
        refusal: IdentityError = Conflict(kind, detail)
    elif isinstance(error, Missing):
        refusal = NotFound(error.kind, error.id)
    else:
        message = "The database cannot be written now; try again."
        return failure(503, "Service Unavailable", message, Retry_After="1")
    return answer(refusal.body(), refusal.status)
