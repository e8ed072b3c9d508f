"""A gateway's routes in its transit network: what does not come from the outside."""

from ipaddress import ip_network

from polpo.agent.pairs.transit import ANY, ROUTER, address, peer
from polpo.kernel.addresses import Route
from polpo.target.rows import Gateway

LAST_RESORT = 4096  # metric: after every route to the outside


def routes(gateway: Gateway) -> frozenset[Route]:
    """Inside by the router. What reaches the one that is not active goes on to its peer."""
    inside = {Route(prefix, ROUTER[ip_network(prefix).version]) for prefix in gateway.inside}
    other = peer(gateway.instance)
    onward = {Route(ANY[v], address(v, other), LAST_RESORT) for v in ANY}
    return frozenset(inside | onward)
