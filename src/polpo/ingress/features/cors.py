"""Cross-origin requests (the Fetch standard's CORS protocol), answered for the application."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import fmt, word

KEYS = ("enable-cors", "cors-allow-origin", "cors-allow-methods", "cors-allow-headers",
        "cors-allow-credentials", "cors-expose-headers", "cors-max-age")  # fmt: skip
GUARDS = False
METHODS = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
HEADERS = (
    "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,"
    "Range,Authorization"
)
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://(\*\.)?[A-Za-z0-9_.-]+(:[0-9]+)?", re.I)
_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]*")


class Cors(Feature, frozen=True):
    """`origins` may have a wildcard for what comes before a name. `strict`: an OPTIONS request is a
    preflight only if it says so, and then it is always answered (ingress-nginx: if it may)."""

    origins: tuple[str, ...]
    methods: str
    headers: str
    credentials: bool
    exposed: str
    max_age_s: int
    strict: bool = False

    def lines(self, name: str) -> Iterator[str]:
        anybody = "*" in self.origins
        yield "http-request set-var(txn.origin) req.hdr(origin)"
        fits = "{ var(txn.origin) -m found }"
        if not anybody:
            fits = f"{{ var(txn.origin) -m reg -- {word(_pattern(self.origins))} }}"
        yield f"http-request set-var(txn.cors) bool(true) if {fits}"
        asks = "{ method OPTIONS } { var(txn.cors) -m bool }"
        if self.strict:
            asks += " { req.hdr(access-control-request-method) -m found }"
        told = list(self._told())
        more = [*told, *self._preflight()]
        words = " ".join(f"hdr {header} {value}" for header, value in more)
        yield f"http-request return status 204 {words} if {asks}"
        if self.strict:
            asks = asks.replace("{ var(txn.cors) -m bool }", "{ req.hdr(origin) -m found }")
            yield f"http-request return status 204 if {asks}"
        for header, value in told:
            yield f"http-response set-header {header} {value} if {{ var(txn.cors) -m bool }}"

    def _told(self) -> Iterator[tuple[str, str]]:
        anybody = "*" in self.origins and not self.credentials
        yield "Access-Control-Allow-Origin", "'*'" if anybody else "'%[var(txn.origin)]'"
        if not anybody:
            yield "Vary", "Origin"
        if self.credentials:
            yield "Access-Control-Allow-Credentials", "true"
        if self.exposed:
            yield "Access-Control-Expose-Headers", fmt(self.exposed)

    def _preflight(self) -> Iterator[tuple[str, str]]:
        methods, headers = fmt(self.methods), fmt(self.headers)
        if self.methods == "*":
            methods = "'%[req.hdr(access-control-request-method)]'"
        if self.headers == "*":
            headers = "'%[req.fhdr(access-control-request-headers)]'"
        if self.methods:
            yield "Access-Control-Allow-Methods", methods
        if self.headers:
            yield "Access-Control-Allow-Headers", headers
        yield "Access-Control-Max-Age", str(self.max_age_s)


def _pattern(origins: tuple[str, ...]) -> str:
    texts = [re.escape(origin).replace(r"\*", "[A-Za-z0-9_.-]+") for origin in origins]
    return f"^(?i)(?:{'|'.join(texts)})$"


def read(given: Annotations, asking: Asking) -> Cors | None:
    if not given.flag("enable-cors"):
        return None
    origins = given.listed("cors-allow-origin") or ("*",)
    wrong = [origin for origin in origins if not _ORIGIN.fullmatch(origin)]
    if wrong:
        raise Wrong(f"cors-allow-origin: {wrong[0]!r} is no origin, such as https://example.com")
    return Cors(
        origins,
        _list(given, "cors-allow-methods", METHODS),
        _list(given, "cors-allow-headers", HEADERS),
        given.flag("cors-allow-credentials", True),
        _list(given, "cors-expose-headers", ""),
        given.number("cors-max-age", 0, 86_400_000, 1_728_000),
    )


def _list(given: Annotations, key: str, default: str) -> str:
    text = given.text(key, default) or default
    if not _LIST.fullmatch(text):
        raise Wrong(f"{key}: {text!r} is no list of names")
    return text
