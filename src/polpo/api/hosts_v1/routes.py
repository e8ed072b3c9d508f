"""The paths under `/v1`, and what every handler's failures are answered with."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from polpo.api.hosts_v1 import agents, certificates, denied, hosts, revisions
from polpo.api.hosts_v1.errors import Refused, refusal
from polpo.api.hosts_v1.feed_endpoint import FeedEndpoint
from polpo.api.hosts_v1.parts import Parts
from polpo.api.hosts_v1.tracing import Tracing
from polpo.store.errors import StoreError, Taken, Unfit

Handler: TypeAlias = Callable[[Parts, Request], Awaitable[Response]]


def routes(parts: Parts) -> list[BaseRoute]:
    """The busiest first: a router looks from the top."""
    tracing = Tracing()

    def route(path: str, method: str, handler: Handler) -> Route:
        return Route(path, guarded(parts, handler), methods=[method])

    return [
        route("/hosts/{host}/status", "POST", agents.take_status),
        Route("/hosts/{host}/target", FeedEndpoint(parts), methods=["GET"]),
        route("/hosts/{host}/ports/{port}", "PUT", agents.bind_port),
        route("/hosts/{host}/ports/{port}", "DELETE", agents.unbind_port),
        route("/hosts/{host}/certificate", "GET", certificates.show),
        route("/revisions/{revision}", "GET", revisions.await_revision),
        route("/status", "GET", revisions.show_status),
        route("/denied", "GET", denied.show),
        route("/trace", "GET", tracing.show),
        route("/trace", "POST", tracing.prove),
        route("/hosts", "GET", hosts.list_hosts),
        route("/hosts", "POST", hosts.make_host),
        route("/hosts/{host}", "GET", hosts.show_host),
        route("/hosts/{host}", "PUT", hosts.change_host),
        route("/hosts/{host}", "DELETE", hosts.remove_host),
        route("/hosts/{host}/token", "POST", hosts.rotate_token),
    ]


def guarded(parts: Parts, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The handler, with its failures answered in our shape."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(parts, request)
        except Refused as error:
            return refusal(error)
        except Taken as error:
            return refusal(Refused(409, str(error)))
        except Unfit as error:
            return refusal(Refused(400, str(error)))
        except StoreError as error:
            return refusal(Refused(503, f"Cannot be written now: {error}"))

    return handle
