"""A gateway's rules as one nftables transaction: translation, and what may pass. Pure.

One more floating IP is one more element of two maps; the rules are the same for every router.

- arriving: from outside only what the routing table expects there. It expects nothing in a
  namespace that is not active (no address, no route outside), so a standby is deaf to what a
  switch floods, and sources inside can't come from outside.
  What a standby passes on to its peer has no entry in conntrack: it would say "untranslated" to the
  connection's later packets, when the standby is active itself.
- translate_*: floating IPs both ways, port forwardings, SNAT. What came from inside and goes back
  there translated (hairpin) gets an address outside as its source too: the answer comes back.
  Only a connection's first packet comes here. It goes no further if nothing was to be done with it
  and it is not routed as it is: no connection is begun untranslated.
- passing: each packet of what is translated, or routed as it is; and the first of a connection
  outward, which translate_source sees next.
- speaking: what the gateway says itself, it says as itself; a standby, which has the same MAC
  outside, says nothing at all.
- marking: DSCP of what floating IPs send. nftables sets constants only: a chain for each mark.
- own: no answer (no TCP reset) to what is not for the gateway: after a failover a server's packet
  may come before the client's, which has its connection picked up.

A packet of a connection that is known passes two chains, with one rule that matters in each; there
are rules only for what the row has. Each costs connections a second (`bench/gateway.py`).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_network

from polpo.agent.gateway.translation import forwarded, inward, outward, own_ipv4
from polpo.agent.ownership import EXTERNAL, TRANSIT
from polpo.agent.pairs import transit
from polpo.target.rows import Gateway

TABLE = "inet polpo"
VRRP = 112


def ruleset(gateway: Gateway) -> str:
    """Replaces the whole table at once. ValueError if the row makes no sense."""
    lines = [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    lines += [*_collections(gateway), *_arriving(), *_translating(gateway)]
    lines += [*_passing(gateway), *_speaking(), *_marking(gateway), *_own(gateway), "}"]
    return "\n".join(lines) + "\n"


def _collections(gateway: Gateway) -> Iterator[str]:
    for name, pairs in (("floating", inward(gateway)), ("fixed", outward(gateway))):
        elements = (f"{a} : {b}" for a, b in pairs.items())
        yield _collection(f"map {name}", "ipv4_addr : ipv4_addr", elements)
    kind = "inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service"
    ports = (
        f"{protocol} . {floating} . {port} : {fixed} . {to}"
        for (protocol, floating, port), (fixed, to) in forwarded(gateway)
    )
    yield _collection("map forwardings", kind, ports)
    kind = "{}; flags interval; auto-merge"
    yield _collection(
        "set sources", kind.format("ipv4_addr"), map(str, map(IPv4Network, gateway.snat))
    )
    for version in (4, 6):
        networks = map(ip_network, gateway.routed)
        routed = (str(network) for network in networks if network.version == version)
        yield _collection(f"set routed{version}", kind.format(f"ipv{version}_addr"), routed)


def _collection(name: str, kind: str, elements: Iterable[str]) -> str:
    """nft has no empty list of elements."""
    listed = ", ".join(elements)
    return f"{name} {{ type {kind}; {f'elements = {{ {listed} }}; ' if listed else ''}}}"


def _arriving() -> Iterator[str]:
    yield "chain from_inside {"
    yield "fib daddr . iif oif exists notrack"
    yield "}"
    yield "chain arriving { type filter hook prerouting priority raw; policy accept;"
    yield f'iifname "{TRANSIT}" goto from_inside'
    yield "fib saddr . iif oif exists accept"
    yield "ip6 saddr :: icmpv6 type nd-neighbor-solicit accept"
    yield "drop"
    yield "}"


def _translating(gateway: Gateway) -> Iterator[str]:
    yield from _translating_destinations(gateway)
    own = own_ipv4(gateway)
    as_floating = ["snat ip to ip saddr map @fixed"] if gateway.floating else []
    as_router = [f"snat ip to {own}"] if own else []
    yield "chain hairpin {"
    yield from ("ct status & dnat == 0 drop", *as_floating, *as_router)
    yield "}"
    yield "chain translate_source { type nat hook postrouting priority srcnat; policy accept;"
    outward = [*as_floating, *(f"ip saddr @sources {source}" for source in as_router)]
    yield from (f'oifname "{EXTERNAL}" {source}' for source in outward)
    yield f'iifname "{TRANSIT}" oifname "{TRANSIT}" goto hairpin'
    yield f'oifname != "{EXTERNAL}" accept'
    yield from ("ip saddr @routed4 accept", "ip6 saddr @routed6 accept")
    yield from ("fib saddr . oif type local accept", "drop")
    yield "}"


def _translating_destinations(gateway: Gateway) -> Iterator[str]:
    if not (gateway.forwardings or gateway.floating):
        return
    yield "chain translate_destination { type nat hook prerouting priority dstnat; policy accept;"
    if gateway.forwardings:
        yield "dnat ip to meta l4proto . ip daddr . th dport map @forwardings"
    if gateway.floating:
        yield "dnat ip to ip daddr map @floating"
    yield "}"


def _passing(gateway: Gateway) -> Iterator[str]:
    """An ICMP error counts as what it is about."""
    outward = f'iifname "{TRANSIT}" oifname "{EXTERNAL}"'
    inward = f'iifname "{EXTERNAL}" oifname "{TRANSIT}"'
    mac = bytes.fromhex(gateway.peer_mac.replace(":", "")).hex(":")
    onward = f'iifname "{TRANSIT}" oifname "{TRANSIT}" ether saddr != {mac}'
    yield "chain passing { type filter hook forward priority filter; policy drop;"
    yield "ct status & (snat | dnat) != 0 accept"
    yield f"{outward} ct status & confirmed == 0 accept"
    yield "ct state invalid drop"
    for version, word in ((4, "ip"), (6, "ip6")):
        yield f"{outward} {word} saddr @routed{version} accept"
        yield f"{inward} {word} daddr @routed{version} accept"
        peer = transit.address(version, transit.peer(gateway.instance))
        yield f"{onward} rt {word} nexthop {peer} accept"
    yield "}"


def _speaking() -> Iterator[str]:
    yield "chain speaking { type filter hook output priority filter; policy accept;"
    yield f'oifname "{EXTERNAL}" fib saddr . oif type != local drop'
    yield "}"


def _marking(gateway: Gateway) -> Iterator[str]:
    marks = {IPv4Address(of.address): of.dscp for of in gateway.limits if of.dscp is not None}
    if not marks:
        return
    for dscp in sorted(set(marks.values())):
        if not 0 <= dscp < 64:
            raise ValueError(f"DSCP {dscp}")
        yield f"chain dscp{dscp} {{ ip dscp set {dscp}; }}"
    verdicts = (f"{address} : jump dscp{dscp}" for address, dscp in marks.items())
    yield _collection("map marks", "ipv4_addr : verdict", verdicts)
    yield "chain marking { type filter hook postrouting priority srcnat + 20; policy accept;"
    yield "ip saddr vmap @marks"
    yield "}"


def _own(gateway: Gateway) -> Iterator[str]:
    peer = transit.address(4, transit.peer(gateway.instance))
    yield "chain own { type filter hook input priority filter; policy drop;"
    yield 'iifname "lo" accept'
    yield "ct state established,related accept"
    yield f'iifname "{TRANSIT}" ip saddr {peer} ip protocol {VRRP} accept'
    yield f'iifname "{TRANSIT}" ip saddr {peer} tcp dport {transit.HANDOVER_PORT} accept'
    yield "icmp type echo-request accept"
    nd = "nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, mld-listener-query"
    yield f"icmpv6 type {{ echo-request, {nd} }} accept"
    yield "}"
