"""Rows of hosts, networks, ports and endpoints -> table entries. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from polpo.dataplane.limits import limit_entries, limit_flags, limited
from polpo.dataplane.policies import Entry
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.tables import (
    ADDRESS_KEY,
    ALLOWED_KEY,
    ANY4,
    ANY6,
    FLOOD_KEY,
    MAC_KEY,
    NEIGHBOUR,
    PORT,
    REMOTE,
    U32,
    WHERE,
    Allowed,
    PortFlag,
    pack_address,
    pack_mac,
    pack_prefix,
)
from polpo.target.rows import Endpoint, Limit, Port

NOWHERE = bytes(16)
NOTHING = PortFlag(0)
_KIND = {kind: U32.pack(kind) for kind in Allowed}


class Plug(msgspec.Struct, frozen=True):
    """A local interface that a port is plugged into: the host's side of a veth, or a tap.

    `veth`: the other side is in another namespace, and reached without the host's stack.
    `ingress`, `egress`: limits of who is plugged in, besides the port's own.
    """

    ifindex: int
    veth: bool = True
    ingress: Limit | None = None
    egress: Limit | None = None


def port_entries(port: Port, plug: Plug, policy: int, asks: PortFlag = NOTHING) -> Iterator[Entry]:
    """Who speaks at an interface, and what it may say; `policy` is the version in the tables.

    asks: what of it the agent answers.
    """
    port = limited(port, plug.ingress, plug.egress)
    flags = (
        PortFlag.PORT_SECURITY * port.port_security
        | PortFlag.ADMIN_UP * port.admin_up
        | PortFlag.VETH * plug.veth
        | limit_flags(port)
        | PortFlag.ASKS_METADATA * (port.instance is not None)
        | PortFlag.DOOR * bool(port.host_of)
        | asks
    )
    value = PORT.pack(port.vni, pack_mac(port.mac), flags, port.dscp or 0, policy)
    yield "ports", U32.pack(plug.ifindex), value
    yield from limit_entries(port, plug.ifindex)
    for (mac, address, length), kind in _claims(port).items():
        family = 6 if is_ipv6(address) else 4
        key = ALLOWED_KEY.pack(96 + length, plug.ifindex, mac, family, address)
        yield "allowed", key, _KIND[kind]


def _claims(port: Port) -> dict[tuple[bytes, bytes, int], Allowed]:
    """(MAC, address, prefix length) -> kind. What is fixed goes before what is paired."""
    own = pack_mac(port.mac)
    pairs = [(pack_mac(pair.mac), *pack_prefix(pair.prefix)) for pair in port.pairs]
    claims = dict.fromkeys(pairs, Allowed.PAIR)
    for mac in {own, *(mac for mac, _, _ in pairs)}:
        claims |= dict.fromkeys([(mac, ANY4, 128), (mac, ANY6, 128)], Allowed.MAC_ONLY)
    for lease in port.leases:
        claims[own, pack_address(lease.address), 128] = Allowed.FIXED
    claims[own, link_local(own), 128] = Allowed.FIXED
    return claims


def link_local(mac: bytes) -> bytes:
    """fe80::/64 with the modified EUI-64 of the MAC (RFC 4291, appendix A)."""
    interface = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
    return b"\xfe\x80" + bytes(6) + interface


def endpoint_entries(
    vni: int, endpoint: Endpoint, vtep: bytes | None, plug: Plug | None
) -> list[Entry]:
    """Whose its addresses are, and where it is: at another host's `vtep`, or plugged in here."""
    mac = pack_mac(endpoint.mac)
    value = NEIGHBOUR.pack(mac, 0, endpoint.groups)
    entries = [
        ("neighbours", ADDRESS_KEY.pack(vni, pack_address(address)), value)
        for address in endpoint.addresses
    ]
    if vtep or plug:
        where = WHERE.pack(plug.ifindex if plug else 0, 0, endpoint.groups, vtep or NOWHERE)
        entries.append(("fdb", MAC_KEY.pack(vni, mac), where))
    return entries


def flood_entries(vni: int, interfaces: Iterable[int], vteps: Iterable[bytes]) -> Iterator[Entry]:
    """Who gets a copy of a broadcast: the network's local ports, and its other hosts."""
    for index, ifindex in enumerate(sorted(interfaces)):
        yield "flood", FLOOD_KEY.pack(vni, index), WHERE.pack(ifindex, 0, 0, NOWHERE)
    for index, vtep in enumerate(sorted(vteps), REMOTE):
        yield "flood", FLOOD_KEY.pack(vni, index), WHERE.pack(0, 0, 0, vtep)
