"""Packets seen at a device as they pass (packet(7)): those alone whose frames end with given bytes.

The filter is in the kernel, so that a busy device costs nothing but the look at the ends.
"""

import contextlib
import ctypes
import socket
import struct
from collections.abc import Iterator

ETH_P_ALL = 3
SO_ATTACH_FILTER = 26
ENDING_BYTES = 16

_Instruction = tuple[int, int, int, int]
_LOAD_LENGTH, _LOAD_WORD_AT_X, _SUBTRACT, _TO_X = 0x80, 0x40, 0x14, 0x07
_IF_AT_LEAST, _IF_EQUAL, _RETURN = 0x35, 0x15, 0x06


class Watch:
    """Made in the namespace of the device: a socket stays in the namespace that it was made in."""

    def __init__(self, device: str, ending: bytes) -> None:
        """OSError if there is no such device. `ending`: 16 bytes."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        try:
            self._attach(ending)
            self._socket.bind((device, ETH_P_ALL))
        except OSError:
            self._socket.close()
            raise

    def _attach(self, ending: bytes) -> None:
        code = b"".join(struct.pack("=HBBI", *step) for step in _ends_with(ending))
        kept = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("@HP", len(code) // 8, ctypes.addressof(kept))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> Iterator[bool]:
        """For each packet that has passed since: whether it went out by the device, or came in."""
        with contextlib.suppress(BlockingIOError):
            while True:
                _, where = self._socket.recvfrom(2048)
                yield where[2] == socket.PACKET_OUTGOING

    def close(self) -> None:
        self._socket.close()


def _ends_with(ending: bytes) -> list[_Instruction]:
    """Classic BPF: the whole packet if its last 16 bytes are these, else nothing of it."""
    words = struct.unpack(">4I", ending)
    steps: list[_Instruction] = [
        (_LOAD_LENGTH, 0, 0, 0),
        (_IF_AT_LEAST, 0, 2 * len(words) + 3, ENDING_BYTES),
        (_SUBTRACT, 0, 0, ENDING_BYTES),
        (_TO_X, 0, 0, 0),
    ]
    for index, word in enumerate(words):
        after = 2 * (len(words) - index) - 1
        steps += [(_LOAD_WORD_AT_X, 0, 0, 4 * index), (_IF_EQUAL, 0, after, word)]
    return [*steps, (_RETURN, 0, 0, 0x40000), (_RETURN, 0, 0, 0)]
