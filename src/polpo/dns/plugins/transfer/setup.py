"""`transfer [ZONES...] { to ADDRESSES... }`: who may have whole zones."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.address_words import host_and_port
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, unknown, zones

EVERYBODY = "*"


class Transfer(NamedTuple):
    """One directive."""

    zones: tuple[bytes, ...]
    to: frozenset[str]


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Transfer, ...]:
    return tuple(_parse(directive, block) for directive in directives)


def _parse(directive: Directive, block: ServerBlock) -> Transfer:
    to: set[str] = set()
    for option in directive.block:
        if option.name != "to":
            unknown(directive, option, ("to",))
        for word in arguments(option, 1, 1000):
            to.add(word if word == EVERYBODY else _host(option, word))
    if not to:
        raise directive.wrong("say to whom: to ADDRESSES..., or to *")
    return Transfer(zones(directive, directive.arguments, block.zones), frozenset(to))


def _host(option: Directive, word: str) -> str:
    try:
        return host_and_port(word, 53)[0]
    except ValueError as wrong:
        raise option.wrong(str(wrong)) from wrong
