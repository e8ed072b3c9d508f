"""Flags set and cleared, on the way in and on the way out."""

from __future__ import annotations

from polpo.dns.plugin import Place
from polpo.dns.plugins.header.setup import Rule
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import AA, AD, CD, RA, RD, opened
from polpo.dns.wire.record import Reply

_BITS = {"aa": AA, "ra": RA, "rd": RD, "ad": AD, "cd": CD}
_FIELDS = {"aa": "authoritative", "ra": "recursion_available", "ad": "authentic"}


def make(value: tuple[Rule, ...], next: Handler, place: Place) -> Handler:
    asked = [rule for rule in value if rule.of == "query"]
    replied = [rule for rule in value if rule.of == "response"]

    def header(query: Query, answer: Answer) -> None:
        for rule in asked:
            bit = _BITS[rule.flag]
            query.flags = query.flags | bit if rule.on else query.flags & ~bit
            query.message = b""

        def answered(reply: Reply) -> None:
            reply = opened(reply)
            on = off = 0
            for rule in replied:
                if rule.flag in _FIELDS:
                    reply = reply._replace(**{_FIELDS[rule.flag]: rule.on})  # type: ignore[arg-type]
                else:
                    bit = _BITS[rule.flag]
                    on, off = (on | bit, off & ~bit) if rule.on else (on & ~bit, off | bit)
            answer(reply._replace(flags_on=on, flags_off=off) if on or off else reply)

        next(query, answered if replied else answer)

    return header
