"""`loadbalance [round_robin] { prefer CIDR... }`: addresses in a random order."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once, unknown

Networks = tuple[IPv4Network | IPv6Network, ...]


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Networks:
    """The networks whose addresses come first."""
    directive = once(directives)
    words = arguments(directive, 0, 1)
    if words and words[0] != "round_robin":
        raise directive.wrong(f"{words[0]}: the policy is round_robin")
    preferred: list[IPv4Network | IPv6Network] = []
    for option in directive.block:
        if option.name != "prefer":
            unknown(directive, option, ("prefer",))
        for word in arguments(option, 1, 1000):
            try:
                preferred.append(ip_network(word))
            except ValueError as wrong:
                raise option.wrong(str(wrong)) from wrong
    return tuple(preferred)
