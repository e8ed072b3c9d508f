"""Clients of an Ingress controller that ask all the time, and note what fails."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from polpo.testing.ingress import HERE, Running, ask

PLAIN, SECURE = "plain.example.com", "cafe.example.com"
PACE_S = 0.01


class Load:
    """Clients that ask all the time: with a connection for each request, with TLS, and with one
    that is kept for as long as the server keeps it."""

    def __init__(self, http_port: int, https_port: int) -> None:
        self._ports = http_port, https_port
        self._over = threading.Event()
        self.failed: list[str] = []
        self.answered = 0
        clients = (self._anew, self._anew, self._tls, self._kept)
        self._threads = [threading.Thread(target=self._ask, args=(x,)) for x in clients]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, client: object) -> None:
        answers = client()  # type: ignore[operator]
        while not self._over.wait(PACE_S):
            try:
                status = next(answers)
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                answers = client()  # type: ignore[operator]
                continue
            self.answered += 1
            if status != 200:
                self.failed.append(str(status))
        answers.close()

    def _anew(self) -> Iterator[int]:
        while True:
            yield ask(self._ports[0], "/", PLAIN).status

    def _tls(self) -> Iterator[int]:
        while True:
            yield ask(self._ports[1], "/", SECURE, tls=True).status

    def _kept(self) -> Iterator[int]:
        """HTTP/1.1: who is told `Connection: close` opens another."""
        connection = http.client.HTTPConnection(HERE, self._ports[0], timeout=20)
        with closing(connection):
            while True:
                connection.request("GET", "/", headers={"Host": PLAIN})
                answer = connection.getresponse()
                answer.read()
                yield answer.status


@contextmanager
def load(of: Running) -> Iterator[Load]:
    made = Load(of.http, of.https)
    made.start()
    try:
        yield made
    finally:
        made.stop()
