"""A line for each query that a rule wants, in the format that it has."""

from __future__ import annotations

import re
from collections.abc import Callable

from polpo.dns.plugin import Place
from polpo.dns.plugins.log.setup import Rule
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import AA, AD, CD, OPCODE, RA, RD
from polpo.dns.wire.name import is_within, to_text
from polpo.dns.wire.record import Rcode, Reply
from polpo.dns.wire.registry import class_name, type_name

_FIELD = re.compile(r"\{([^{}]*)\}")
Show = Callable[[Query, Reply, float], str]


def make(value: tuple[Rule, ...], next: Handler, place: Place) -> Handler:
    rules = [(rule, _formatter(rule.format)) for rule in value]

    def log(query: Query, answer: Answer) -> None:
        wanted = [r for r in rules if is_within(query.name, r[0].zone)]
        if not wanted:
            next(query, answer)
            return
        query.keep = False
        rule, show = max(wanted, key=lambda r: len(r[0].zone))
        begun = place.now()

        def answered(reply: Reply) -> None:
            answer(reply)
            if rule.classes & _classes(reply):
                place.say(f"[INFO] {show(query, reply, place.now() - begun)}")

        next(query, answered)

    return log


def _classes(reply: Reply) -> set[str]:
    """As CoreDNS sorts replies (plugin/pkg/response)."""
    if reply.rcode == Rcode.NXDOMAIN or (reply.rcode == Rcode.NOERROR and _is_nodata(reply)):
        return {"all", "denial"}
    if reply.rcode == Rcode.NOERROR:
        return {"all", "success"}
    return {"all", "error"}


def _is_nodata(reply: Reply) -> bool:
    if reply.message:
        return reply.message[6:8] == b"\0\0"
    return not reply.answer and not reply.additional


def _formatter(format: str) -> Show:
    parts: list[str | Show] = []
    at = 0
    for found in _FIELD.finditer(format):
        parts.append(format[at : found.start()])
        parts.append(_FIELDS.get(found[1]) or _fact(found[1]))
        at = found.end()
    parts.append(format[at:])

    def show(query: Query, reply: Reply, duration_s: float) -> str:
        return "".join(p if isinstance(p, str) else p(query, reply, duration_s) for p in parts)

    return show


def _fact(field: str) -> Show:
    """`{/label}` is what `metadata` knows."""
    label = field.removeprefix("/")
    return lambda query, reply, duration_s: query.fact(label) or "-"


def _size(query: Query, reply: Reply, duration_s: float) -> str:
    """Of the reply as it would be without compression, as CoreDNS says it."""
    if reply.message:
        return str(len(reply.message))
    records = (*reply.answer, *reply.authority, *reply.additional)
    whole = 12 + len(query.name) + 4 + (11 if query.edns else 0)
    return str(whole + sum(len(r.owner) + 10 + len(r.data) for r in records))


def _flags(query: Query, reply: Reply, duration_s: float) -> str:
    shown = ["qr"]
    if reply.message:
        flags = int.from_bytes(reply.message[2:4], "big")
    else:
        flags = query.flags & (RD | CD) | (AA if reply.authoritative else 0)
        flags |= (RA if reply.recursion_available else 0) | (AD if reply.authentic else 0)
    names = ((AA, "aa"), (0x0200, "tc"), (RD, "rd"), (RA, "ra"), (AD, "ad"), (CD, "cd"))
    return ",".join(shown + [name for bit, name in names if flags & bit])


def _rcode(query: Query, reply: Reply, duration_s: float) -> str:
    try:
        return Rcode(reply.rcode).name
    except ValueError:
        return str(reply.rcode)


def _remote(query: Query, reply: Reply, duration_s: float) -> str:
    return f"[{query.client}]" if ":" in query.client else query.client


_FIELDS: dict[str, Show] = {
    "remote": _remote,
    "port": lambda q, r, d: str(q.port),
    "type": lambda q, r, d: type_name(q.type),
    "class": lambda q, r, d: class_name(q.class_),
    "name": lambda q, r, d: to_text(q.name),
    "proto": lambda q, r, d: "udp" if q.protocol == "udp" else "tcp",
    "size": lambda q, r, d: str(len(q.message)),
    "rcode": _rcode,
    "rsize": _size,
    "duration": lambda q, r, d: f"{d:.9f}s",
    ">id": lambda q, r, d: str(int.from_bytes(q.message[:2], "big")),
    ">opcode": lambda q, r, d: str((q.flags & OPCODE) >> 11),
    ">do": lambda q, r, d: "true" if q.dnssec_ok else "false",
    ">bufsize": lambda q, r, d: str(q.size),
    ">rflags": _flags,
}
