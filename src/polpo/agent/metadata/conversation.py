"""HTTP/1.1 with one caller (h11): small questions, whole answers, no patience."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import h11
import msgspec

from polpo.agent.metadata.folder import Document, text

IDLE_S = 10.0  # for a question to be whole, and for an answer to be taken
LONGEST_HEAD, LONGEST_BODY = 16384, 65536  # bytes of a question; the body is not looked at
MOST_QUESTIONS = 1000  # in one connection


class Reply(msgspec.Struct, frozen=True):
    status: HTTPStatus
    document: Document


Answer = Callable[[str, str], Awaitable[Reply]]
"""Method and path -> what is said."""


async def converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
) -> None:
    """Until either side has had enough; the connection is closed then."""
    conversation = _Conversation(reader, writer)
    try:
        for _ in range(MOST_QUESTIONS):
            if not await conversation.turn(answer):
                return
    except (ConnectionError, TimeoutError, h11.LocalProtocolError):
        return
    finally:
        writer.close()


class _Conversation:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)

    async def turn(self, answer: Answer) -> bool:
        """One question and its answer; whether there may be another one."""
        try:
            async with asyncio.timeout(IDLE_S):
                question = await self._question()
        except h11.RemoteProtocolError as e:
            await self._refuse(HTTPStatus(e.error_status_hint))
            return False
        if question is None:
            return False
        method, path = question.method.decode(), question.target.decode()
        await self._say(await answer(method, path), method)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def _question(self) -> h11.Request | None:
        """None where no more comes."""
        question, length = None, 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(LONGEST_HEAD))
            elif isinstance(event, h11.Request):
                question = event
                if event.method not in (b"GET", b"HEAD"):
                    return event  # its body is not waited for
            elif isinstance(event, h11.Data):
                length += len(event.data)
                if length > LONGEST_BODY:
                    raise h11.RemoteProtocolError("too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            elif isinstance(event, h11.EndOfMessage):
                return question
            else:
                return None

    async def _refuse(self, status: HTTPStatus) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._say(Reply(status, text(f"{status.phrase}\n")), "GET", last=True)

    async def _say(self, reply: Reply, method: str, last: bool = False) -> None:
        body = reply.document.body
        headers = [("Content-Type", reply.document.kind), ("Content-Length", str(len(body)))]
        if reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET, HEAD"))
        if last or reply.status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Connection", "close"))
        reason = reply.status.phrase.encode()
        said = h11.Response(status_code=reply.status, headers=headers, reason=reason)
        self._write(said)
        if method != "HEAD":
            self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())
        async with asyncio.timeout(IDLE_S):
            await self._writer.drain()

    def _write(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        if data := self._http.send(event):
            self._writer.write(data)
