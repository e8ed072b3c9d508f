"""`nodecache [ADDRESSES...] { ... }`: the DNS of a node, at addresses of its own."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once, unknown
from polpo.dns.counts import Metric

OPTIONS = ("interface", "keep", "tracked")
INTERFACE = "nodelocaldns"
ERRORS = Metric(
    "coredns_nodecache_setup_errors_total",
    "counter",
    "The number of errors during periodic network setup for node-cache",
    ("errortype",),
)
METRICS = (ERRORS,)


class NodeCache(NamedTuple):
    """`keep`: leave everything there at the end, so that another one can take over at once;
    `tracked`: leave connection tracking alone."""

    addresses: tuple[str, ...]
    interface: str = INTERFACE
    keep: bool = False
    tracked: bool = False


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> NodeCache:
    directive = once(directives)
    words = directive.arguments
    if not words:
        words = tuple(word for bind in block.named("bind") for word in bind.arguments)
    if not words:
        raise directive.wrong("say which addresses, here or with bind")
    try:
        value = NodeCache(tuple(str(ip_address(word)) for word in words))
    except ValueError as wrong:
        raise directive.wrong(str(wrong)) from wrong
    for option in directive.block:
        if option.name == "interface":
            name = arguments(option, 1)[0]
            if not 0 < len(name) < 16 or "/" in name:
                raise option.wrong(f"{name} is no name of an interface")
            value = value._replace(interface=name)
        elif option.name == "keep":
            value = value._replace(keep=True)
        elif option.name == "tracked":
            value = value._replace(tracked=True)
        else:
            unknown(directive, option, OPTIONS)
    return value
