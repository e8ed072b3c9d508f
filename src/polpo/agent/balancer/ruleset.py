"""What may come to a load balancer's instance, as one nftables transaction. Pure.

HAProxy listens on every address, so that a packet that finds only a listening socket (`socket
wildcard`) is known: it begins a connection, or belongs to one that this instance does not have.

- arriving: the second sort goes to the peer, which may have the connection, because it was the
  active one when that began. The peer answers the client directly. What comes from the peer is
  not sent back. While the peer is not there the client is told that there is no such connection
  (TCP reset), and begins anew. Word that a packet was too big for its path is for both: no socket
  tells whose it was.
- own: at the load balancer's addresses TCP and what ICMP is for; at the instance's own addresses
  only what HAProxy itself has begun. From the peer, in the network between them: all it has to say.

No rule asks conntrack, so there is none here.
"""

from collections.abc import Iterator
from ipaddress import ip_interface

from polpo.agent.ownership import TRANSIT
from polpo.agent.pairs import transit
from polpo.target.balancer import Balancer

TABLES = ("ip polpo", "ip6 polpo")
ICMP = {
    4: "icmp type { echo-request, echo-reply, destination-unreachable, time-exceeded }",
    6: "icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big,"
    " time-exceeded, nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }",
}
TOO_BIG = {
    4: "icmp type destination-unreachable icmp code frag-needed",
    6: "icmpv6 type packet-too-big",
}


def ruleset(row: Balancer, second_chance: bool) -> str:
    """Replaces both tables at once. `second_chance`: the peer's host is heard."""
    lines = [line for version in (4, 6) for line in _table(row, version, second_chance)]
    return "\n".join(lines) + "\n"


def _table(row: Balancer, version: int, second_chance: bool) -> Iterator[str]:
    family = "ip" if version == 4 else "ip6"
    vips = [str(ip) for ip in (ip_interface(v).ip for v in row.vips) if ip.version == version]
    peer = transit.address(version, transit.peer(row.instance))
    yield f"table {family} polpo"
    yield f"delete table {family} polpo"
    yield f"table {family} polpo {{"
    elements = f"elements = {{ {', '.join(vips)} }}; " if vips else ""
    yield f"set vips {{ type ipv{version}_addr; {elements}}}"
    yield "chain arriving { type filter hook prerouting priority mangle; policy accept;"
    if second_chance and not row.alone:
        outside, onward = (
            f'iifname != "{TRANSIT}" {family} daddr @vips',
            f'dup to {peer} device "{TRANSIT}"',
        )
        yield f"{outside} tcp flags & syn == 0 socket wildcard 1 {onward} drop"
        yield f"{outside} {TOO_BIG[version]} {onward}"
    yield "}"
    yield "chain own { type filter hook input priority filter; policy drop;"
    yield 'iifname "lo" accept'
    yield f'iifname "{TRANSIT}" {family} saddr {peer} accept'
    yield f"{ICMP[version]} accept"
    yield f"{family} daddr @vips meta l4proto tcp accept"
    yield f'iifname != "{TRANSIT}" meta l4proto tcp socket wildcard 1 drop'
    yield f'iifname != "{TRANSIT}" meta l4proto tcp accept'
    yield "}"
    yield "chain passing { type filter hook forward priority filter; policy drop; }"
    yield "}"
