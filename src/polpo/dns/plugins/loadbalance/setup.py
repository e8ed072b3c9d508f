"""`loadbalance [round_robin | weighted FILE] { ... }`: which addresses come first."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, once, unknown

Networks = tuple[IPv4Network | IPv6Network, ...]


class LoadBalance(NamedTuple):
    """In a random order, or as a file of weights says; `preferred` networks' addresses first."""

    preferred: Networks = ()
    weight_file: str = ""
    reload_s: float = 30.0


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> LoadBalance:
    directive = once(directives)
    words = arguments(directive, 0, 2)
    value = LoadBalance()
    if words[:1] == ("weighted",) and len(words) == 2:
        value = value._replace(weight_file=words[1])
    elif words not in {(), ("round_robin",)}:
        raise directive.wrong(f"{' '.join(words)}: round_robin, or weighted FILE")
    for option in directive.block:
        if option.name == "prefer":
            value = value._replace(preferred=(*value.preferred, *_networks(option)))
        elif option.name == "reload" and value.weight_file:
            value = value._replace(reload_s=duration_s(option, arguments(option, 1)[0]))
        else:
            unknown(directive, option, ("prefer", "reload") if value.weight_file else ("prefer",))
    return value


def _networks(option: Directive) -> Networks:
    try:
        return tuple(ip_network(word) for word in arguments(option, 1, 1000))
    except ValueError as wrong:
        raise option.wrong(str(wrong)) from wrong
