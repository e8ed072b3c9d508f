"""IP protocols by the names that security group rules know (neutron-lib `IP_PROTOCOL_MAP`)."""

NUMBERS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ip": 0,
    "ipip": 4,
    "ipv6-encap": 41,
    "ipv6-frag": 44,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ipv6-route": 43,
    "ospf": 89,
    "pgm": 113,
    "rsvp": 46,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "vrrp": 112,
}

ICMP, ICMPV6 = 1, 58
NAMES = {ICMP: "icmp", 6: "tcp", 17: "udp", 33: "dccp", ICMPV6: "icmpv6", 132: "sctp"}
"""As they are shown, of several names."""
WITH_PORTS = frozenset({6, 17, 33, 132, 136})
"""TCP, UDP, DCCP, SCTP, UDP-Lite: rules for these may name ports."""


def number(protocol: str | None, ethertype: str = "IPv4") -> int | None:
    """The protocol's number, None for any. ICMP in an IPv6 rule is ICMPv6, as in Neutron."""
    if protocol is None or protocol == "any":
        return None
    value = NUMBERS[protocol] if protocol in NUMBERS else int(protocol)
    return ICMPV6 if value == ICMP and ethertype == "IPv6" else value
