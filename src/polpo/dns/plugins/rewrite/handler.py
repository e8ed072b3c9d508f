"""Questions on their way in, answers on their way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from polpo.dns.plugin import Place
from polpo.dns.plugins.rewrite.edns import EdnsRule, changed
from polpo.dns.plugins.rewrite.names import matches, replaced, substituted
from polpo.dns.plugins.rewrite.setup import AnswerRule, Rule
from polpo.dns.query import Answer, Handler, Query
from polpo.dns.wire.message import opened
from polpo.dns.wire.name import from_text, to_text
from polpo.dns.wire.record import Rcode, Record, Reply, Type

Change = Callable[[Reply], Reply]
_BEFORE_NAME = {2: 0, 5: 0, 12: 0, 39: 0, 15: 2, 33: 6}  # bytes of data before the name in it


def make(value: tuple[Rule, ...], next: Handler, place: Place) -> Handler:
    return Rewriting(value, next, place).handle


class Rewriting:
    def __init__(self, value: tuple[Rule, ...], next: Handler, place: Place) -> None:
        self._rules = value
        self._next = next
        self._place = place

    def handle(self, query: Query, answer: Answer) -> None:
        """Rules in their order, until one that fits says stop. The question that others see may be
        another one; what comes back is changed in the reverse order."""
        changes: list[Change] = []
        asked = (query.name, query.type)
        edns = (query.options, query.edns)
        for rule in self._rules:
            try:
                fits = self._apply(rule, query, changes)
            except ValueError as wrong:
                query.error = f"rewrite: {wrong}"
                answer(Reply(Rcode.SERVFAIL, authoritative=False, plugin="rewrite"))
                return
            if fits and not rule.goes_on:
                break
        if not changes and (*asked, *edns) == (
            query.name, query.type, query.options, query.edns,
        ):  # fmt: skip
            self._next(query, answer)
            return

        def answered(reply: Reply) -> None:
            reply = opened(reply)
            for change in reversed(changes):
                reply = change(reply)
            query.name, query.type = asked
            query.options, query.edns = edns
            answer(reply)

        self._next(query, answered)

    def _apply(self, rule: Rule, query: Query, changes: list[Change]) -> bool:
        """Does the rule fit? The query is changed at once, the reply later."""
        if rule.field in {"type", "class"}:
            return self._change_number(rule, query)
        if rule.edns is not None:
            return self._change_options(rule.edns, query)
        name = to_text(query.name)
        pattern = rule.pattern
        assert pattern is not None
        if not matches(pattern, name):
            return False
        if rule.field == "name":
            new = from_text(replaced(pattern, rule.to, name) or name)
            if rule.automatic:
                changes.append(partial(_rename, new, query.name))
            changes += [partial(_substitute, answers) for answers in rule.answers]
            query.name, query.message = new, b""
        elif rule.field == "cname":
            changes.append(partial(_alias, from_text(rule.to)))
        else:
            change = _set_ttl if rule.field == "ttl" else _set_rcode
            changes.append(partial(change, rule.numbers))
        return True

    def _change_options(self, rule: EdnsRule, query: Query) -> bool:
        """What others see of the query has these options; the answer may depend on who asks."""
        options = changed(rule, query, self._place.server)
        if options is None:
            return False
        query.options, query.edns, query.message, query.keep = options, True, b"", False
        return True

    @staticmethod
    def _change_number(rule: Rule, query: Query) -> bool:
        before, after = rule.numbers
        if rule.field == "type" and query.type == before:
            query.type, query.message = after, b""
            return True
        if rule.field == "class" and query.class_ == before:
            query.class_, query.message = after, b""
            return True
        return False


def _rename(new: bytes, old: bytes, reply: Reply) -> Reply:
    """Owners and aliases that are the new name become the one that was asked for."""

    def rename(record: Record) -> Record:
        owner = old if record.owner.lower() == new else record.owner
        before = _BEFORE_NAME.get(record.type)
        data = record.data
        if before is not None and data[before:].lower() == new:
            data = data[:before] + old
        return record._replace(owner=owner, data=data)

    return _each(rename, reply)


def _alias(target: bytes, reply: Reply) -> Reply:
    """An alias in the answer leads somewhere else."""
    answer = tuple(
        record._replace(data=target) if record.type == Type.CNAME else record
        for record in reply.answer
    )
    return reply._replace(answer=answer)


def _substitute(rule: AnswerRule, reply: Reply) -> Reply:
    def change(record: Record) -> Record:
        if rule.of == "name":
            new = substituted(rule.pattern, rule.to, to_text(record.owner.lower()))
            return record if new is None else record._replace(owner=from_text(new))
        before = _BEFORE_NAME.get(record.type)
        if before is None:
            return record
        new = substituted(rule.pattern, rule.to, to_text(record.data[before:].lower()))
        return (
            record if new is None else record._replace(data=record.data[:before] + from_text(new))
        )

    return _each(change, reply)


def _set_ttl(bounds: tuple[int, ...], reply: Reply) -> Reply:
    least, most = bounds
    return _each(lambda r: r._replace(ttl_s=min(max(r.ttl_s, least), most)), reply)


def _set_rcode(numbers: tuple[int, ...], reply: Reply) -> Reply:
    before, after = numbers
    return reply._replace(rcode=after) if reply.rcode == before else reply


def _each(change: Callable[[Record], Record], reply: Reply) -> Reply:
    return reply._replace(
        answer=tuple(map(change, reply.answer)),
        authority=tuple(map(change, reply.authority)),
        additional=tuple(map(change, reply.additional)),
    )
