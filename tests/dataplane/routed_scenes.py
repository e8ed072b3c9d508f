"""Networks that routers join: ports of all kinds on our host, endpoints on another.

Network n (vni 7 + n) is 10.0.<n>.0/24 and fd00:0:0:<n>::/64.

    0 ---- router 100 ---- 1          3 joins the routers; 93 is the transit network of router 100's
              |  |                    gateway: 169.254.0.3 is with us, .4 on the other host
             93  3 ---- router 101 ---- 2
"""

import ipaddress
from collections.abc import Iterable

from polpo.dataplane.entries import Plug
from polpo.target.rows import (
    AnyRow,
    Endpoint,
    GroupSet,
    Host,
    Interface,
    Lease,
    Member,
    Network,
    Pair,
    Policy,
    Port,
    Route,
    Router,
    Rule,
    Subnet,
)

OWN, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
VIRTUAL = "00:00:5e:00:01:07"
VNI, TRANSIT, DOMAIN, ONE, TWO = 7, 100, 100, 100, 101
Scene = tuple[dict[str, list[AnyRow]], dict[str, Plug]]
Ends = tuple[str, str]
"""MAC, address"""

NETWORKS = {1: 0, 2: 1, 3: 0, 4: 2, 5: 1, 6: 3, 7: 93, 8: 0, 20: 1, 21: 0, 22: 1, 23: 2, 24: 93}
"""Ports: their networks. See `scene`."""
REMOTE = (21, 22, 23, 24)


def mac(number: int) -> str:
    return f"02:00:00:00:{NETWORKS[number]:02x}:{number:02x}"


def vni(number: int) -> int:
    return VNI + NETWORKS[number]


def addresses(number: int) -> tuple[str, str]:
    if NETWORKS[number] == 93:
        instance = {7: 3, 24: 4}[number]
        return f"169.254.0.{instance}", f"fe80::{instance}"
    return inside(NETWORKS[number], number)


def inside(net: int, number: int) -> tuple[str, str]:
    return f"10.0.{net}.{number}", str(ipaddress.ip_address(f"fd00:0:0:{net:x}::{number:x}"))


def at(number: int, six: bool = False) -> Ends:
    return mac(number), addresses(number)[six]


def gate(router: int, net: int) -> str:
    """The MAC of the router's interface in a network."""
    return f"02:00:00:{router:02x}:{net:02x}:fe"


def interface(router: int, net: int, number: int, mtu: int = 1500, name: str = "") -> Interface:
    v4, v6 = inside(net, number)
    if net == 93:
        v4, v6 = "169.254.0.1", "fe80::1"
    port = name or f"i{router}-{net}"
    return Interface(port, VNI + net, gate(router, net), mtu, (f"{v4}/24", f"{v6}/64"))


def port(number: int, policy: int, pairs: tuple[Pair, ...] = ()) -> Port:
    leases = tuple(Lease(address, "s") for address in addresses(number))
    return Port(
        id=f"p{number}",
        vni=vni(number),
        mac=mac(number),
        mtu=1500,
        policy=policy,
        leases=leases,
        pairs=pairs,
        port_security=number not in (4, 7),
        admin_up=number != 5,
        dscp=46 if number == 2 else None,
    )


def endpoint(number: int) -> Endpoint:
    host = OTHER if number in REMOTE else OWN
    return Endpoint(f"p{number}", mac(number), host, addresses(number), number % 3)


