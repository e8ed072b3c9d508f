"""An Ingress controller with a real HAProxy, and applications behind it that say what they got."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from polpo.ingress.composing import Ours
from polpo.ingress.controller import Controller
from polpo.ingress.gateway.keeping import Keeping
from polpo.ingress.gateway.telling import Telling
from polpo.ingress.plan import Door
from polpo.ingress.proxy.haproxy import Haproxy
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.reporting import Reporting
from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.events import Events
from polpo.testing import free

HERE = "127.0.0.1"
OTHER = "haproxy" if os.geteuid() == 0 else ""  # as `polpo ingress` has it


class Answer(NamedTuple):
    """`seen` is what the application says that it has got."""

    status: int
    headers: dict[str, str]
    seen: dict[str, Any]
    text: str

    @property
    def by(self) -> str:
        return str(self.seen.get("app", ""))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *words: Any) -> None:
        """Whoever asked has gone: nothing to say."""


class App:
    """Answers every request with its own name and what it was asked, as JSON."""

    def __init__(self, name: str, address: str = HERE) -> None:
        app = self
        self.name = name
        self.status = 200
        self.extra: dict[str, str] = {}
        self.requests = 0
        self.last: dict[str, Any] = {}  # what was seen last

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                app.requests += 1
                seen = {
                    "app": app.name,
                    "method": self.command,
                    "path": self.path,
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "length": len(body),
                }
                app.last = seen
                text = json.dumps(seen).encode()
                self.send_response(app.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for key, value in app.extra.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = answer

            def log_message(self, *words: Any) -> None:
                """Says nothing."""

        self._server = Server((address, 0), Handler)
        self.address, self.port = address, self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Running:
    """A controller in the test's own loop."""

    def __init__(self, client: Client, folder: Path, **of: Any) -> None:
        self.http, self.https, self.forwarded = free.port(), free.port(), free.port()
        doors = (
            Door("http", self.http, False, HERE, 80),
            Door("https", self.https, True, HERE, 443),
            Door("forwarded", self.forwarded, False, HERE, 80, forwarded=True),
        )
        self.settings = Settings(place=folder, threads=1, user=OTHER, **of.pop("settings", {}))
        self.haproxy = Haproxy(self.settings)
        ours = Ours(doors=doors, **of.pop("ours", {}))
        api = Api(client, "polpo-ingress")
        self.reporting = Reporting(api, Events(api, ours.controller, "test"))
        self.telling = Telling(api, ours.gateways)
        self.keeping = Keeping(api, ours.exposure.namespace if ours.exposure else "")
        self.controller = Controller(
            client,
            self.haproxy,
            ours,
            self.reporting,
            telling=self.telling,
            keeping=self.keeping if ours.exposure else None,
            **of,
        )

    def get(self, url: str, host: str = "", **of: Any) -> Answer:
        """`url` as `/path`, `http://host/path` or `https://host/path`."""
        tls = url.startswith("https://")
        if "://" in url:
            host, slash, path = url.partition("://")[2].partition("/")
            url = slash + path or "/"
        return ask(self.https if tls else self.http, url, host, tls=tls, **of)

    async def eventually(self, url: str, host: str = "", *, wanted: Any = 200, **of: Any) -> Answer:
        """Asked again until it is so: a status, or the name of an application."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    found = await asyncio.to_thread(self.get, url, host, **of)
                    if wanted in (found.status, found.by):
                        return found
                await asyncio.sleep(0.02)


def ask(
    port: int,
    path: str,
    host: str,
    *,
    tls: bool = False,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    name: str | None = None,
    address: str = HERE,
    own: Path | None = None,
) -> Answer:
    """One request on a connection of its own. `name`: of the TLS session, if another; `own`: a
    file with the client's certificate and key."""
    with socket.create_connection((address, port), timeout=20) as plain:
        link: socket.socket = plain
        if tls:
            context = trusting()
            if own is not None:
                context.load_cert_chain(own)
            link = context.wrap_socket(plain, server_hostname=name if name is not None else host)
        with contextlib.closing(link):
            connection = http.client.HTTPConnection(host or address)
            connection.sock = link
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
    try:
        seen = json.loads(text)
    except ValueError:
        seen = {}
    found = {key.lower(): value for key, value in answer.getheaders()}
    return Answer(answer.status, found, seen if isinstance(seen, dict) else {}, text)


def trusting() -> ssl.SSLContext:
    """A client's, who believes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def certificate(port: int, name: str) -> str:
    """What is shown to who asks for a name (PEM)."""
    context = trusting()
    link = socket.create_connection((HERE, port), timeout=20)
    with context.wrap_socket(link, server_hostname=name) as session:
        return ssl.DER_cert_to_PEM_cert(session.getpeercert(True) or b"")


@contextlib.contextmanager
def apps(*names: str) -> Iterator[dict[str, App]]:
    made = {name: App(name) for name in names}
    try:
        yield made
    finally:
        for app in made.values():
            app.close()


@contextlib.asynccontextmanager
async def running(client: Client, folder: Path, **of: Any) -> AsyncIterator[Running]:
    """Until the block ends; what fails in it fails the test."""
    made = Running(client, folder, **of)
    parts = (made.controller, made.reporting, made.telling, made.keeping)
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield made
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(made.haproxy.end, 0.0)
    for result in done:
        if isinstance(result, Exception):
            raise result
