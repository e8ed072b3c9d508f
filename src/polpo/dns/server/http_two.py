"""HTTP/2 (RFC 9113) of a server's connection, by h2: requests out of bytes, answers into them."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

from polpo.dns.server.exchange import LONGEST_BODY, Request, Response

MOST_RESETS = 1_000  # of one connection: nobody changes their mind so often


class HttpTwo:
    """Bodies wait for room in the other side's window."""

    def __init__(self) -> None:
        config = H2Configuration(client_side=False, header_encoding="latin-1")
        self._connection = H2Connection(config)
        self._connection.initiate_connection()
        self._heads: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytearray] = {}
        self._unsent: dict[int, bytes] = {}
        self._resets = 0
        self.is_over = False

    def receive(self, data: bytes) -> list[Request]:
        try:
            events = self._connection.receive_data(data)
        except ProtocolError as wrong:
            raise ValueError(str(wrong)) from wrong
        requests = [found for event in events if (found := self._take(event)) is not None]
        if self._resets > MOST_RESETS:
            raise ValueError("streams are opened and reset again and again")
        self._send_on()
        return requests

    def more(self) -> list[Request]:
        return []

    def respond(self, number: int, response: Response) -> None:
        headers = [(":status", str(response.status)), *response.headers]
        try:
            self._connection.send_headers(number, headers, end_stream=not response.body)
        except ProtocolError:
            return  # nobody waits for it any more
        if response.body:
            self._unsent[number] = response.body
            self._send_on()

    def to_send(self) -> bytes:
        data: bytes = self._connection.data_to_send()
        return data

    def _take(self, event: Event) -> Request | None:
        if isinstance(event, RequestReceived):
            headers = event.headers or ()
            self._heads[event.stream_id] = {str(name): str(value) for name, value in headers}
            self._bodies[event.stream_id] = bytearray()
        elif isinstance(event, DataReceived):
            body = self._bodies.get(event.stream_id)
            if body is not None and len(body) <= LONGEST_BODY:
                body += event.data or b""
            self._connection.acknowledge_received_data(
                event.flow_controlled_length or 0, event.stream_id
            )
        elif isinstance(event, StreamEnded):
            return self._whole(event.stream_id)
        elif isinstance(event, StreamReset):
            self._resets += 1
            self._forget(event.stream_id)
        elif isinstance(event, ConnectionTerminated):
            self.is_over = True
        return None

    def _whole(self, number: int) -> Request | None:
        head, body = self._heads.pop(number, None), self._bodies.pop(number, None)
        if head is None or body is None:
            return None
        method, path, kind = (head.get(n, "") for n in (":method", ":path", "content-type"))
        return Request(number, method, path, kind, bytes(body))

    def _forget(self, number: int) -> None:
        for known in (self._heads, self._bodies, self._unsent):
            known.pop(number, None)

    def _send_on(self) -> None:
        for number, body in list(self._unsent.items()):
            try:
                self._send_body(number, body)
            except ProtocolError:
                del self._unsent[number]

    def _send_body(self, number: int, body: bytes) -> None:
        connection = self._connection
        while body:
            room = min(
                connection.local_flow_control_window(number), connection.max_outbound_frame_size
            )
            if room <= 0:
                self._unsent[number] = body
                return
            connection.send_data(number, body[:room], end_stream=len(body) <= room)
            body = body[room:]
        del self._unsent[number]
