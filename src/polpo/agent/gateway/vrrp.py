"""keepalived's configuration for one instance of a gateway. Pure. See pairs/vrrp.py.

Whoever is active has all that the router is outside: its addresses, its link-local address, the
floating ones, and the routes. If somebody takes one of these away, keepalived stands down for a
moment: its peer is active, or it is itself again, with all of them.

Both have the same MAC outside. So that other gateways of the host, whose devices are on the same
uplink, find the active one, only that is a bridge's port to them (macvlan's mode `bridge`): what
they send to the MAC goes out past one that stands by (`vepa`).
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from pathlib import Path

from polpo.agent.ownership import EXTERNAL, TRANSIT
from polpo.agent.pairs import vrrp as pairs
from polpo.agent.pairs.transit import ANY, PREFIXED
from polpo.agent.pairs.vrrp import block, election
from polpo.target.rows import Gateway

ADVERTISEMENT_S = 0.2
MODE = f"/sbin/ip link set dev {EXTERNAL} type macvlan mode"
MODES = {"master": "bridge", "backup": "vepa", "fault": "vepa", "stop": "vepa"}


def configuration(gateway: Gateway, isolation: Path) -> str:
    """The whole file. ValueError if the row makes no sense.

    isolation: a file that says -254 while the host is to stand down (`isolation.py`).
    """
    addresses = [f"{a} dev {EXTERNAL}" for a in outside(gateway)]
    routes = [f"{p} {_by_way_of(hops)}" for p, hops in routes_outside(gateway)]
    lines = [
        *election(gateway.instance, gateway.priority, gateway.preempt, ADVERTISEMENT_S),
        *block("track_interface", [EXTERNAL]),
        *block("track_file", ["isolation"]),
        *(f'notify_{state} "{MODE} {mode}"' for state, mode in MODES.items()),
        *block("virtual_ipaddress", [f"{PREFIXED[4]} dev {TRANSIT}"]),
        *block("virtual_ipaddress_excluded", [f"{PREFIXED[6]} dev {TRANSIT}", *addresses]),
        *block("virtual_routes", routes),
    ]
    return pairs.configuration("router", lines, {"isolation": isolation})


def outside(gateway: Gateway) -> list[str]:
    """What the router is outside, once each, as address/length."""
    own = [str(ip_interface(a)) for a in gateway.external]
    if any(ip_interface(a).version == 6 for a in own):
        own.append(f"{link_local(gateway.external_mac)}/64")
    held = {ip_interface(a).ip for a in own}
    stand_in = {IPv4Address(a) for a, _ in gateway.floating}
    stand_in |= {IPv4Address(f.floating) for f in gateway.forwardings}
    return [*own, *(f"{a}/32" for a in sorted(stand_in - held))]


def link_local(mac: str) -> str:
    """fe80::/64 with the modified EUI-64 of the MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    interface = bytes([octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return str(ip_address(b"\xfe\x80" + bytes(6) + interface))


def routes_outside(gateway: Gateway) -> list[tuple[str, tuple[str, ...]]]:
    """Prefixes with their next hops; without one for those that are on the link."""
    found = {str(ip_network(prefix)): hops for prefix, hops in gateway.routes}
    for hop in map(ip_address, gateway.next_hops):
        found.setdefault(ANY[hop.version], (str(hop),))
    on_link: list[tuple[str, tuple[str, ...]]] = [(str(ip_network(p)), ()) for p in gateway.on_link]
    return on_link + [
        (p, tuple(str(ip_address(h)) for h in hops)) for p, hops in sorted(found.items())
    ]


def _by_way_of(hops: Sequence[str]) -> str:
    """Of several each flow takes one."""
    if len(hops) > 1:
        return " ".join(f"nexthop via {hop} dev {EXTERNAL} onlink weight 1" for hop in hops)
    return f"via {hops[0]} dev {EXTERNAL} onlink" if hops else f"dev {EXTERNAL}"