ALL = tuple(Rule(ingress=i, family=f) for i in (True, False) for f in (4, 6))
GROUPS = [GroupSet(number=1, groups=("red",)), GroupSet(number=2, groups=("red", "blue"))]
PAIRS = (
    Pair(mac(3), "10.0.0.100/32"),
    Pair(mac(3), "fd00::100/128"),
    Pair(VIRTUAL, "10.0.0.101"),
    Pair(mac(3), "10.50.0.0/16"),
    Pair(mac(3), "fd50::/32"),
    Pair(mac(3), "10.0.1.0/24"),
)
BETWEEN = [
    Route("10.0.2.0/24", ((10, "10.0.3.2"),)),
    Route("fd00:0:0:2::/64", ((10, "fd00:0:0:3::2"),)),
    Route("172.16.0.0/12", ((10, "10.0.3.2"),)),  # where router 101 has no route
    Route("10.66.0.0/16", ((10, "10.0.3.2"),)),  # in a circle
    Route("fd66::/32", ((10, "fd00:0:0:3::2"),)),
]
SPREAD = [
    Route(
        "10.50.0.0/16",
        ((7, "10.0.0.3"), (8, "10.0.1.22"), (7, "10.0.0.21")),
        ((8, "10.0.1.2"),),
    ),
    Route("fd50::/32", ((7, "fd00::3"), (8, "fd00:0:0:1::16")), ((8, "fd00:0:0:1::2"),)),
]
OUTSIDE = [
    Route("0.0.0.0/0", ((100, "169.254.0.2"),), ((100, "169.254.0.3"), (100, "169.254.0.4"))),
    Route("::/0", ((100, "fe80::2"),), ((100, "fe80::3"), (100, "fe80::4"))),
]
BACK = [
    Route("10.0.0.0/23", ((10, "10.0.3.1"),)),
    Route("fd00::/63", ((10, "fd00:0:0:3::1"),)),
    Route("10.50.0.0/16", ((10, "10.0.3.1"),)),
    Route("10.66.0.0/16", ((10, "10.0.3.1"),)),
    Route("fd66::/32", ((10, "fd00:0:0:3::1"),)),
]
FIRST = [interface(100, 0, 254), interface(100, 1, 254, 1300), interface(100, 3, 1)]
GATEWAY = [interface(100, 93, 1, name="transit")]
SECOND = [interface(101, 3, 2), interface(101, 2, 254)]


def router(number: int, rows: Iterable[AnyRow]) -> list[AnyRow]:
    return [Router(number, f"r{number}", DOMAIN), *rows]


def scene(
    policies: dict[int, tuple[Rule, ...]] | None = None,
    numbers: dict[int, int] | None = None,
    first: Iterable[AnyRow] = (*FIRST, *GATEWAY, *BETWEEN, *SPREAD),
    second: Iterable[AnyRow] = (*SECOND, *BACK),
    subnets: Iterable[Subnet] = (),
) -> Scene:
    """`policies` by number; `numbers`: port -> policy; rows of routers 100 and 101. Ports:

    1, 8    plain ones in network 0, 2 in 1, marked with a DSCP, 6 in 3
    3       in network 0, with allowed address pairs
    4       in network 2, without port security; 7 as well, the gateway
    5       in network 1, down; 20 is not plugged in
    21..24  on another host, in networks 0, 1, 2 and 93
    """
    policies = {1: ALL} if policies is None else policies
    ours = [n for n in NETWORKS if n not in REMOTE]
    pairs = {3: PAIRS}
    ports = [port(n, (numbers or {}).get(n, 1), pairs.get(n, ())) for n in ours]
    networks = [Network(VNI + net, 1500, DOMAIN) for net in sorted(set(NETWORKS.values()))]
    members = [Member(host) for host in (OWN, OTHER, THIRD)]
    slices: dict[str, list[AnyRow]] = {
        "hosts": [Host(name=address[-1], address=address) for address in (OWN, OTHER, THIRD)],
        "host/1": [*networks, *ports, *(Policy(n, rules) for n, rules in policies.items())],
        "router/100": [*router(ONE, first), *members],
        "router/101": router(TWO, second),
    }
    for network in networks:
        there = [endpoint(n) for n in NETWORKS if vni(n) == network.vni]
        slices[f"network/{network.vni}"] = [*there, *GROUPS]
    slices["network/7"].extend(subnets)
    return slices, {f"p{n}": Plug(10 + n) for n in ours if n != 20}
