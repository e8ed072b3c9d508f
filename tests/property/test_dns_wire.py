"""Whatever comes over the wire: a message, or Malformed; what was written is read back."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from polpo.dns.plugins.cache.items import traits_of, traits_of_message
from polpo.dns.wire.glance import glance
from polpo.dns.wire.message import Edns, Malformed, Option, read_message, read_question
from polpo.dns.wire.name import from_text, join, to_text
from polpo.dns.wire.record import Record, Reply
from polpo.dns.wire.render import SMALLEST_SIZE, render_query, render_reply
from polpo.dns.wire.skim import shuffled, skim, with_ttl

LABELS = st.binary(min_size=1, max_size=20).map(bytes.lower)
NAMES = st.lists(LABELS, max_size=6).map(join)
PLAIN = st.sampled_from([1, 16, 28, 99])
POINTING = st.sampled_from([2, 5, 12])
RECORDS = st.one_of(
    st.builds(Record, NAMES, PLAIN, st.integers(0, 2**31 - 1), st.binary(max_size=40)),
    st.builds(Record, NAMES, POINTING, st.integers(0, 2**31 - 1), NAMES),
)
SECTIONS = st.lists(RECORDS, max_size=5).map(tuple)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(wire: bytes) -> None:
    for read in (read_message, read_question):
        with suppress(Malformed):
            read(wire)


@given(NAMES, SECTIONS, SECTIONS, st.data())
def test_a_spoilt_message_is_a_message_or_malformed(
    name: bytes, answer: tuple[Record, ...], authority: tuple[Record, ...], data: st.DataObject
) -> None:
    query = render_query(1, name, 1)
    reply = Reply(answer=answer, authority=authority)
    wire = bytearray(render_reply(query, read_question(query), reply, 65535))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        read_message(bytes(wire))
    with suppress(Malformed):
        read_question(bytes(wire))


@given(NAMES, SECTIONS, SECTIONS, SECTIONS)
def test_what_is_written_is_read_back(
    name: bytes,
    answer: tuple[Record, ...],
    authority: tuple[Record, ...],
    additional: tuple[Record, ...],
) -> None:
    query = render_query(1, name, 1)
    reply = Reply(answer=answer, authority=authority, additional=additional)
    message = read_message(render_reply(query, read_question(query), reply, 65535))
    assert message.name == name
    assert (message.answer, message.authority, message.additional) == (
        answer,
        authority,
        additional,
    )


@given(NAMES)
def test_a_name_survives_text(name: bytes) -> None:
    assert from_text(to_text(name)) == name


@given(st.text(max_size=80))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert from_text(to_text(from_text(text))) == from_text(text)


EDNS = st.one_of(
    st.none(),
    st.builds(
        Edns,
        st.integers(0, 65535),
        st.just(0),
        st.booleans(),
        st.lists(st.builds(Option, st.integers(0, 65535), st.binary(max_size=9)), max_size=1).map(
            tuple
        ),
    ),
)


@given(NAMES, st.integers(0, 65535), EDNS, st.integers(0, 2**16 - 1), st.data())
def test_a_glance_sees_what_reading_finds_or_leaves_it_to_it(
    name: bytes, type: int, edns: Edns | None, flags: int, data: st.DataObject
) -> None:
    wire = bytearray(render_query(1, name, type, flags=flags, edns=edns))
    for _ in range(data.draw(st.integers(0, 2))):
        wire[data.draw(st.integers(2, len(wire) - 1))] = data.draw(st.integers(0, 255))
    seen = glance(bytes(wire))
    if seen is None:
        return
    end, seen_type, dnssec_ok, size = seen
    question = read_question(bytes(wire))
    assert (end, seen_type, question.class_) == (question.end, question.type, 1)
    assert question.flags & 0xF800 == 0
    assert question.edns is None or (question.edns.version == 0 and not question.edns.options)
    assert dnssec_ok == (question.edns is not None and question.edns.dnssec_ok)
    assert size == max(question.edns.size if question.edns else 0, SMALLEST_SIZE)


@given(NAMES, st.sampled_from([1, 28, 15]), st.booleans())
def test_a_glance_is_enough_for_the_usual_query(name: bytes, type: int, has_edns: bool) -> None:
    edns = Edns(1232, 0, False, ()) if has_edns else None
    assert glance(render_query(1, name, type, edns=edns)) is not None


@given(NAMES, SECTIONS, SECTIONS, SECTIONS, st.booleans(), st.integers(0, 3600))
def test_what_is_skimmed_is_what_is_read_and_a_ttl_changes_nothing_else(
    name: bytes,
    answer: tuple[Record, ...],
    authority: tuple[Record, ...],
    additional: tuple[Record, ...],
    has_edns: bool,
    ttl_s: int,
) -> None:
    query = render_query(1, name, 1, edns=Edns(1232, 0, False, ()) if has_edns else None)
    question = read_question(query)
    reply = Reply(answer=answer, authority=authority, additional=additional)
    wire = render_reply(query, question, reply, 65535)
    places = skim(wire, question.end)
    assert places is not None
    assert traits_of_message(wire, places) == traits_of(reply)
    read = read_message(with_ttl(wire, places, ttl_s))
    aged = [[r._replace(ttl_s=ttl_s) for r in part] for part in (answer, authority, additional)]
    assert [list(read.answer), list(read.authority), list(read.additional)] == aged
    assert read.edns == read_message(wire).edns


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_may_be_skimmed(wire: bytes, at: int) -> None:
    places = skim(wire, at)
    if places:
        assert places[0].start == at
        assert places[-1].end == len(wire)


@given(NAMES.filter(len), SECTIONS, st.lists(st.binary(min_size=4, max_size=4), max_size=5))
def test_addresses_change_places_and_nothing_else(
    name: bytes, others: tuple[Record, ...], addresses: list[bytes]
) -> None:
    query = render_query(1, name, 1)
    question = read_question(query)
    answer = tuple(Record(name, 1, 60, address) for address in addresses)
    wire = render_reply(query, question, Reply(answer=answer, additional=others), 65535)
    turned = read_message(shuffled(wire, skim(wire, question.end) or []))
    assert sorted(turned.answer) == sorted(answer)
    assert turned._replace(answer=()) == read_message(wire)._replace(answer=())
