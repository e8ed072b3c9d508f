"""`file DBFILE [ZONES...] { reload DURATION; fallthrough [ZONES...] }`: zones out of zone files."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, unknown, zones

OPTIONS = ("reload", "fallthrough", "upstream")


class File(NamedTuple):
    """One directive; each of its zones is read from the same file."""

    path: str
    zones: tuple[bytes, ...]
    reload_s: float = 60.0
    through: tuple[bytes, ...] = ()


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[File, ...]:
    return tuple(_parse(directive, block) for directive in directives)


def _parse(directive: Directive, block: ServerBlock) -> File:
    words = arguments(directive, 1, 1000)
    value = File(words[0], zones(directive, words[1:], block.zones))
    for option in directive.block:
        if option.name == "reload":
            value = value._replace(reload_s=duration_s(option, arguments(option, 1)[0]))
        elif option.name == "fallthrough":
            value = value._replace(through=zones(option, option.arguments, value.zones))
        elif option.name != "upstream":  # deprecated: CNAMEs are followed anyway
            unknown(directive, option, OPTIONS)
    return value
