"""`header { [query|response] set|clear FLAGS... }`: bits of the header."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, once

FLAGS = ("aa", "ra", "rd", "ad", "cd")


class Rule(NamedTuple):
    """`of` is query or response."""

    of: str
    flag: str
    on: bool


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Rule, ...]:
    directive = once(directives)
    arguments(directive, 0)
    rules = []
    for option in directive.block:
        words = [option.name, *option.arguments]
        of = words.pop(0) if words[0] in {"query", "response"} else "response"
        if len(words) < 2 or words[0] not in {"set", "clear"}:
            raise option.wrong(f"allowed is [query|response] set|clear {', '.join(FLAGS)}")
        for flag in words[1:]:
            if flag.lower() not in FLAGS:
                raise option.wrong(f"{flag}: the flags are {', '.join(FLAGS)}")
            rules.append(Rule(of, flag.lower(), words[0] == "set"))
    if not rules:
        raise directive.wrong("say which flags: [query|response] set|clear FLAGS...")
    return tuple(rules)
