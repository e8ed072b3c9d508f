"""Messages of which only the places of records are looked at."""

from polpo.dns.wire.message import read_message, read_question
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Record, Reply, Type
from polpo.dns.wire.render import render_query, render_reply
from polpo.dns.wire.skim import shuffled, skim

NAME, TARGET = from_text("a.test"), from_text("b.test")


def replied(*answer: Record) -> tuple[bytes, int]:
    query = render_query(1, NAME, 1)
    question = read_question(query)
    return render_reply(query, question, Reply(answer=answer), 65535), question.end


def test_each_address_comes_first_behind_the_alias() -> None:
    alias = Record(NAME, Type.CNAME, 60, TARGET)
    addresses = [Record(TARGET, Type.A, 60, bytes((10, 0, 0, n))) for n in range(3)]
    message, end = replied(alias, *addresses)
    places = skim(message, end) or []
    found = [read_message(shuffled(message, places)).answer for _ in range(100)]
    assert {answer[0] for answer in found} == {alias}
    assert {answer[1] for answer in found} == set(addresses)


def test_what_is_not_of_one_piece_stays_as_it_is() -> None:
    a, b = (Record(NAME, Type.A, 60, bytes((10, 0, 0, n))) for n in range(2))
    apart, end = replied(a, Record(NAME, Type.TXT, 60, b"\1x"), b)
    assert shuffled(apart, skim(apart, end) or []) == apart
    other, end = replied(a, Record(TARGET, Type.A, 60, b"aaaa"))
    assert shuffled(other, skim(other, end) or []) == other
