"""The paths of clusters and pods, under `/v1`."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from polpo.api.clusters_v1 import clusters, policy, services
from polpo.api.clusters_v1.pods import HostPods
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.parts import Parts
from polpo.api.hosts_v1.routes import Handler, guarded
from polpo.api.network_v2.errors import NeutronError
from polpo.api.network_v2.settings import Settings


def routes(parts: Parts, settings: Settings) -> list[BaseRoute]:
    pods = HostPods(settings)

    def route(path: str, method: str, handler: Handler) -> Route:
        return Route(path, guarded(parts, _in_our_shape(handler)), methods=[method])

    return [
        route("/hosts/{host}/pods", "PUT", pods.put),
        route("/clusters", "GET", clusters.list_clusters),
        route("/clusters", "POST", clusters.make_cluster),
        route("/clusters/{cluster}", "GET", clusters.show_cluster),
        route("/clusters/{cluster}", "PATCH", clusters.change_cluster),
        route("/clusters/{cluster}", "DELETE", clusters.remove_cluster),
        route("/clusters/{cluster}/services", "GET", services.list_services),
        route("/clusters/{cluster}/services", "POST", services.tell_services),
        route("/clusters/{cluster}/nodes", "PUT", services.tell_nodes),
        route("/clusters/{cluster}/groups", "GET", policy.list_groups),
        route("/clusters/{cluster}/pods", "GET", policy.list_pods),
        route("/clusters/{cluster}/policy", "POST", policy.tell_policy),
    ]


def _in_our_shape(handler: Handler) -> Handler:
    """What the Network API refuses (quota, no address) is refused here with the same words."""

    async def handle(parts: Parts, request: Request) -> Response:
        try:
            return await handler(parts, request)
        except NeutronError as error:
            raise Refused(error.status, error.message) from error

    return handle
