"""keepalived's configuration for one instance (keepalived.conf(5); VRRP version 3: RFC 9568). Pure.

Advertisements go from instance to instance by unicast in the transit network. Whoever is active
has the transit network's .2 and all that the router is outside: its addresses, its link-local
address, the floating ones, and the routes. If somebody takes one of these away, keepalived stands
down for a moment: its peer is active, or it is itself again, with all of them.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from pathlib import Path

from polpo.agent.gateway import transit
from polpo.agent.ownership import EXTERNAL, TRANSIT
from polpo.target.rows import Gateway

ADVERTISEMENT_S = 0.2  # silence of three and a bit of them is death
AGAIN_S = 1  # addresses are announced once at once, once after this,
REFRESH_S = 30  # and every so often, for those who heard neither

# First in turn, so that a busy host is not taken for a dead one; but not in real time, where it is
# killed after 10 ms without a pause (1,000 addresses take 100), and keepalived 2.2.7 can't raise
# that limit again after a reload ("cannot set realtime rlimit").
GLOBAL = """global_defs {
  vrrp_version 3
  vrrp_priority -20
  vrrp_no_swap
  dynamic_interfaces allow_if_changes
  script_user root
  enable_script_security
}
"""


def configuration(gateway: Gateway, isolation: Path) -> str:
    """The whole file. ValueError if the row makes no sense.

    isolation: a file that says -254 while the host is to stand down (`isolation.py`).
    """
    v = PREFIXED
    lines = [
        "state BACKUP",
        *(() if gateway.preempt else ("nopreempt",)),
        f"interface {TRANSIT}",
        "virtual_router_id 1",
        f"priority {gateway.priority}",
        f"advert_int {ADVERTISEMENT_S}",
        f"garp_master_delay {AGAIN_S}",
        "garp_master_repeat 1",
        f"garp_master_refresh {REFRESH_S}",
        "garp_master_refresh_repeat 1",
        f"unicast_src_ip {transit.address(4, gateway.instance)}",
        *_block("unicast_peer", [transit.address(4, transit.peer(gateway))]),
        *_block("track_interface", [EXTERNAL]),
        *_block("track_file", ["isolation"]),
        *_block("virtual_ipaddress", [f"{v[4]} dev {TRANSIT}"]),
        *_block(
            "virtual_ipaddress_excluded",
            [f"{v[6]} dev {TRANSIT}", *(f"{a} dev {EXTERNAL}" for a in outside(gateway))],
        ),
        *_block(
            "virtual_routes", [f"{p} {_by_way_of(hops)}" for p, hops in routes_outside(gateway)]
        ),
    ]
    body = "\n".join(f"  {line}" for line in lines)
    watched = "\n".join(_block("track_file isolation", [f'file "{isolation}"', "weight 1"]))
    return f"{GLOBAL}{watched}\nvrrp_instance router {{\n{body}\n}}\n"


PREFIXED = {v: f"{transit.ACTIVE[v]}/{transit.PREFIX_LENGTH[v]}" for v in transit.ACTIVE}


def _block(name: str, lines: Iterator[str] | list[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]


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
        found.setdefault(transit.ANY[hop.version], (str(hop),))
    on_link: list[tuple[str, tuple[str, ...]]] = [(str(ip_network(p)), ()) for p in gateway.on_link]
    return on_link + [
        (p, tuple(str(ip_address(h)) for h in hops)) for p, hops in sorted(found.items())
    ]


def _by_way_of(hops: Sequence[str]) -> str:
    """Of several each flow takes one."""
    if len(hops) > 1:
        return " ".join(f"nexthop via {hop} dev {EXTERNAL} onlink weight 1" for hop in hops)
    return f"via {hops[0]} dev {EXTERNAL} onlink" if hops else f"dev {EXTERNAL}"
