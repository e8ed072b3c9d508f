"""`python -m polpo.testing.probe udp|tcp ADDRESS`: asks port 7 every 5 ms and says what came back.

Prints "ready" when answers come, and "again" when some more have come after a line of input.
At end of input prints JSON, when what is on its way has come: datagrams (or requests) `sent` and
`answered`, and `outage_s`, the longest time from one answer to the next.
`python -m polpo.testing.probe echo` is the other side. Nothing of polpo is imported.
"""

import contextlib
import json
import select
import socket
import sys
import threading
import time

PORT, EVERY_S, STEADY, LAST_S = 7, 0.005, 20, 0.5


class Count:
    def __init__(self) -> None:
        self.sent = self.answered = 0
        self.outage_s, self.last = 0.0, 0.0
        self.again_at = 0

    def answer(self) -> None:
        now = time.monotonic()
        if self.answered:
            self.outage_s = max(self.outage_s, now - self.last)
        self.last, self.answered = now, self.answered + 1
        if self.answered == STEADY:
            print("ready", flush=True)
        if self.answered == self.again_at:
            print("again", flush=True)

    def tell(self, ended_at: float) -> None:
        """A silence that lasts to the end counts as well."""
        self.outage_s = max(self.outage_s, ended_at - self.last if self.last else 0.0)
        seen = {"sent": self.sent, "answered": self.answered, "outage_s": self.outage_s}
        print(json.dumps(seen), flush=True)


def ask(kind: str, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    count = Count()
    sock = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    sock.connect((address, PORT))
    if kind == "tcp":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    due = time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic())
        readable, _, _ = select.select([sock, sys.stdin], [], [], wait)
        if sys.stdin in readable:
            if not sys.stdin.readline():
                return end(sock, count)
            count.again_at = count.answered + STEADY
        if sock in readable:
            receive(sock, count)
        if time.monotonic() >= due:
            due += EVERY_S
            if kind == "udp" or count.sent == count.answered:
                send(sock, count)


def end(sock: socket.socket, count: Count) -> None:
    """What is still on its way is not lost."""
    ended_at = time.monotonic()
    while count.answered < count.sent and select.select([sock], [], [], LAST_S)[0]:
        receive(sock, count)
    count.tell(ended_at)


def send(sock: socket.socket, count: Count) -> None:
    with contextlib.suppress(OSError):  # unreachable for the moment: a lost one
        sock.send(b"x" * 64)
    count.sent += 1


def receive(sock: socket.socket, count: Count) -> None:
    try:
        if not sock.recv(64):
            raise SystemExit("the connection was closed")
    except (ConnectionRefusedError, BlockingIOError):
        return
    except ConnectionResetError:
        raise SystemExit("the connection was reset") from None
    count.answer()


def echo() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("", PORT))
        threading.Thread(target=echo_datagrams, args=(sock,), daemon=True).start()
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        threading.Thread(target=echo_stream, args=(server.accept()[0],), daemon=True).start()


def echo_datagrams(sock: socket.socket) -> None:
    while True:
        data, peer = sock.recvfrom(2000)
        try:
            sock.sendto(data, peer)
        except OSError:  # nobody there for the moment
            continue


def echo_stream(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(2000):
                connection.sendall(data)
        except OSError:
            return


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        echo()
    else:
        ask(sys.argv[1], sys.argv[2])
