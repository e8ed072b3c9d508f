"""What a DHCPv4 client is told besides its address: options by code, in the order of their weight.

Mask, MTU and what is said of the lease go to every client, as Neutron's do; the rest to those that
ask for it (or name nothing that they ask for).
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

import msgspec

from polpo.agent.dhcp import values
from polpo.agent.dhcp.answers import LEASE_S
from polpo.agent.dhcp.extra import NEXT_SERVER, extra_options
from polpo.agent.dhcp.link import Link
from polpo.target.rows import Port, Subnet

MASK, ROUTER, DNS, HOSTNAME, DOMAIN, MTU, BROADCAST = 1, 3, 6, 12, 15, 26, 28
LEASE, RENEW, REBIND, ROUTES, ROUTES_MICROSOFT = 51, 58, 59, 121, 249
ALWAYS = (LEASE, RENEW, REBIND, MASK, MTU)
METADATA = "169.254.169.254/32"
ON_LINK = "0.0.0.0"


class Wishes(msgspec.Struct, frozen=True):
    """What the client asked for (option 55, None if it named nothing), and whether it is iPXE."""

    codes: bytes | None
    ipxe: bool = False

    def extra(self, port: Port) -> dict[int, bytes]:
        return extra_options(port.dhcp_options, 4, self.ipxe)


def configuration(link: Link, subnet: Subnet, address: bytes, wishes: Wishes) -> dict[int, bytes]:
    """For the owner of `address` (packed), which is of the subnet."""
    extra = wishes.extra(link.port)
    gateway = _gateway(subnet, address, extra)
    routes = _routes(subnet, gateway, link.router(subnet).forwards)
    known = dict(_known(link.port, subnet, gateway, routes)) | extra
    known.pop(NEXT_SERVER, None)
    if LEASE in extra:
        known |= dict(_times(int.from_bytes(extra[LEASE], "big"))) | extra
    order = [*ALWAYS, *(known if wishes.codes is None else wishes.codes)]
    return {code: known[code] for code in dict.fromkeys(order) if code in known}


def _times(lease_s: int) -> Iterator[tuple[int, bytes]]:
    """T1 and T2 are half and seven eighths (RFC 2131, 4.4.5)."""
    for code, seconds in ((LEASE, lease_s), (RENEW, lease_s // 2), (REBIND, lease_s * 7 // 8)):
        yield code, seconds.to_bytes(4, "big")


def _known(
    port: Port, subnet: Subnet, gateway: str | None, routes: Iterable[tuple[str, str]]
) -> Iterator[tuple[int, bytes]]:
    """What follows from the rows."""
    network = IPv4Network(subnet.cidr)
    yield from _times(LEASE_S)
    yield MASK, network.netmask.packed
    yield MTU, port.mtu.to_bytes(2, "big")
    if gateway is not None:
        yield ROUTER, IPv4Address(gateway).packed
    if subnet.dns_servers:
        yield DNS, b"".join(IPv4Address(server).packed for server in subnet.dns_servers)
    yield BROADCAST, network.broadcast_address.packed
    if port.hostname:
        yield HOSTNAME, port.hostname.removesuffix(".").encode()
    if subnet.domain:
        yield DOMAIN, subnet.domain.encode()
    packed = b"".join(values.route(to, via) for to, via in routes)
    yield ROUTES, packed
    yield ROUTES_MICROSOFT, packed


def _gateway(subnet: Subnet, address: bytes, extra: Mapping[int, bytes]) -> str | None:
    """None for who is the gateway; the port's own if it was given one."""
    if ROUTER in extra:
        return str(IPv4Address(extra[ROUTER][:4]))
    if subnet.gateway is None or IPv4Address(subnet.gateway).packed == address:
        return None
    return subnet.gateway


def _routes(subnet: Subnet, gateway: str | None, routed: bool) -> Iterator[tuple[str, str]]:
    """Who takes these routes takes no other (RFC 3442): the default route is among them.

    A gateway may be nobody: the metadata service is behind it only if there is a router.
    """
    yield from subnet.routes
    given = [to for to, _ in subnet.routes]
    if METADATA not in given:
        yield METADATA, gateway if gateway and routed else ON_LINK
    if gateway and "0.0.0.0/0" not in given:
        yield "0.0.0.0/0", gateway
