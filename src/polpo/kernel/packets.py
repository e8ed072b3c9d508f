"""Frames sent at a device, past its stack and its switch (packet(7)). Nothing is received."""

import socket


class Sender:
    """One socket for all devices of the namespace in which it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # 0: hears nothing
        self._socket.setblocking(False)

    def send(self, ifindex: int, frame: bytes) -> None:
        """OSError if the device is gone, down or busy."""
        self._socket.sendto(frame, (socket.if_indextoname(ifindex), 0))

    def close(self) -> None:
        self._socket.close()
