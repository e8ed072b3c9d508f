"""Messages are read strictly and written small."""

import pytest

from polpo.dns.wire.message import Edns, Malformed, read_message, read_name, read_question
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Rcode, Record, Reply, Type
from polpo.dns.wire.render import render_error, render_query, render_reply

NAME = from_text("web.shop.svc.cluster.local")
EDNS = Edns(1232, 0, True, ())


def asked(name: bytes = NAME, type: int = Type.A, edns: Edns | None = None) -> bytes:
    return render_query(7, name, type, edns=edns)


def replied(reply: Reply, size: int = 512, query: bytes | None = None) -> bytes:
    query = query or asked()
    return render_reply(query, read_question(query), reply, size)


def address(owner: bytes = NAME, last: int = 1) -> Record:
    return Record(owner, Type.A, 30, bytes((10, 254, 0, last)))


def test_a_question_is_read_with_what_edns_says() -> None:
    question = read_question(asked(edns=EDNS))
    assert (question.id, question.name, question.type, question.class_) == (7, NAME, 1, 1)
    assert question.edns == EDNS
    assert read_question(asked()).edns is None


def test_a_reply_says_what_its_records_are() -> None:
    soa = Record(
        from_text("cluster.local"), Type.SOA, 5, from_text("ns") + from_text("me") + bytes(20)
    )
    other = Record(from_text("x.shop.svc.cluster.local"), Type.CNAME, 5, NAME)
    reply = Reply(Rcode.NOERROR, (address(), other), (soa,), (address(last=2),))
    message = read_message(replied(reply))
    assert message.answer == reply.answer
    assert message.authority == reply.authority
    assert message.additional == reply.additional
    assert message.flags & 0x8500 == 0x8500


def test_names_are_written_once() -> None:
    wire = replied(Reply(answer=(address(), address(last=2))))
    assert len(wire) == 12 + len(NAME) + 4 + 2 * 16


def test_the_askers_case_is_kept() -> None:
    mixed = b"\3wEb" + NAME[4:].replace(b"cluster", b"CluSTer")
    wire = replied(Reply(answer=(address(),)), query=asked(mixed))
    assert mixed in wire
    assert len(wire) == 12 + len(NAME) + 4 + 16


def test_what_does_not_fit_is_left_out_and_said_so() -> None:
    many = tuple(address(last=n) for n in range(200))
    wire = replied(Reply(answer=many, additional=(address(last=250),)))
    message = read_message(wire)
    assert len(wire) <= 512
    assert message.flags & 0x0200
    assert 20 < len(message.answer) < 40
    assert message.additional == ()


def test_the_opt_record_has_its_room_when_all_else_is_cut() -> None:
    query = asked(edns=EDNS)
    wire = replied(Reply(answer=tuple(address(last=n) for n in range(200))), query=query)
    message = read_message(wire)
    assert message.edns is not None
    assert message.edns.dnssec_ok
    assert len(wire) <= 512


def test_an_extended_rcode_is_in_two_places() -> None:
    wire = replied(Reply(Rcode.BADVERS), query=asked(edns=EDNS))
    assert read_message(wire).rcode == 16


def test_an_error_without_a_question_is_a_header() -> None:
    assert render_error(asked()[:12], Rcode.FORMERR).hex() == "000781010000000000000000"


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        bytes(11),
        asked()[:-1],
        asked()[:20],
        asked()[:4] + b"\0\2" + asked()[6:],
        asked()[:12] + b"\xc0\x0c\0\1\0\1",
        asked()[:10] + b"\0\1" + asked()[12:],
        asked(edns=EDNS)[:-1] + b"\4",
        asked()[:10] + b"\0\2" + asked()[12:] + asked(edns=EDNS)[-11:] * 2,
        asked()[:10] + b"\xff\xff" + asked()[12:],
    ],
)
def test_what_is_no_query_is_malformed(wire: bytes) -> None:
    with pytest.raises(Malformed):
        read_question(wire)


def test_pointers_that_loop_or_lead_forward_are_malformed() -> None:
    for wire in (b"\xc0\x00", b"\xc0\x02\xc0\x00", b"\1a\xc0\x00", b"\xc0\x05aaa\0"):
        with pytest.raises(Malformed):
            read_name(wire, 0)


def test_a_long_chain_of_pointers_is_malformed() -> None:
    chain = b"\0" + b"".join((0xC000 | max(0, 2 * n - 1)).to_bytes(2, "big") for n in range(200))
    with pytest.raises(Malformed):
        read_name(chain, len(chain) - 2)
