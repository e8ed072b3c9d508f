"""`health [ADDRESS] { lameduck DURATION }`: a page that says that the process lives."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.address_words import http_address
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, once, unknown


class Health(NamedTuple):
    """Where the page is, and how long after SIGTERM queries are answered on."""

    address: str = ":8080"
    lameduck_s: float = 0.0


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Health:
    directive = once(directives)
    address = http_address(directive, arguments(directive, 0, 1), ":8080")
    lameduck = 0.0
    for option in directive.block:
        if option.name != "lameduck":
            unknown(directive, option, ("lameduck",))
        lameduck = duration_s(option, arguments(option, 1)[0])
    return Health(address, lameduck)


def lameduck_s(block: ServerBlock) -> float:
    directives = block.named("health")
    return parse(directives, block).lameduck_s if directives else 0.0
