"""`GET /v1/hosts/{host}/target?since=R&format=F`: the feed, as one answer that does not end.

Plain ASGI: a stream lives for days, and there are hundreds. Reading on is the agent's pace: what
it has not taken yet stays in the socket, then on the batch where its stream stands.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from polpo.api.hosts_v1.callers import calling_host
from polpo.api.hosts_v1.errors import Refused, refusal
from polpo.api.hosts_v1.parts import Parts
from polpo.model.host import Host
from polpo.store.errors import StoreError
from polpo.target.wire import FORMAT

STALL_S = 60.0
"""An agent that takes nothing for so long is cut; it comes back with what it has."""

HEADERS = [
    (b"content-type", b"application/jsonl"),
    (b"cache-control", b"no-store"),
    (b"connection", b"close"),
]


class FeedEndpoint:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        try:
            host, since = calling_host(self._parts, request), _number(request, "since", 0)
            _refuse_older(host, _number(request, "format", FORMAT))
        except Refused as error:
            await refusal(error)(scope, receive, send)
            return
        gone = asyncio.create_task(_gone(receive))
        try:
            with self._parts.metrics.streams.track_inprogress():
                await self._say(host, since, gone, send)
        finally:
            gone.cancel()

    async def _say(self, host: Host, since: int, gone: "asyncio.Task[None]", send: Send) -> None:
        is_wanted = self._is_wanted(host, gone)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        try:
            async for text in self._parts.feed.stream(host.name, since, is_wanted):
                async with asyncio.timeout(STALL_S):
                    await send({"type": "http.response.body", "body": text, "more_body": True})
                self._parts.metrics.feed_bytes.inc(len(text))
        except (TimeoutError, StoreError):  # too slow; or the database cannot say what changed
            self._parts.metrics.cuts.inc()
            return
        await send({"type": "http.response.body", "body": b""})

    def _is_wanted(self, host: Host, gone: "asyncio.Task[None]") -> Callable[[], bool]:
        """Until the agent hangs up, or its token is not its host's any more."""

        def is_wanted() -> bool:
            holder = self._parts.store.snapshot.holder("host-token", host.token_hash)
            return holder == host.id and not gone.done()

        return is_wanted


def _number(request: HTTPConnection, name: str, absent: int) -> int:
    try:
        return int(request.query_params.get(name, absent))
    except ValueError:
        raise Refused(400, f"{name} must be a whole number.") from None


def _refuse_older(host: Host, format: int) -> None:
    """A newer agent understands all that an older one did; who asks by hand may leave it out."""
    if format < FORMAT:
        words = f"This agent understands rows of format {format}, ours are of format {FORMAT}"
        raise Refused(409, f"{words}: upgrade polpo on {host.name}.")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
