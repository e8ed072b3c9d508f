"""`errors { consolidate DURATION REGEXP [LEVEL] }`: failures to standard output."""

from __future__ import annotations

import re
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, once, unknown

LEVELS = ("warning", "error", "info", "debug")


class Consolidation(NamedTuple):
    """Errors that match are counted, and said in one line each so many seconds."""

    every_s: float
    pattern: str
    level: str = "error"
    show_first: bool = False


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Consolidation, ...]:
    directive = once(directives)
    arguments(directive, 0, 1)
    found = []
    for option in directive.block:
        if option.name == "consolidate":
            found.append(_consolidation(option))
        elif option.name != "stacktrace":  # ours has the trace always
            unknown(directive, option, ("consolidate", "stacktrace"))
    return tuple(found)


def _consolidation(option: Directive) -> Consolidation:
    words = list(arguments(option, 2, 4))
    show_first = "show_first" in words[2:]
    levels = [word for word in words[2:] if word != "show_first"]
    if levels and levels[0] not in LEVELS:
        raise option.wrong(f"{levels[0]}: allowed are {', '.join(LEVELS)}, show_first")
    try:
        re.compile(words[1])
    except re.error as wrong:
        raise option.wrong(f"{words[1]}: {wrong}") from wrong
    every_s = duration_s(option, words[0])
    return Consolidation(every_s, words[1], levels[0] if levels else "error", show_first)
