"""The paths below /load-balancer, which the catalog calls the load-balancer endpoint."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from polpo.api.context import Controller
from polpo.api.loadbalancer_v2 import amphorae, errors, handlers, openapi
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.endpoint import Endpoint, Handler
from polpo.api.network_v2.errors import no_such_path
from polpo.api.network_v2.settings import Settings
from polpo.store.errors import Taken

NEWEST = 27
"""Minor version of Octavia's API (2024.1) that this is like."""

PATHS: tuple[tuple[str, Handler], ...] = (
    ("/lbaas/{path}", handlers.of_kind),
    ("/lbaas/{path}/{id}", handlers.of_one),
    ("/lbaas/{path}/{id}/{part}", handlers.of_part),
    ("/lbaas/{path}/{id}/{part}/{name}", handlers.of_child),
    ("/octavia/{path}", amphorae.of_kind),
    ("/octavia/{path}/{id}", amphorae.of_one),
    ("/octavia/{path}/{id}/{part}", amphorae.of_part),
)


def routes(controller: Controller, settings: Settings | None = None) -> list[BaseRoute]:
    chosen = settings or Settings()

    def endpoint(handler: Handler) -> Endpoint:
        return Endpoint(controller, chosen, _ours(handler), errors.body)

    async def versions(_request: Request) -> Response:
        return JSONResponse({"versions": _versions(controller.public_url)})

    async def description(_request: Request) -> Response:
        url = f"{controller.public_url}/load-balancer"
        return JSONResponse(openapi.document(url, f"2.{NEWEST}"))

    inside: list[BaseRoute] = [Route("/", versions), Route("/openapi.json", description)]
    for version in ("/v2", "/v2.0"):
        inside += [Route(version, versions), Route(f"{version}/", versions)]
        inside += [Route(version + path, endpoint(handler)) for path, handler in PATHS]
        inside += [Route(f"{version}{path}/", endpoint(handler)) for path, handler in PATHS]
    inside.append(Route("/{rest:path}", endpoint(_nowhere)))
    return [Route("/load-balancer", versions), Mount("/load-balancer", routes=inside)]


def _versions(url: str) -> list[dict[str, object]]:
    """Every minor version, as Octavia lists them; all are the same here."""
    links = [{"rel": "self", "href": f"{url}/load-balancer/v2"}]
    return [
        {
            "id": f"v2.{minor}",
            "status": "CURRENT" if minor == NEWEST else "SUPPORTED",
            "updated": "2024-01-05T00:00:00Z",
            "links": links,
        }
        for minor in range(NEWEST + 1)
    ]


def _ours(handler: Handler) -> Handler:
    """What another object holds is said in Octavia's words."""

    async def handle(call: Call, path: Mapping[str, str]) -> Answer:
        try:
            return await handler(call, path)
        except Taken as error:
            raise errors.taken(error) or error from error

    return handle


async def _nowhere(_call: Call, _path: Mapping[str, str]) -> Answer:
    raise no_such_path()
