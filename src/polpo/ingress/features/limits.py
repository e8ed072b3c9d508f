"""How much one client's address may ask for.

Counted in windows of one and ten seconds (a minute for limit-rpm), which comes to what ingress-
nginx's buckets do: so many a second for long, and a burst of so many times that.
"""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.access import acl
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature

KEYS = ("limit-rps", "limit-rpm", "limit-connections", "limit-burst-multiplier", "limit-whitelist",
        "limit-allowlist")  # fmt: skip
GUARDS = False
MOST = 1_000_000


class Limits(Feature, frozen=True):
    """0 is no limit."""

    per_s: int = 0
    per_min: int = 0
    connections: int = 0
    burst: int = 5
    free: tuple[str, ...] = ()

    def lines(self, name: str) -> Iterator[str]:
        rates = "http_req_rate(1s),gpc0,gpc0_rate(10s),gpc1,gpc1_rate(1m),conn_cur"
        yield f"stick-table type ipv6 size 100k expire 2m store {rates}"
        yield from acl("free", self.free)
        counted = " unless free" if self.free else ""
        yield f"http-request track-sc0 src{counted}"
        yield f"http-request sc-inc-gpc0(0){counted}"
        yield f"http-request sc-inc-gpc1(0){counted}"
        too_much = []
        if self.per_s:
            too_much.append(f"sc_http_req_rate(0) gt {self.per_s * (1 + self.burst)}")
            too_much.append(f"sc_gpc0_rate(0) gt {self.per_s * (10 + self.burst)}")
        if self.per_min:
            too_much.append(f"sc_gpc1_rate(0) gt {self.per_min * (1 + self.burst)}")
        if self.connections:
            too_much.append(f"sc_conn_cur(0) gt {self.connections}")
        for condition in too_much:
            yield f"http-request deny deny_status 503 if {{ {condition} }}"


def read(given: Annotations, asking: Asking) -> Limits | None:
    found = Limits(
        given.number("limit-rps", 0, MOST),
        given.number("limit-rpm", 0, MOST),
        given.number("limit-connections", 0, MOST),
        given.number("limit-burst-multiplier", 1, 1000, 5),
        given.networks("limit-allowlist") or given.networks("limit-whitelist"),
    )
    return found if found.per_s or found.per_min or found.connections else None
