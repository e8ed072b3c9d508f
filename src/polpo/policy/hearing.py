"""Hears the cluster's DNS servers: they ask which wildcards there are, and tell addresses."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple, cast

import msgspec
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import ServerState

from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.domains import PATH, SECRET, Meeting, Taken, Told
from polpo.kube.errors import ApiError
from polpo.kube.resources import SECRETS
from polpo.policy.answers import Answers
from polpo.policy.identity import new_identity
from polpo.policy.strangers import Strangers

LARGEST_BYTES = 1 << 20
LONGEST_S = 5.0
PUBLISH_S = 300.0
LEAVE_S = 1.0
PORT = 9543

InForce = Callable[[float], Awaitable[bool]]
"""Whether all hosts have what was told up to now, within so many seconds."""

log = structlog.get_logger()


class Place(NamedTuple):
    """Where to listen, and what of it DNS servers are told."""

    host: str
    port: int = PORT


class Hearing:
    def __init__(self, api: Api, answers: Answers, in_force: InForce, place: Place) -> None:
        self._api, self._answers, self._in_force = api, answers, in_force
        self._place, self._identity = place, new_identity()
        self._strangers: Strangers | None = None

    async def run(self) -> None:
        """Policies are followed, whether anybody can be heard or not."""
        backoff = Backoff()
        while True:
            try:
                await self._hear()
            except OSError as error:
                log.warning("DNS servers are not heard", place=self._place, error=str(error))
            await asyncio.sleep(backoff.wait_s())

    async def _hear(self) -> None:
        with _listening(self._place) as listening:
            port = listening.getsockname()[1]
            log.info("DNS servers may tell", host=self._place.host, port=port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._serve(listening))
                group.create_task(self._publish(port))

    async def _serve(self, listening: socket.socket) -> None:
        routes = [Route(PATH, self._ask, methods=["GET"]), Route(PATH, self._tell, methods=["PUT"])]
        config = uvicorn.Config(
            Starlette(routes=routes),
            lifespan="off",
            log_config=None,
            access_log=False,
        )
        config.load()
        state = ServerState()
        speaking = partial(
            cast(Any, config.http_protocol_class), config=config, server_state=state, app_state={}
        )
        self._strangers = Strangers(self._identity.context, speaking)
        try:
            await self._strangers.let_in(listening)
        finally:
            self._answers.end()
            await _leave(state)

    async def _publish(self, port: int) -> None:
        """In the Secret, which is there, empty, from the manifest: we may write no other. Again and
        again: somebody may have made it anew."""
        host = f"[{self._place.host}]" if ":" in self._place.host else self._place.host
        said = Meeting(f"https://{host}:{port}", self._identity.certificate, self._identity.token)
        backoff, (namespace, name) = Backoff(), SECRET
        while True:
            try:
                await self._api.patch(SECRETS, name, namespace, {"data": said.data()})
            except ApiError as error:
                log.warning("DNS servers are not told where we are", error=str(error))
                await asyncio.sleep(backoff.wait_s())
            else:
                backoff.reset()
                await asyncio.sleep(PUBLISH_S)

    async def _ask(self, request: Request) -> Response:
        if not self._is_trusted(request):
            return Response(status_code=401)
        found = await self._answers.wanted(request.query_params.get("version", ""))
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def _tell(self, request: Request) -> Response:
        if not self._is_trusted(request):
            return Response(status_code=401)
        if int(request.headers.get("content-length", LARGEST_BYTES + 1)) > LARGEST_BYTES:
            return Response(status_code=413)
        try:
            told = msgspec.json.decode(await request.body(), type=Told)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Response(str(error), 400)
        self._answers.take(told.addresses)
        in_force = await self._in_force(min(max(told.wait_s, 0.0), LONGEST_S))
        return Response(msgspec.json.encode(Taken(in_force)), media_type="application/json")

    def _is_trusted(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").encode()
        trusted = hmac.compare_digest(given, f"Bearer {self._identity.token}".encode())
        if trusted and self._strangers is not None:
            self._strangers.know(request.client)
        return trusted


async def _leave(state: ServerState) -> None:
    """Who waits is answered; then nobody is connected."""
    if state.tasks:
        await asyncio.wait(set(state.tasks), timeout=LEAVE_S)
    for connection in list(state.connections):
        connection.transport.abort()


def _listening(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    return socket.create_server((place.host, place.port), family=family)
