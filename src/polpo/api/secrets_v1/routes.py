"""The paths below /key-manager, which the catalog calls the key-manager endpoint."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from polpo.api.context import Controller, Unauthorized
from polpo.api.secrets_v1 import access, containers, metadata, secrets
from polpo.api.secrets_v1.call import Call
from polpo.api.secrets_v1.errors import Refused, not_allowed
from polpo.api.secrets_v1.sealing import Seal, Unopened
from polpo.model.secret import Guarded, Secret, SecretContainer
from polpo.store.errors import Missing, StoreError

Handler: TypeAlias = Callable[[Call], Awaitable[Response]]
Actions: TypeAlias = Mapping[str, Handler]

_log = structlog.get_logger("polpo.secrets_v1")


def _acl(kind: type[Guarded]) -> Actions:
    change = access.update(kind)
    return {
        "GET": access.show(kind),
        "PUT": change,
        "PATCH": change,
        "DELETE": access.remove(kind),
    }


TABLE: Mapping[str, Actions] = {
    "/secrets": {"GET": secrets.list_all, "POST": secrets.create},
    "/secrets/{id}": {"GET": secrets.show, "PUT": secrets.update, "DELETE": secrets.remove},
    "/secrets/{id}/payload": {"GET": secrets.payload},
    "/secrets/{id}/metadata": {"GET": metadata.show, "PUT": metadata.update},
    "/secrets/{id}/acl": _acl(Secret),
    "/containers": {"GET": containers.list_all, "POST": containers.create},
    "/containers/{id}": {"GET": containers.show, "DELETE": containers.remove},
    "/containers/{id}/acl": _acl(SecretContainer),
}


class Endpoint:
    """An ASGI application: one path."""

    def __init__(
        self, controller: Controller, seal: Seal, now: Callable[[], str], actions: Actions
    ) -> None:
        self._controller, self._seal, self._now, self._actions = controller, seal, now, actions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            token = request.headers.get("x-auth-token", "")
            context = await self._controller.identity.authenticate(token)
            if request.method not in self._actions:
                raise not_allowed()
            call = Call(self._controller, self._seal, request, context, self._now())
            return await self._actions[request.method](call)
        except Unauthorized:
            return self._unauthorized()
        except Refused as error:
            return _refusal(error)
        except StoreError as error:
            return _refusal(_from_store(error))
        except Unopened as error:
            _log.error("secret can't be opened", reason=str(error))
            return _refusal(Refused(500, "Internal Server Error", str(error)))

    def _unauthorized(self) -> Response:
        uri = f'Keystone uri="{self._controller.public_url}/identity"'
        refused = Refused(401, "Unauthorized", "The request requires authentication.")
        return _refusal(refused, {"WWW-Authenticate": uri})


def _refusal(error: Refused, headers: Mapping[str, str] | None = None) -> Response:
    return Response(error.body(), error.status, headers, "application/json")


def _from_store(error: StoreError) -> Refused:
    if isinstance(error, Missing):
        return Refused(404, "Not Found", f"Not Found. {error.id} is gone.")
    return Refused(503, "Service Unavailable", f"Cannot be written now: {error}")


def routes(controller: Controller, seal: Seal, now: Callable[[], str]) -> list[BaseRoute]:
    """`now` is the time of day, UTC, as objects have it."""

    async def versions(_request: Request) -> Response:
        link = {"rel": "self", "href": f"{controller.public_url}/key-manager/v1/"}
        version = {"id": "v1", "status": "CURRENT", "min_version": "1.0", "max_version": "1.0"}
        return JSONResponse({"versions": [{**version, "links": [link]}]})

    paths = [Route("/", versions), Route("/v1", versions), Route("/v1/", versions)]
    for path, actions in TABLE.items():
        endpoint = Endpoint(controller, seal, now, actions)
        paths += [Route(f"/v1{path}{slash}", endpoint) for slash in ("", "/")]
    return [Route("/key-manager", versions), Mount("/key-manager", routes=paths)]
