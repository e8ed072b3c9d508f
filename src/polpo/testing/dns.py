"""`polpo dns` as a process of its own, and clients with sockets of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polpo.dns.wire.message import Message, read_message
from polpo.dns.wire.name import from_text
from polpo.dns.wire.registry import type_number
from polpo.dns.wire.render import render_query
from polpo.testing import free

STARTED = "Running configuration"
LONGEST_S = 60.0


class DnsProcess:
    """`PORT` and `HTTP` in the Corefile are free ports."""

    def __init__(self, folder: Path, corefile: str, *options: str) -> None:
        self.port, self.http = free.port(), free.port()
        self.corefile = folder / "Corefile"
        self.log = folder / "dns.log"
        self.write(corefile)
        command = [sys.executable, "-m", "polpo.apps.dns", "-conf", str(self.corefile), *options]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self._workers: list[int] = []

    def write(self, corefile: str) -> None:
        text = corefile.replace("PORT", str(self.port)).replace("HTTP", str(self.http))
        new = self.corefile.with_suffix(".new")
        new.write_text(text)
        new.rename(self.corefile)

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until the log has these words so often."""
        ends = time.monotonic() + LONGEST_S
        while self.log.read_text().count(words) < times:
            if self.process.poll() is not None or time.monotonic() > ends:
                raise AssertionError(f"{words!r} was never said:\n{self.log.read_text()}")
            time.sleep(0.02)

    def workers(self) -> list[int]:
        """Process numbers of the workers: children of the nursery, control's first child."""
        nursery, *others = children(self.process.pid)
        return [*children(nursery), *others]

    def ask(self, name: str, type: str = "A", *, tcp: bool = False, port: int = 0) -> Message:
        with self.client(tcp=tcp, port=port) as client:
            return client.ask(name, type)

    @contextmanager
    def client(self, *, tcp: bool = False, port: int = 0) -> Iterator[Client]:
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.settimeout(30)
            sock.connect(("127.0.0.1", port or self.port))
            yield Client(sock, tcp)

    def get(self, path: str) -> tuple[int, str]:
        """A page of its HTTP port."""
        with socket.create_connection(("127.0.0.1", self.http), timeout=30) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: sock.recv(65536), b""))
        head, _, body = answer.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def kill_control(self) -> list[int]:
        """kill -9 of control alone; who is left."""
        self._workers = self.workers()
        self.process.kill()
        self.process.wait()
        return self._workers

    def stop(self) -> None:
        if self.process.poll() is None:
            self._workers += self.workers()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LONGEST_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Processes that it has started and that are there still."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Client:
    """One socket."""

    def __init__(self, sock: socket.socket, tcp: bool) -> None:
        self.socket = sock
        self._tcp = tcp
        self._id = 0

    def ask(self, name: str, type: str = "A") -> Message:
        self._id = (self._id + 1) % 65536
        query = render_query(self._id, from_text(name), type_number(type))
        self.send(query)
        message = read_message(self.receive())
        assert message.id == self._id
        return message

    def send(self, message: bytes) -> None:
        head = len(message).to_bytes(2, "big") if self._tcp else b""
        self.socket.sendall(head + message)

    def receive(self) -> bytes:
        if not self._tcp:
            return self.socket.recv(65535)
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError("the server has closed the connection")
            data += more
        return data
