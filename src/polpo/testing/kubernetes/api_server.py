"""A Kubernetes API server small enough to read, on a real socket, that fails when it is told to.

It lists in pages, watches with bookmarks, forgets (410), and takes POST, PUT, PATCH (merge) and
DELETE. What it is not: defaults, validation, admission; tests against the real one are beside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httptools

from polpo.testing.kubernetes.objects import Object
from polpo.testing.kubernetes.stored import PLURALS, Entry, Failure, Stored, merged, selected

JSON = "Content-Type: application/json\r\n"
KINDS = {plural: kind for kind, plural in PLURALS.items()}


class _Request:
    def __init__(self) -> None:
        self.url, self.body, self.headers = b"", b"", dict[str, str]()
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class ApiServer:
    """`objects` is what it has; `refuse` the status of every answer (0: none), `hang` says nothing
    more on any connection, `token` is what it wants to see; `asked` is every request's line. Each
    group has all kinds that are not `undefined`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.stored = Stored()
        self.port = 0
        self.refuse, self.retry_after_s = 0, 0
        self.hang = False
        self.undefined: set[str] = set()
        self.token = ""
        self.asked: list[str] = []
        self.tokens: list[str] = []  # seen
        self._tls = tls
        self._pages: dict[str, list[Object]] = {}
        self._news = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """On the port of the last time, if there was one."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Away: nobody listens, no connection lives."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """All connections that there are."""
        for writer in list(self._open):
            writer.transport.abort()

    def put(self, *objects: Object) -> None:
        for item in objects:
            self.stored.put(item)
        self._tell()

    def remove(self, *objects: Object) -> None:
        for item in objects:
            self.stored.remove(item)
        self._tell()

    def forget(self) -> None:
        """History and lists that are half given."""
        self.stored.forget()
        self._pages.clear()
        self._tell()

    def bookmark(self, plural: str) -> None:
        """All watches of a kind learn the newest revision."""
        meta = {"resourceVersion": str(self.stored.revision)}
        mark = {"kind": KINDS[plural], "metadata": meta}
        self.stored.history.append(Entry(self.stored.revision, plural, "BOOKMARK", mark))
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async for method, request in _requests(reader):
                await self._answer(method, request, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            with contextlib.suppress(OSError):
                writer.transport.abort()

    async def _answer(self, method: str, request: _Request, writer: asyncio.StreamWriter) -> None:
        url = urlsplit(request.url.decode())
        query = dict(parse_qsl(url.query))
        self.asked.append(f"{method} {request.url.decode()}")
        self.tokens.append(request.headers.get("authorization", ""))
        try:
            while self.hang:
                await self._news.wait()
            self._check(request)
            if url.path.count("/") == 3 and url.path.startswith("/apis/"):
                there = KINDS.keys() - self.undefined
                _write(writer, 200, {"resources": [{"name": name} for name in there]}, 0)
                return
            where = _place(unquote(url.path))
            if "watch" in query:
                await self._watch(where, query, writer)
                return
            code, body = 200, self._done(method, where, query, request)
            if method == "POST":
                code = 201
        except Failure as failure:
            code, body = failure.code, _status(failure)
        _write(writer, code, body, self.retry_after_s)
        await writer.drain()

    def _check(self, request: _Request) -> None:
        if self.refuse:
            raise Failure(self.refuse, "Refused", "as the test wants")
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            raise Failure(401, "Unauthorized", "Unauthorized")

    def _done(
        self, method: str, where: tuple[str, str, str], query: dict[str, str], request: _Request
    ) -> Any:
        plural, namespace, name = where
        given = json.loads(request.body) if request.body else {}
        if method == "GET":
            return self.stored.one(*where) if name else self._list(plural, namespace, query)
        if method == "DELETE":
            answer = self.stored.remove(self.stored.one(*where))
        elif method == "POST":
            name = given["metadata"]["name"]
            if (plural, namespace, name) in self.stored.objects:
                raise Failure(409, "AlreadyExists", f'{plural} "{name}" already exists')
            answer = self.stored.put({"kind": KINDS[plural]} | given)
        elif (
            "apply" in request.headers.get("content-type", "") and where not in self.stored.objects
        ):
            answer = self.stored.put(given)
        else:
            old = self.stored.one(*where)
            wanted = given.get("metadata", {}).get("resourceVersion")
            if wanted and wanted != old["metadata"]["resourceVersion"]:
                raise Failure(409, "Conflict", "the object has been modified")
            answer = self.stored.put(merged(old, given) if method == "PATCH" else old | given)
        self._tell()
        return answer

    def _list(self, plural: str, namespace: str, query: dict[str, str]) -> Object:
        limit = int(query.get("limit", 0))
        revision, _, offset = query.get("continue", f"{self.stored.revision}:0").partition(":")
        token = f"{revision}/{plural}/{namespace}"
        if "continue" not in query:
            self._pages[token] = self.stored.all(plural, namespace, query.get("labelSelector", ""))
        elif token not in self._pages:
            raise Failure(410, "Expired", "The provided continue parameter is too old")
        items = self._pages[token]
        end = int(offset) + limit if limit else len(items)
        meta = {"resourceVersion": revision}
        if end < len(items):
            meta["continue"] = f"{revision}:{end}"
        page = items[int(offset) : end]
        return {"kind": f"{KINDS[plural]}List", "metadata": meta, "items": page or None}

    async def _watch(
        self, where: tuple[str, str, str], query: dict[str, str], writer: asyncio.StreamWriter
    ) -> None:
        plural, namespace, _ = where
        seen = int(query["resourceVersion"])
        self.stored.since(seen, plural)
        writer.write(f"HTTP/1.1 200 OK\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n".encode())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(query.get("timeoutSeconds", 3600))):
                async for entry in self._since(seen, plural):
                    meta = entry.object["metadata"]
                    mark = entry.type in ("BOOKMARK", "ERROR")
                    inside = namespace in ("", meta.get("namespace"))
                    matches = selected(entry.object, query.get("labelSelector", ""))
                    if mark or (inside and matches):
                        _chunk(writer, {"type": entry.type, "object": entry.object})
                        await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def _since(self, seen: int, plural: str) -> AsyncIterator[Entry]:
        place = next(
            (i for i, e in enumerate(self.stored.history) if e.revision > seen),
            len(self.stored.history),
        )
        history = self.stored.history
        while True:
            news = self._news
            if seen < self.stored.oldest and place > len(history):
                failure = Failure(410, "Expired", "too old resource version")
                yield Entry(0, plural, "ERROR", _status(failure) | {"metadata": {}})
                return
            while place < len(history) and not self.hang:
                entry = history[place]
                place, seen = place + 1, entry.revision
                if entry.plural == plural:
                    yield entry
            await news.wait()


async def until(true: Callable[[], bool], patience_s: float = 60.0) -> None:
    """What a test waits for. Raises TimeoutError."""
    async with asyncio.timeout(patience_s):
        while not true():  # noqa: ASYNC110 - of anything that a test can see
            await asyncio.sleep(0.005)


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[tuple[str, _Request]]:
    """Those of one connection, one after the other."""
    while True:
        request = _Request()
        parser = httptools.HttpRequestParser(request)
        while not request.complete:
            data = await reader.read(1 << 16)
            if not data:
                return
            parser.feed_data(data)
        yield parser.get_method().decode(), request


def _place(path: str) -> tuple[str, str, str]:
    """Plural, namespace and name of a path; a subresource is its object."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces" and parts[2] in KINDS:
        namespace, parts = parts[1], parts[2:]
    if not parts or parts[0] not in KINDS:
        raise Failure(404, "NotFound", "the server could not find the requested resource")
    return parts[0], namespace, parts[1] if len(parts) > 1 else ""


def _status(failure: Failure) -> Object:
    said = {"code": failure.code, "reason": failure.reason, "message": str(failure)}
    return {"kind": "Status", "status": "Failure"} | said


def _write(writer: asyncio.StreamWriter, code: int, body: Any, retry_after_s: int) -> None:
    text = json.dumps(body).encode()
    after = f"Retry-After: {retry_after_s}\r\n" if retry_after_s else ""
    head = f"HTTP/1.1 {code} X\r\n{JSON}Content-Length: {len(text)}\r\n{after}\r\n"
    writer.write(head.encode() + text)


def _chunk(writer: asyncio.StreamWriter, event: Any) -> None:
    line = json.dumps(event).encode() + b"\n"
    writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
