"""The transit network: the same addresses in every router's, for it has a number of its own."""

from ipaddress import ip_network

from polpo.kernel.addresses import Route
from polpo.target.rows import Gateway

ROUTER = {4: "169.254.0.1", 6: "fe80::1"}
ACTIVE = {4: "169.254.0.2", 6: "fe80::2"}
PREFIX_LENGTH = {4: 24, 6: 64}
ANY = {4: "0.0.0.0/0", 6: "::/0"}
INSTANCES = (3, 4)
HANDOVER_PORT = 3780  # TCP: where an instance gives its connections to its peer
LAST_RESORT = 4096  # metric: after every route to the outside


def address(version: int, instance: int) -> str:
    """An instance's own address."""
    return f"169.254.0.{instance}" if version == 4 else f"fe80::{instance}"


def peer(gateway: Gateway) -> int:
    return sum(INSTANCES) - gateway.instance


def routes(gateway: Gateway) -> frozenset[Route]:
    """Inside by the router. What reaches the one that is not active goes on to its peer."""
    inside = {Route(prefix, ROUTER[ip_network(prefix).version]) for prefix in gateway.inside}
    onward = {Route(ANY[v], address(v, peer(gateway)), LAST_RESORT) for v in ANY}
    return frozenset(inside | onward)
