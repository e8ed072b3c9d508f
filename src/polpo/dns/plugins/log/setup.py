"""`log [NAMES...] [FORMAT] { class CLASSES... }`: queries to standard output."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import unknown, zones
from polpo.dns.wire.name import ROOT

COMMON = (
    '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" '
    "{rcode} {>rflags} {rsize} {duration}"
)
COMBINED = COMMON + ' "{>opcode}"'
CLASSES = ("success", "denial", "error", "all")


class Rule(NamedTuple):
    """What is logged of queries within a zone, and how."""

    zone: bytes
    format: str
    classes: frozenset[str]


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for directive in directives:
        words = list(directive.arguments)
        format = COMMON
        if words and "{" in words[-1]:
            format = words.pop().replace("{common}", COMMON).replace("{combined}", COMBINED)
        classes: set[str] = set()
        for option in directive.block:
            if option.name != "class":
                unknown(directive, option, ("class",))
            for word in option.arguments:
                if word not in CLASSES:
                    raise option.wrong(f"{word}: allowed are {', '.join(CLASSES)}")
            classes |= set(option.arguments)
        wanted = frozenset(classes or {"all"})
        rules += [Rule(zone, format, wanted) for zone in zones(directive, words, (ROOT,))]
    return tuple(rules)
