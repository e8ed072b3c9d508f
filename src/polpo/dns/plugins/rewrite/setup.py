"""`rewrite [continue|stop] FIELD ...`: questions become others; answers look as asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import integer
from polpo.dns.plugins.rewrite.edns import EdnsRule
from polpo.dns.plugins.rewrite.edns import parse as parse_edns
from polpo.dns.wire.name import from_text, to_text
from polpo.dns.wire.record import Rcode
from polpo.dns.wire.registry import class_number, type_number

MATCHES = ("exact", "prefix", "suffix", "substring", "regex")
FIELDS = ("name", "type", "class", "ttl", "rcode", "cname", "edns0")


class Pattern(NamedTuple):
    """What is looked for in a name: `text` is one with its last dot, a piece, or an expression."""

    match: str
    text: str


class AnswerRule(NamedTuple):
    """A change of names in the answer: of owners ("name"), of what records say ("value")."""

    of: str
    pattern: str
    to: str


class Rule(NamedTuple):
    """One line. `numbers`: types, classes or rcodes from and to; seconds of a TTL, least and most.
    `automatic`: owners that are the new name become the old one."""

    field: str
    goes_on: bool
    pattern: Pattern | None = None
    to: str = ""
    numbers: tuple[int, ...] = ()
    automatic: bool = False
    answers: tuple[AnswerRule, ...] = ()
    edns: EdnsRule | None = None


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Rule, ...]:
    return tuple(_parse(directive) for directive in directives)


def _parse(directive: Directive) -> Rule:
    words = list(directive.arguments)
    goes_on = False
    if words and words[0].lower() in {"continue", "stop"}:
        goes_on = words.pop(0).lower() == "continue"
    words += _lines(directive)
    if not words or words[0].lower() not in FIELDS:
        shown = words[0] if words else "nothing"
        raise directive.wrong(f"{shown}: the fields are {', '.join(FIELDS)}")
    field = words.pop(0).lower()
    if field == "name":
        return _name(directive, goes_on, words)
    if field in {"ttl", "rcode"}:
        return _of_reply(directive, field, goes_on, words)
    if field == "edns0":
        return Rule(field, goes_on, edns=parse_edns(directive, words))
    if field == "cname":
        pattern, rest = _pattern(directive, words)
        return Rule("cname", goes_on, pattern, _name_text(directive, _one(directive, rest)))
    number = type_number if field == "type" else class_number
    if len(words) != 2:
        raise directive.wrong(f"{field} FROM TO")
    try:
        return Rule(field, goes_on, numbers=(number(words[0]), number(words[1])))
    except ValueError as wrong:
        raise directive.wrong(str(wrong)) from wrong


def _lines(directive: Directive) -> list[str]:
    """The words between braces: a rule, and what is to be done with answers."""
    words: list[str] = []
    for line in directive.block:
        if words and line.name != "answer":
            raise directive.wrong(f"{line.name}: after the first line only answer name|value")
        words += [line.name, *line.arguments]
    return words


def _name(directive: Directive, goes_on: bool, words: list[str]) -> Rule:
    pattern, rest = _pattern(directive, words)
    if not rest:
        raise directive.wrong("name [exact|prefix|suffix|substring|regex] FROM TO [answer ...]")
    to = rest.pop(0)
    if pattern.match in {"exact", "suffix"}:
        _name_text(directive, to.lstrip(".") or ".")
    if pattern.match == "exact":
        to = _name_text(directive, to)
    answers: list[AnswerRule] = []
    automatic = pattern.match == "exact"
    while rest:
        automatic |= rest[:2] == ["answer", "auto"]
        rest = _answer_rule(directive, rest, answers)
    return Rule("name", goes_on, pattern, to, (), automatic, tuple(answers))


def _answer_rule(directive: Directive, rest: list[str], out: list[AnswerRule]) -> list[str]:
    if rest[:2] == ["answer", "auto"]:
        return rest[2:]
    if len(rest) >= 4 and rest[0] == "answer" and rest[1] in {"name", "value"}:
        out.append(AnswerRule(rest[1], _expression(directive, rest[2]), rest[3]))
        return rest[4:]
    raise directive.wrong(f"{' '.join(rest)}: allowed are answer auto, answer name|value FROM TO")


def _of_reply(directive: Directive, field: str, goes_on: bool, words: list[str]) -> Rule:
    pattern, rest = _pattern(directive, words)
    if field == "ttl":
        return Rule(field, goes_on, pattern, numbers=_seconds(directive, _one(directive, rest)))
    if len(rest) != 2 or any(word not in Rcode.__members__ for word in rest):
        raise directive.wrong(f"rcode NAME FROM TO; rcodes are {', '.join(Rcode.__members__)}")
    return Rule(field, goes_on, pattern, numbers=(int(Rcode[rest[0]]), int(Rcode[rest[1]])))


def _seconds(directive: Directive, text: str) -> tuple[int, int]:
    """`30`, `30-60`, `30-`, `-60`."""
    least, mark, most = text.partition("-")
    if not mark:
        return (integer(directive, text),) * 2
    return (
        integer(directive, least) if least else 0,
        integer(directive, most) if most else 2**31 - 1,
    )


def _pattern(directive: Directive, words: Sequence[str]) -> tuple[Pattern, list[str]]:
    rest = list(words)
    match = rest.pop(0).lower() if rest and rest[0].lower() in MATCHES else "exact"
    if not rest:
        raise directive.wrong("say which names")
    text = rest.pop(0)
    if match == "regex":
        return Pattern(match, _expression(directive, text)), rest
    if match == "exact":
        text = _name_text(directive, text)
    elif match == "suffix" and not text.endswith("."):
        text += "."
    return Pattern(match, text.lower()), rest


def _expression(directive: Directive, text: str) -> str:
    """Go's groups with names are written otherwise than Python's."""
    text = text.replace("(?<", "(?P<") if re.search(r"\(\?<[a-zA-Z]", text) else text
    try:
        re.compile(text)
    except re.error as wrong:
        raise directive.wrong(f"{text}: {wrong}") from wrong
    return text


def _name_text(directive: Directive, text: str) -> str:
    try:
        return to_text(from_text(text))
    except ValueError as wrong:
        raise directive.wrong(f"{text}: {wrong}") from wrong


def _one(directive: Directive, words: list[str]) -> str:
    if len(words) != 1:
        raise directive.wrong(f"one word is expected instead of: {' '.join(words) or 'nothing'}")
    return words[0]
