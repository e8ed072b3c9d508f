"""How long things may take, and how often they are tried."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong

KEYS = ("proxy-connect-timeout", "proxy-read-timeout", "proxy-send-timeout", "proxy-next-upstream",
        "proxy-next-upstream-tries")  # fmt: skip
GUARDS = False
ON = {
    "error": "conn-failure empty-response",
    "timeout": "response-timeout",
    "invalid_header": "junk-response",
    "http_404": "404",
    "http_403": "",
    "http_429": "",
    "http_500": "500",
    "http_502": "502",
    "http_503": "503",
    "http_504": "504",
    "non_idempotent": "",
}


class Times(Feature, frozen=True):
    """0 is the default; `idle_ms` also of WebSockets. `again`: after what it is tried anew, if it
    harms nothing."""

    connect_ms: int = 0
    idle_ms: int = 0
    tries: int = 0
    again: tuple[str, ...] = ()
    off: bool = False

    def lines(self, name: str) -> Iterator[str]:
        if self.connect_ms:
            yield f"timeout connect {self.connect_ms}ms"
        if self.idle_ms:
            yield f"timeout server {self.idle_ms}ms"
            yield f"timeout tunnel {self.idle_ms}ms"
        if self.off or self.tries:
            yield f"retries {0 if self.off else self.tries - 1}"
        if self.again:
            yield f"retry-on {' '.join(self.again)}"
            yield "http-request disable-l7-retry unless { method GET HEAD OPTIONS PUT DELETE }"


def read(given: Annotations, asking: Asking) -> Times | None:
    read_ms, send_ms = (given.milliseconds(f"proxy-{x}-timeout") for x in ("read", "send"))
    words = given.text("proxy-next-upstream").split()
    unknown = [word for word in words if word not in ON and word != "off"]
    if unknown:
        raise Wrong(f"proxy-next-upstream: {unknown[0]!r} is not known")
    again = dict.fromkeys(part for word in words for part in ON.get(word, "").split())
    found = Times(
        given.milliseconds("proxy-connect-timeout"),
        max(read_ms, send_ms),
        given.number("proxy-next-upstream-tries", 0, 20),
        tuple(again),
        "off" in words,
    )
    return found if found != Times() else None
