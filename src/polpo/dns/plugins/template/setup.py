"""`template CLASS TYPE [ZONES...] { ... }`: answers made of the question."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from polpo.dns.corefile.block import CorefileError, Directive, ServerBlock
from polpo.dns.corefile.words import arguments, integer, unknown, zones
from polpo.dns.counts import Metric
from polpo.dns.plugins.template.text import check
from polpo.dns.wire.record import Rcode
from polpo.dns.wire.registry import class_number, type_number

OPTIONS = ("match", "answer", "additional", "authority", "rcode", "ederror", "fallthrough")
_LABELS = ("server", "zone", "view", "class", "type")
MATCHES = Metric(
    "coredns_template_matches_total", "counter", "Counter of template regex matches.", _LABELS
)
FAILURES = Metric(
    "coredns_template_rr_failures_total",
    "counter",
    "Counter of mis-templated RRs.",
    (*_LABELS, "section", "template"),
)
METRICS = (MATCHES, FAILURES)
EXTENDED_ERROR = 15  # RFC 8914: a number and text
SECTIONS = ("answer", "authority", "additional")


class Template(NamedTuple):
    """One directive. Patterns are Go's regular expressions, of which Python's are a superset but
    for a few escapes; texts are Go templates (polpo.dns.plugins.template.text)."""

    class_: int
    type: int
    zones: tuple[bytes, ...]
    patterns: tuple[str, ...] = (".*",)
    answer: tuple[str, ...] = ()
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    rcode: int = Rcode.NOERROR
    through: tuple[bytes, ...] = ()
    error: tuple[tuple[int, bytes], ...] = ()


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Template, ...]:
    return tuple(_parse(directive, block) for directive in directives)


def _parse(directive: Directive, block: ServerBlock) -> Template:
    words = arguments(directive, 2, 1000)
    try:
        class_, type = class_number(words[0]), type_number(words[1])
    except ValueError as wrong:
        raise directive.wrong(str(wrong)) from wrong
    value = Template(class_, type, zones(directive, words[2:], block.zones))
    patterns: list[str] = []
    for option in directive.block:
        if option.name not in OPTIONS:
            unknown(directive, option, OPTIONS)
        if option.name == "match":
            patterns += (_pattern(option, word) for word in arguments(option, 1, 1000))
        else:
            value = _option(value, option)
    return value._replace(patterns=tuple(patterns)) if patterns else value


def _option(value: Template, option: Directive) -> Template:
    if option.name in SECTIONS:
        texts = arguments(option, 1, 1000)
        for text in texts:
            _check(option, text)
        made: dict[str, Any] = {option.name: (*getattr(value, option.name), *texts)}
        return value._replace(**made)
    if option.name == "rcode":
        word = arguments(option, 1)[0].upper()
        if word not in Rcode.__members__:
            raise option.wrong(f"{word}: allowed are {', '.join(Rcode.__members__)}")
        return value._replace(rcode=int(Rcode[word]))
    if option.name == "fallthrough":
        return value._replace(through=zones(option, option.arguments, value.zones))
    number, *reason = arguments(option, 1, 2)
    code = integer(option, number, 0, 65535)
    data = code.to_bytes(2, "big") + " ".join(reason).encode()
    return value._replace(error=((EXTENDED_ERROR, data),))


def _pattern(option: Directive, text: str) -> str:
    text = re.sub(r"\(\?<([a-zA-Z])", r"(?P<\1", text).replace(r"\z", r"\Z")
    try:
        re.compile(text)
    except re.error as wrong:
        raise option.wrong(f"{text}: {wrong}") from wrong
    return text


def _check(option: Directive, text: str) -> None:
    try:
        check(text)
    except ValueError as wrong:
        raise CorefileError(option.file, option.line, f"{option.name}: {wrong}") from wrong
