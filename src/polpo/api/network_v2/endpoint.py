"""From HTTP to a call and back: token, body, errors. Knows no resource."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from polpo.api.context import Context, Controller, Unauthorized
from polpo.api.identifier import new_id
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import NeutronError, bad_request, from_store, no_project
from polpo.api.network_v2.settings import Settings
from polpo.store.errors import StoreError

Handler = Callable[[Call, Mapping[str, str]], Awaitable[Answer]]

_log = structlog.get_logger("polpo.network_v2")

UNAUTHORIZED = msgspec.json.encode(
    {
        "error": {
            "message": "The request you have made requires authentication.",
            "code": 401,
            "title": "Unauthorized",
        }
    }
)
"""What Keystone's own guard of Neutron answers."""


class Endpoint:
    """An ASGI application that answers with what its handler makes of the call.

    `shape` is how errors look: other APIs have other forms of the same.
    """

    def __init__(
        self,
        controller: Controller,
        settings: Settings,
        handler: Handler,
        shape: Callable[[NeutronError], bytes] = NeutronError.body,
    ) -> None:
        self._controller, self._settings, self._handler = controller, settings, handler
        self._shape = shape

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body = await self._answer(scope, receive)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-openstack-request-id", f"req-{new_id()}".encode()),
        ]
        if status == 401:
            uri = f'Keystone uri="{self._controller.public_url}/identity"'
            headers.append((b"www-authenticate", uri.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        try:
            call = await self._call(scope, receive)
            status, answer = await self._handler(call, scope["path_params"])
            return status, b"" if answer is None else msgspec.json.encode(answer)
        except Unauthorized:
            return 401, UNAUTHORIZED
        except NeutronError as error:
            return error.status, self._shape(error)
        except StoreError as error:
            refused = from_store(error)
            return refused.status, self._shape(refused)
        except Exception:
            _log.exception("request failed", method=scope["method"], path=scope["path"])
            return 500, self._shape(_failed())

    async def _call(self, scope: Scope, receive: Receive) -> Call:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        context = await self._context(headers)
        body = None
        if scope["method"] in ("POST", "PUT"):
            body = _decoded(await _read(receive, self._settings.body_bytes))
        return Call(
            controller=self._controller,
            settings=self._settings,
            context=context,
            method=scope["method"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )

    async def _context(self, headers: Mapping[str, str]) -> Context:
        token = headers.get("x-auth-token", "")
        context = await self._controller.identity.authenticate(token)
        if not context.is_placed:
            raise no_project()
        return context


def _failed() -> NeutronError:
    return NeutronError(
        500,
        "HTTPInternalServerError",
        "Request Failed: internal server error while processing your request.",
    )


async def _read(receive: Receive, limit: int) -> bytes:
    """The body, as long as it is not too long."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise bad_request("Request was cut off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise NeutronError(413, "HTTPRequestEntityTooLarge", "Request is too large.")
        if not message.get("more_body", False):
            return b"".join(parts)


def _decoded(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("Body contains invalid data") from error
