"""A redirect that keeps what it is not told to change (Gateway API's RequestRedirect).

The rest of a path after a replaced prefix is passed on as it came, encoded as it was. A request
whose prefix was only found after decoding (`/%66oo`) is refused: nobody could say what its rest is.
"""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.plan import Feature
from polpo.kernel.haproxy.words import fmt, word


class NewPath(Feature, frozen=True):
    """In place of a prefix, or ("") of all; the query is kept."""

    path: str
    prefix: str = ""

    def lines(self, name: str) -> Iterator[str]:
        """The new path in txn.to, the query with its mark in txn.query."""
        yield "http-request set-var-fmt(txn.query) ?%[query] if { query -m len gt 0 }"
        if not self.prefix:
            yield f"http-request set-var-fmt(txn.to) {fmt(self.path)}"
            return
        old, new = self.prefix.rstrip("/"), self.path.rstrip("/")
        if old:
            yield f"http-request deny deny_status 400 unless {{ path -m beg {word(old)} }}"
        yield f"http-request set-var(txn.rest) path,bytes({len(old.encode())})"
        if new:
            yield f"http-request set-var-fmt(txn.to) {fmt(new)}%[var(txn.rest)]"
            return
        yield "http-request set-var(txn.to) str(/)"
        yield "http-request set-var(txn.to) var(txn.rest) if { var(txn.rest) -m beg / }"


class Rerouted(Feature, frozen=True):
    """`host` "" is the one asked for, `port` 0 the scheme's usual one."""

    scheme: str
    host: str
    port: int
    path: NewPath | None
    code: int

    def lines(self, name: str) -> Iterator[str]:
        to = "%[pathq]"
        if self.path is not None:
            yield from self.path.lines(name)
            to = "%[var(txn.to)]%[var(txn.query)]"
        host = fmt(self.host) if self.host else "%[req.hdr(host),host_only]"
        port = f":{self.port}" if self.port else ""
        location = f"{fmt(self.scheme)}://{host}{port}{to}"
        yield f"http-request redirect code {self.code} location {location}"
