"""A client that opens a connection every 5 ms, and sends a datagram from a socket that stays:
`python asking.py ADDRESS SECONDS UDP_PORT`.

Prints what it saw as JSON. Only the standard library, so that it starts at once.
"""

import contextlib
import itertools
import json
import socket
import sys
import threading
import time

EVERY_S, PATIENCE_S = 0.005, 0.5
LAST_S = 5.0  # for the last datagrams' answers
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def answered(address: str) -> bool:
    try:
        with socket.create_connection((address, 80), timeout=PATIENCE_S) as link:
            link.sendall(REQUEST)
            return b" 200 " in link.recv(64)
    except OSError:
        return False


class Datagrams:
    """From one socket: a flow, whose datagrams all have to find the one member."""

    def __init__(self, address: str, port: int) -> None:
        self._link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._link.connect((address, port))
        self.sent = self._answered = 0

    def send(self) -> None:
        self._link.send(b"?")
        self.sent += 1
        self._take(0.0)  # a socket does not keep many

    def answered(self) -> int:
        """Once no more are to be sent."""
        end = time.monotonic() + LAST_S
        while self._answered < self.sent and time.monotonic() < end:
            self._take(EVERY_S)
        return self._answered

    def _take(self, patience_s: float) -> None:
        self._link.settimeout(patience_s)
        with contextlib.suppress(OSError):
            while self._link.recv(64):
                self._answered += 1


def main() -> None:
    address, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
    datagrams = Datagrams(address, int(sys.argv[3]))
    begun: list[float] = []
    failed: list[float] = []

    def ask() -> None:
        at = time.monotonic()
        (begun if answered(address) else failed).append(at)

    threads = []
    while time.monotonic() < end:
        threads.append(threading.Thread(target=ask))
        threads[-1].start()
        datagrams.send()
        time.sleep(EVERY_S)
    for thread in threads:
        thread.join()
    times = sorted(begun)
    outage_s = max((b - a for a, b in itertools.pairwise(times)), default=PATIENCE_S)
    said = {"asked": len(begun) + len(failed), "failed": len(failed), "outage_s": outage_s}
    lost = datagrams.sent - datagrams.answered()
    print(json.dumps(said | {"datagrams": datagrams.sent, "datagrams_lost": lost}))


if __name__ == "__main__":
    main()
