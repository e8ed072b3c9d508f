"""Somebody else says who may come: each request is asked of a URL first (proxy/external.lua)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import token, word

KEYS = ("auth-url", "auth-method", "auth-signin", "auth-signin-redirect-param",
        "auth-response-headers", "auth-request-redirect")  # fmt: skip
GUARDS = True
VARIABLES = ("scheme", "host", "http_host", "best_http_host", "request_uri", "escaped_request_uri")
_URL = re.compile(r"https?://[!-~]{1,2000}")


class External(Feature, frozen=True):
    """Both URLs may have VARIABLES in them, as `$host`."""

    url: str
    method: str = "GET"
    signin: str = ""
    headers: tuple[str, ...] = ()

    def programs(self) -> Iterator[str]:
        yield "external"

    def lines(self, name: str) -> Iterator[str]:
        headers = ",".join(token(header).lower() for header in self.headers)
        for header in self.headers:
            yield f"http-request del-header {token(header)}"
        words = (self.url, self.method, headers or "-", self.signin or "-")
        yield f"http-request lua.polpo_external {' '.join(map(word, words))}"
        yield "http-request redirect code 302 location '%[var(txn.signin)]' " + (
            "if { var(txn.signin) -m found }"
        )
        yield "http-request deny deny_status 401 if { var(txn.external) -m int 401 }"
        yield "http-request deny deny_status 403 if { var(txn.external) -m int 403 }"
        yield "http-request deny deny_status 500 unless { var(txn.external) -m int 200 }"


def read(given: Annotations, asking: Asking) -> External | None:
    url, signin = _url(given, "auth-url"), _url(given, "auth-signin")
    if not url:
        return None
    method = given.text("auth-method", "GET").upper()
    if method not in ("GET", "HEAD", "POST", "PUT"):
        raise Wrong(f"auth-method: {method!r}")
    param = given.text("auth-signin-redirect-param", "rd")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", param):
        raise Wrong(f"auth-signin-redirect-param: {param!r}")
    if signin and f"{param}=" not in signin:
        mark = "&" if "?" in signin else "?"
        back = "$scheme://$http_host$escaped_request_uri"
        signin = f"{signin}{mark}{param}={back}"
    return External(url, method, signin, given.listed("auth-response-headers"))


def _url(given: Annotations, key: str) -> str:
    url = given.text(key)
    if not url:
        return ""
    names = re.findall(r"\$\{?(\w*)\}?", url)
    unknown = [name for name in names if name not in VARIABLES]
    if unknown:
        raise Wrong(f"{key}: the variable ${unknown[0]} is not known")
    if not _URL.fullmatch(url.replace("$scheme", "https")):
        raise Wrong(f"{key}: {url!r} is no URL")
    return url
