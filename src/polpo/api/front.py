"""What is not part of any API: what is here, whether it is well, its measures."""

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from polpo.api.hosts_v1.callers import calling_admin
from polpo.api.hosts_v1.errors import Refused, refusal
from polpo.api.hosts_v1.parts import Parts


def routes(parts: Parts, version: str, metrics_token: Callable[[], str | None]) -> list[BaseRoute]:
    """`metrics_token` gives the token that /metrics wants, None for loopback and admins."""

    async def root(_request: Request) -> Response:
        url = parts.controller.public_url
        apis = {name: f"{url}/{name}" for name in ("identity", "networking", "v1")}
        return JSONResponse({"polpo": version, "apis": apis})

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(request: Request) -> Response:
        try:
            await _may_read_metrics(parts, request, metrics_token())
        except Refused as error:
            return refusal(error)
        text = generate_latest(parts.metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return [Route("/", root), Route("/healthz", health), Route("/metrics", metrics)]


def token_in(file: str | None) -> Callable[[], str | None]:
    """Read each time: it may be exchanged while we run."""
    return lambda: Path(file).read_text().strip() if file is not None else None


async def _may_read_metrics(parts: Parts, request: Request, token: str | None) -> None:
    """With a token set, loopback is no excuse: a proxy on this machine is loopback, too."""
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token is not None and hmac.compare_digest(shown.encode(), token.encode()):
        return
    if token is None and _is_loopback(request):
        return
    await calling_admin(parts, request)


def _is_loopback(request: Request) -> bool:
    return request.client is not None and ip_address(request.client.host).is_loopback
