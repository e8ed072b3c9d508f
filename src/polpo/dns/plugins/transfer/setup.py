"""`transfer [ZONES...] { to ADDRESSES... }`: who may have whole zones."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.address_words import host_and_port
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, unknown, zones
from polpo.dns.wire.name import is_within

EVERYBODY = "*"


class Transfer(NamedTuple):
    """One directive. `told`: address and port of those that hear of changes."""

    zones: tuple[bytes, ...]
    to: frozenset[str]
    told: tuple[tuple[str, int], ...] = ()


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Transfer, ...]:
    return tuple(_parse(directive, block) for directive in directives)


def _parse(directive: Directive, block: ServerBlock) -> Transfer:
    to: set[str] = set()
    told: list[tuple[str, int]] = []
    for option in directive.block:
        if option.name != "to":
            unknown(directive, option, ("to",))
        for word in arguments(option, 1, 1000):
            if word != EVERYBODY:
                told.append(_place(option, word))
            to.add(word if word == EVERYBODY else told[-1][0])
    if not to:
        raise directive.wrong("say to whom: to ADDRESSES..., or to *")
    return Transfer(zones(directive, directive.arguments, block.zones), frozenset(to), tuple(told))


def told_of(block: ServerBlock, zone: bytes) -> list[tuple[str, int]]:
    """Who is to hear that this zone of a block has changed."""
    rules = parse(block.named("transfer"), block)
    hearing = [rule.told for rule in rules if any(is_within(zone, each) for each in rule.zones)]
    return [place for told in hearing for place in told]


def _place(option: Directive, word: str) -> tuple[str, int]:
    try:
        return host_and_port(word, 53)
    except ValueError as wrong:
        raise option.wrong(str(wrong)) from wrong
