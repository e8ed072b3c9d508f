"""Where load balancers outside ask whether a host has backends of a Service: healthCheckNodePort.

One socket for each such port, on all of the host's addresses, answered as kube-proxy does: 200
with the count of ready backends on the host, 503 if there is none. `/healthz` at 10256 says
whether the host carries Services at all. What is counted is asked of the rows when somebody asks.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from polpo.agent.one_request import serve
from polpo.runtime.room import Room

PROXY_PORT = 10256
REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}


class Asked(NamedTuple):
    """What is at a port: a Service (<namespace>/<name>) and its ready backends on the host."""

    name: str
    ready: int


class Answer(NamedTuple):
    status: int
    body: object
    fields: tuple[tuple[str, str], ...] = ()

    def packed(self) -> bytes:
        body = json.dumps(self.body, indent="\t").encode()
        fields = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
        fields |= {**dict(self.fields), "Content-Length": str(len(body)), "Connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {self.status} {REASONS[self.status]}\r\n{lines}\r\n".encode() + body


def of_service(asked: Asked, healthy: bool) -> Answer:
    namespace, _, name = asked.name.partition("/")
    body = {
        "service": {"namespace": namespace, "name": name},
        "localEndpoints": asked.ready,
        "serviceProxyHealthy": healthy,
    }
    weight = ("X-Load-Balancing-Endpoint-Weight", str(asked.ready))
    return Answer(200 if asked.ready and healthy else 503, body, (weight,))


def of_proxy(path: str, healthy: bool) -> Answer:
    if path not in ("/healthz", "/livez"):
        return Answer(404, {"message": "see /healthz"})
    return Answer(200 if healthy else 503, {"healthy": healthy})


class Health:
    """Ports are opened and closed as Services come and go."""

    def __init__(
        self,
        ports: Callable[[], Mapping[int, str]],
        asked: Callable[[int], Asked | None],
        healthy: Callable[[], bool],
        carries: bool,
    ) -> None:
        """ports: those that should be open, with what for; carries: whether the host has pods."""
        self._ports, self._asked, self._healthy = ports, asked, healthy
        self._carries, self._room = carries, Room()
        self._open: dict[int, asyncio.Server] = {}
        self._failed: dict[int, str] = {}
        self._log = structlog.get_logger("polpo.agent")

    async def look(self) -> None:
        """Open what is wanted, close what is not any more."""
        wanted = dict(self._ports()) | ({PROXY_PORT: "healthz"} if self._carries else {})
        for port in self._open.keys() - wanted.keys():
            self._open.pop(port).close()
        for port in sorted(wanted.keys() - self._open.keys()):
            await self._listen(port, wanted[port])
        self._failed = {port: why for port, why in self._failed.items() if port in wanted}

    async def _listen(self, port: int, what: str) -> None:
        try:
            self._open[port] = await asyncio.start_server(
                lambda reader, writer: self._serve(port, reader, writer), None, port
            )
        except OSError as error:
            if self._failed.get(port) != str(error):
                self._log.error("no health check", port=port, service=what, reason=str(error))
            self._failed[port] = str(error)
        else:
            self._failed.pop(port, None)

    def close(self) -> None:
        for server in self._open.values():
            server.close()
        self._open = {}

    async def _serve(
        self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with self._room.place():
            await serve(reader, writer, lambda head: self.answer(port, head).packed())

    def answer(self, port: int, head: bytes) -> Answer:
        path = (head.split(b" ", 2)[1:2] or [b""])[0].decode(errors="replace").partition("?")[0]
        asked = self._asked(port)
        if asked is not None:
            return of_service(asked, self._healthy())
        return of_proxy(path, self._healthy())
