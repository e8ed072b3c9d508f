"""Datagrams that were made elsewhere, sent together: late answers, questions to upstreams.

They are joined to one piece of memory, which costs less than to put each in a place of its own.
"""

from __future__ import annotations

import ctypes
import socket
from array import array
from collections.abc import Sequence
from itertools import accumulate

from polpo.kernel.datagrams import (
    CONTROL_BYTES,
    HEADER_BYTES,
    Batch,
    Envelope,
    Header,
    Iovec,
    address_of,
    is_wildcard,
    name_bytes,
    send_all,
)

SLOTS = 64  # in one system call
IN_SLOT_BYTES = 4096  # what upstreams answer is longer than what they are asked
_IN_PLACES = tuple(range(0, SLOTS * IN_SLOT_BYTES, IN_SLOT_BYTES))


class Post:
    """Of one socket. A connected one needs no envelopes."""

    def __init__(self, sock: socket.socket, *, connected: bool = False) -> None:
        self._descriptor = sock.fileno()
        self._name_bytes = name_bytes(sock)
        self._names = bytearray(SLOTS * self._name_bytes)
        self._control = bytearray(SLOTS * CONTROL_BYTES)
        self._informed = not connected and is_wildcard(sock)
        self._iovecs = (Iovec * SLOTS)()
        self._headers = (Header * SLOTS)()
        for index, (iovec, header) in enumerate(zip(self._iovecs, self._headers, strict=True)):
            header.iov, header.iov_count = ctypes.addressof(iovec), 1
            if not connected:
                header.name = address_of(self._names) + index * self._name_bytes
                header.name_length = self._name_bytes
            if self._informed:
                header.control = address_of(self._control) + index * CONTROL_BYTES
        words = memoryview(self._iovecs).cast("B").cast("Q")
        self._places, self._lengths = words[0::2], words[1::2]
        self._names_view = memoryview(self._names)
        self._header_bytes = memoryview(self._headers).cast("B")
        self._pristine_headers = bytes(self._header_bytes)

    def send(self, messages: Sequence[bytes], envelopes: Sequence[Envelope] = ()) -> None:
        """What cannot be sent is lost, as it might be on the way."""
        for first in range(0, len(messages), SLOTS):
            end = first + SLOTS
            self._send(messages[first:end], envelopes[first:end])

    def _send(self, messages: Sequence[bytes], envelopes: Sequence[Envelope]) -> None:
        count = len(messages)
        joined = b"".join(messages)
        place = ctypes.cast(ctypes.c_char_p(joined), ctypes.c_void_p).value or 0
        lengths = array("Q", map(len, messages))
        self._lengths[:count] = lengths
        self._places[:count] = array("Q", accumulate(lengths[:-1], initial=place))
        self._header_bytes[: count * HEADER_BYTES] = self._pristine_headers[: count * HEADER_BYTES]
        if envelopes:
            names = b"".join([name for name, _ in envelopes])
            self._names_view[: len(names)] = names
        if self._informed:
            self._address_controls(envelopes)
        send_all(self._descriptor, self._headers, self._header_bytes, count)

    def _address_controls(self, envelopes: Sequence[Envelope]) -> None:
        for index, (_, control) in enumerate(envelopes):
            at = index * CONTROL_BYTES
            self._control[at : at + len(control)] = control
            self._headers[index].control_length = len(control)


class Outgoing:
    """Answers that come later, gathered and sent together."""

    def __init__(self, sock: socket.socket) -> None:
        self._post = Post(sock)
        self._envelopes: list[Envelope] = []
        self._messages: list[bytes] = []

    def add(self, envelopes: Sequence[Envelope], messages: Sequence[bytes]) -> bool:
        """Gather some. True if they are the first: `flush` is due."""
        is_first = not self._messages
        self._envelopes += envelopes
        self._messages += messages
        return is_first

    def flush(self) -> None:
        envelopes, messages = self._envelopes, self._messages
        self._envelopes, self._messages = [], []
        self._post.send(messages, envelopes)


class Connected:
    """A connected socket: messages are gathered and sent together, answers received together."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._post = Post(sock, connected=True)
        self._in = Batch(sock, SLOTS, IN_SLOT_BYTES)
        self._in.forget_names()
        self.queue: list[bytes] = []  # messages to be sent

    def flush(self) -> None:
        """Send what is gathered."""
        self._post.send(self.queue)
        self.queue.clear()

    def receive(self) -> list[bytes]:
        """What has come. OSError if the other side has said that nobody is there."""
        lengths = self._in.receive(refused_is_an_error=True)
        view = self._in.view
        return [
            view[at : at + length].tobytes()
            for at, length in zip(_IN_PLACES, lengths, strict=False)
        ]
