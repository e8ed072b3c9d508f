"""HTTP/1.1 of a server's connection, by h11: one request after the other."""

from __future__ import annotations

import h11

from polpo.dns.server.exchange import LONGEST_BODY, Request, Response


class HttpOne:
    """A request is read when the one before it was answered."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._out = bytearray()
        self._count = 0

    @property
    def is_over(self) -> bool:
        return self._connection.our_state in {h11.MUST_CLOSE, h11.CLOSED, h11.ERROR}

    def receive(self, data: bytes) -> list[Request]:
        try:
            self._connection.receive_data(data)
        except h11.RemoteProtocolError as wrong:
            raise ValueError(str(wrong)) from wrong
        return self.more()

    def more(self) -> list[Request]:
        try:
            found = self._next()
        except h11.RemoteProtocolError as wrong:
            raise ValueError(str(wrong)) from wrong
        return [] if found is None else [found]

    def respond(self, number: int, response: Response) -> None:
        head = h11.Response(status_code=response.status, headers=response.headers)
        events: tuple[h11.Event, ...] = (h11.Data(data=response.body), h11.EndOfMessage())
        for event in (head, *events):
            self._out += self._connection.send(event) or b""
        if self._connection.our_state is h11.DONE and self._connection.their_state is h11.DONE:
            self._connection.start_next_cycle()

    def to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def _next(self) -> Request | None:
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Request):
                self._head, self._body = event, bytearray()
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > LONGEST_BODY:
                    raise ValueError("a body that is no DNS message")
            elif isinstance(event, h11.EndOfMessage) and self._head is not None:
                self._count += 1
                type = next((v for n, v in self._head.headers if n == b"content-type"), b"")
                method, target = self._head.method.decode(), self._head.target.decode("latin-1")
                return Request(
                    self._count, method, target, type.decode("latin-1"), bytes(self._body)
                )
            else:
                return None
