"""Around every request: an id, its measures, the revision it saw. Plain ASGI, for speed."""

import time
import uuid

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polpo.api.metrics import Metrics
from polpo.store.store import Store

REVISION = b"x-polpo-revision"
"""On every answer: a revision that has what the request wrote. `polpo` waits for it by this."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
"""Those that get series of their own: a stranger's words make none."""


class Watched:
    def __init__(self, app: ASGIApp, store: Store, metrics: Metrics) -> None:
        self._app, self._store, self._metrics = app, store, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers()]
                self._measure(scope, message["status"], time.monotonic() - started)
            await send(message)

        await self._app(scope, receive, watched)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-openstack-request-id", f"req-{uuid.uuid4()}".encode()),
            (REVISION, str(self._store.snapshot.revision).encode()),
        ]

    def _measure(self, scope: Scope, code: int, seconds: float) -> None:
        template = _template(scope, code)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, template, code).inc()
        self._metrics.request_time.labels(method, template).observe(seconds)


def _template(scope: Scope, code: int) -> str:
    """The path as its route is written, not as it was asked for: that would be endless.

    Where one route serves all resources of an API (`{path}`), the resource's name is put in;
    names that are no resource's are answered with 404 and do not count by themselves.
    """
    route, prefix = scope.get("route"), str(scope.get("root_path", ""))
    if not isinstance(route, Route):
        return prefix or "none"
    template = prefix + route.path
    if code != 404 and "{path}" in template:
        template = template.replace("{path}", scope["path_params"]["path"])
    return template
