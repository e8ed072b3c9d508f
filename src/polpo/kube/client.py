"""Asks one API server: whole answers and streams, over connections that are kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlencode, urlsplit

from polpo.kube.configuration import Cluster, ConfigurationError
from polpo.kube.connection import Broken, Connection
from polpo.kube.errors import ApiError, from_body
from polpo.kube.pace import Pace
from polpo.kube.security import Credentials
from polpo.runtime.clock import monotonic

PATIENCE_S = 60.0  # for a whole answer; also what the API server gives itself
CONNECT_S = 10.0
IDLE = 4  # connections kept
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Query = Mapping[str, str | int]
NONE: Query = {}


class Observer:
    """Who wants to know of requests (metrics); this one does not."""

    def asked(self, method: str, host: str, code: str, seconds: float) -> None:
        """An answer's head has come after so long; `code` is HTTP's or "<error>"."""

    def held_back(self, method: str, host: str, seconds: float) -> None:
        """Our own pace had a request wait so long."""


class Client:
    """`agent` is what the server's audit log calls us."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        agent: str = "polpo",
        pace: Pace | None = None,
        observer: Observer | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        parts = urlsplit(cluster.server if "://" in cluster.server else f"http://{cluster.server}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(f"{cluster.server!r} is no address of an API server")
        self.cluster = cluster
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port or (443 if self._tls else 80)
        self._netloc, self._root = parts.netloc, parts.path.rstrip("/")
        self._credentials = Credentials(cluster)
        self._agent, self._pace = agent, pace or Pace()
        self._observer = observer or Observer()
        self._patience_s = patience_s
        self._idle: list[Connection] = []

    async def call(
        self, method: str, path: str, query: Query = NONE, body: bytes = b"", content: str = JSON
    ) -> bytes:
        """The body of a successful answer. Raises ApiError."""
        try:
            async with (
                asyncio.timeout(self._patience_s),
                self._answer(method, path, query, body, content) as connection,
            ):
                return b"".join([piece async for piece in connection.body()])
        except TimeoutError:
            raise ApiError(0, f"no answer of {self._netloc} in {self._patience_s:g} s") from None

    @contextlib.asynccontextmanager
    async def stream(self, path: str, query: Query) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of an answer that takes what it takes. Raises ApiError, also meanwhile."""
        async with self._answer("GET", path, query, b"", JSON) as connection:
            yield self._pieces(connection)

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    @contextlib.asynccontextmanager
    async def _answer(
        self, method: str, path: str, query: Query, body: bytes, content: str
    ) -> AsyncIterator[Connection]:
        """A connection on which an answer of success has begun."""
        wait_s = self._pace.wait_s()
        if wait_s:
            await asyncio.sleep(wait_s)
        self._observer.held_back(method, self._netloc, wait_s)
        target = self._root + quote(path) + (f"?{urlencode(query)}" if query else "")
        connection = await self._begun(method, target, body, content)
        try:
            if connection.status >= 300:
                text = b"".join([piece async for piece in connection.body()])
                after = connection.headers.get("retry-after", "")
                raise from_body(connection.status, text, after)
            yield connection
        except Broken as error:
            raise ApiError(0, f"{self._netloc}: {error}") from error
        finally:
            if connection.reusable and len(self._idle) < IDLE:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _begun(self, method: str, target: str, body: bytes, content: str) -> Connection:
        """Asks, once more with a token read anew if the first is refused."""
        connection = await self._asked(method, target, body, content, refused=False)
        if connection.status == 401 and self.cluster.token_file:
            await connection.close()
            connection = await self._asked(method, target, body, content, refused=True)
        return connection

    async def _asked(
        self, method: str, target: str, body: bytes, content: str, *, refused: bool
    ) -> Connection:
        """A kept connection may be closed by the server just now: then a new one is tried."""
        begun, code = monotonic(), "<error>"
        try:
            request = self._request(method, target, body, content, refused)
            async with asyncio.timeout(self._patience_s), self._pace.inflight():
                connection = await self._on_some_connection(method, request)
            code = str(connection.status)
            return connection
        except (Broken, ConfigurationError) as error:
            raise ApiError(0, f"{self._netloc}: {error}") from error
        except TimeoutError:
            raise ApiError(0, f"no answer of {self._netloc} in {self._patience_s:g} s") from None
        finally:
            self._observer.asked(method, self._netloc, code, monotonic() - begun)

    async def _on_some_connection(self, method: str, request: bytes) -> Connection:
        """What makes something is not asked twice: the first may have been heard."""
        while self._idle and method != "POST":
            kept = self._idle.pop()
            try:
                return await _sent(kept, request)
            except Broken as error:
                if not error.untouched:
                    raise
        context = self._credentials.context() if self._tls else None
        try:
            async with asyncio.timeout(CONNECT_S):
                fresh = await Connection.open(
                    self._host, self._port, context, self.cluster.server_name
                )
        except TimeoutError:
            raise Broken(f"no connection in {CONNECT_S:g} s", untouched=True) from None
        return await _sent(fresh, request)

    def _request(self, method: str, target: str, body: bytes, content: str, refused: bool) -> bytes:
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {self._netloc}",
            f"User-Agent: {self._agent}",
            f"Accept: {JSON}",
        ]
        authorization = self._credentials.authorization(refused=refused)
        if authorization:
            lines.append(f"Authorization: {authorization}")
        if body:
            lines += [f"Content-Type: {content}", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "\r\n"]).encode() + body

    async def _pieces(self, connection: Connection) -> AsyncIterator[bytes]:
        try:
            async for piece in connection.body():
                yield piece
        except Broken as error:
            raise ApiError(0, f"{self._netloc}: {error}") from error


async def _sent(connection: Connection, request: bytes) -> Connection:
    """A connection is not left open when what was to be sent on it is given up."""
    try:
        await connection.send(request)
    except BaseException:
        await connection.close()
        raise
    return connection
