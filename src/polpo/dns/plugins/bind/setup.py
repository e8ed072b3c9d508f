"""`bind ADDRESS|INTERFACE...`: which addresses a server listens on."""

from __future__ import annotations

import contextlib
import socket
from ipaddress import ip_address
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import unknown
from polpo.kernel.addresses import addresses_of


class Bind(NamedTuple):
    """Addresses and names of interfaces; those to leave out."""

    names: tuple[str, ...]
    excepted: tuple[str, ...] = ()


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Bind:
    names: list[str] = []
    excepted: list[str] = []
    for directive in directives:
        if not directive.arguments:
            raise directive.wrong("say an address or an interface")
        names += directive.arguments
        for option in directive.block:
            if option.name != "except":
                unknown(directive, option, ("except",))
            excepted += option.arguments
    return Bind(tuple(names), tuple(excepted))


def expand(directive: Directive) -> Directive:
    """Names of interfaces become the addresses that they have now."""
    found: list[str] = []
    for name in directive.arguments:
        found += _addresses(directive, name)
    excepted = [name for option in directive.block for name in option.arguments]
    left_out = {a for name in excepted for a in _addresses(directive, name)}
    kept = tuple(a for a in dict.fromkeys(found) if a not in left_out)
    if directive.arguments and not kept:
        raise directive.wrong("no address is left to listen on")
    return directive._replace(arguments=kept, block=())


def hosts_of(block: ServerBlock) -> tuple[str, ...]:
    """The addresses of a block; "" means all of both families."""
    directives = block.named("bind")
    if not directives:
        return ("",)
    return parse(directives, block).names


def _addresses(directive: Directive, name: str) -> list[str]:
    with contextlib.suppress(ValueError):
        return [str(ip_address(name))]
    try:
        socket.if_nametoindex(name)
    except OSError:
        raise directive.wrong(f"{name} is neither an address nor an interface") from None
    found = addresses_of(name)
    if not found:
        raise directive.wrong(f"interface {name} has no address")
    return found
