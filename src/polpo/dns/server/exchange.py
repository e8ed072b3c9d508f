"""A request and a response of DNS over HTTPS, whatever HTTP they came in."""

from __future__ import annotations

from typing import NamedTuple

TYPE = "application/dns-message"
LONGEST_BODY = 65535  # of a DNS message


class Request(NamedTuple):
    """`number` is the connection's own: to which request an answer is."""

    number: int
    method: str
    target: str
    type: str
    body: bytes


class Response(NamedTuple):
    """`fresh_s`: for how long caches of HTTP may give it again (RFC 8484 5.1)."""

    status: int
    body: bytes = b""
    fresh_s: int = 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        length = ("content-length", str(len(self.body)))
        if self.status != 200:
            return [length]
        return [("content-type", TYPE), length, ("cache-control", f"max-age={self.fresh_s}")]
