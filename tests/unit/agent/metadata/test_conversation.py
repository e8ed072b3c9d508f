"""HTTP as callers speak it, and as they should not."""

import asyncio
import socket
from http import HTTPStatus

import pytest

from polpo.agent.metadata.conversation import Reply, converse
from polpo.agent.metadata.folder import text


async def said(question: bytes) -> bytes:
    """All that is answered until the connection is closed by the service, or by us at our end."""

    async def answer(method: str, path: str) -> Reply:
        if method not in ("GET", "HEAD"):
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, text("no\n"))
        return Reply(HTTPStatus.OK, text(f"{method} {path}"))

    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=theirs)
    own_reader, own_writer = await asyncio.open_connection(sock=ours)
    service = asyncio.create_task(converse(reader, writer, answer))
    own_writer.write(question)
    own_writer.write_eof()
    heard = await own_reader.read()
    await service
    own_writer.close()
    return heard


async def test_a_question_gets_its_answer() -> None:
    answer = await said(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 6" in head
    assert body == b"GET /a"


async def test_several_questions_are_answered_in_their_order() -> None:
    question = b"GET /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"
    answer = await said(b"".join(question % number for number in range(3)))
    assert [answer.index(b"GET /%d" % number) for number in range(3)] == sorted(
        answer.index(b"GET /%d" % number) for number in range(3)
    )


async def test_old_clients_are_answered_once() -> None:
    answer = await said(b"GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n")
    assert b"GET /1" in answer
    assert b"GET /2" not in answer


async def test_a_head_has_no_body() -> None:
    answer = await said(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"Content-Length: 7" in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_other_methods_are_not_allowed_and_end_it() -> None:
    put = b"PUT /latest/api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    answer = await said(put + b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: GET, HEAD" in answer
    assert b"/after" not in answer


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (b"\x16\x03\x01\r\n\r\n", b"400"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20000, b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, b"413"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x", b"400"),
    ],
)
async def test_nonsense_is_refused(nonsense: bytes, status: bytes) -> None:
    assert (await said(nonsense)).split(b" ")[1] == status


async def test_silence_is_answered_by_silence() -> None:
    assert await said(b"") == b""
