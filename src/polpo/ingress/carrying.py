"""Which of ingress-nginx's annotations carry over, and why others do not."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import NamedTuple

from polpo.ingress import canary
from polpo.ingress.features.every import EVERY

ELSEWHERE = ("server-alias", "backend-protocol", "service-upstream", "ssl-passthrough",
             "from-to-www-redirect")  # fmt: skip
KNOWN = {*(key for kind in EVERY for key in kind.keys), *canary.KEYS, *ELSEWHERE}

SNIPPET = "raw configuration of nginx: whoever may write an Ingress could read all Secrets by it"
LUA = "there is no ModSecurity here; put a web application firewall in front or behind"
REFUSED = {
    "configuration-snippet": SNIPPET,
    "server-snippet": SNIPPET,
    "auth-snippet": SNIPPET,
    "stream-snippet": SNIPPET,
    "modsecurity-snippet": SNIPPET,
    "enable-modsecurity": LUA,
    "modsecurity-transaction-id": LUA,
    "enable-owasp-core-rules": LUA,
    "custom-http-errors": "an answer of an application is not replaced by another's",
    "disable-proxy-intercept-errors": "answers of applications are never replaced",
    "limit-rate": "HAProxy 2.6 does not limit bandwidth; see limit-rps and QoS policies",
    "limit-rate-after": "HAProxy 2.6 does not limit bandwidth; see limit-rps and QoS policies",
    "global-rate-limit": "limits are of each replica; ingress-nginx has given it up, too",
    "global-rate-limit-window": "limits are of each replica",
    "global-rate-limit-key": "limits are of each replica",
    "global-rate-limit-ignored-cidrs": "limits are of each replica",
    "proxy-cookie-domain": "cookies of applications are passed on as they are",
    "proxy-cookie-path": "cookies of applications are passed on as they are",
    "proxy-redirect-from": "redirects of applications are passed on as they are",
    "proxy-redirect-to": "redirects of applications are passed on as they are",
    "satisfy": "who is to be let in has to fulfil all: satisfy any is not there",
    "auth-cache-key": "answers of auth-url are not kept: each request is asked of it",
    "auth-cache-duration": "answers of auth-url are not kept: each request is asked of it",
    "auth-keepalive": "connections to auth-url are HAProxy's own matter",
    "auth-proxy-set-headers": "auth-url gets the request's own headers",
    "auth-always-set-cookie": "cookies of auth-url's answer are not passed on",
    "enable-global-auth": "there is no global auth-url",
    "auth-tls-error-page": "who has no certificate gets status 400",
    "auth-tls-match-cn": "any certificate of the authority is taken",
    "ssl-ciphers": "TLS 1.2 and 1.3 with OpenSSL's choice, for all",
    "ssl-prefer-server-ciphers": "TLS 1.2 and 1.3 with OpenSSL's choice, for all",
    "proxy-ssl-ciphers": "TLS 1.2 and 1.3 with OpenSSL's choice, for all",
    "proxy-ssl-protocols": "TLS 1.2 and 1.3 with OpenSSL's choice, for all",
    "proxy-ssl-verify-depth": "OpenSSL's depth",
    "denylist-source-range-file": "name networks in denylist-source-range",
    "relative-redirects": "redirects are as they are written",
    "upstream-hash-by-subset": "a hash chooses among all endpoints",
    "upstream-hash-by-subset-size": "a hash chooses among all endpoints",
    "rewrite-log": "there is no such log",
    "enable-opentelemetry": "spans are not written",
    "opentelemetry-trust-incoming-span": "spans are not written",
    "opentelemetry-operation-name": "spans are not written",
    "enable-opentracing": "spans are not written",
    "opentracing-trust-incoming-span": "spans are not written",
    "proxy-next-upstream-timeout": "tries are counted, not timed",
}
BUFFERS = "HAProxy passes on what comes as it comes"
HARMLESS = {
    "proxy-buffering": BUFFERS,
    "proxy-buffers-number": BUFFERS,
    "proxy-buffer-size": BUFFERS,
    "proxy-busy-buffers-size": BUFFERS,
    "proxy-max-temp-file-size": BUFFERS,
    "proxy-request-buffering": BUFFERS,
    "client-body-buffer-size": BUFFERS,
    "proxy-http-version": "HTTP/1.1, or 2 by backend-protocol",
    "http2-push-preload": "browsers have given up HTTP/2 push",
    "enable-access-log": "the access log is of all or of none",
    "websocket-services": "WebSockets need no annotation",
    "session-cookie-hash": "a cookie's value is ours to choose",
}


class Finding(NamedTuple):
    """`carries`: yes, harmless (nothing has to be done), or no."""

    annotation: str
    carries: str
    why: str


def findings(annotations: dict[str, str]) -> Iterator[Finding]:
    """Of one Ingress' annotations, without their prefix."""
    for key in sorted(annotations):
        if key in REFUSED:
            yield Finding(key, "no", REFUSED[key])
        elif key in HARMLESS:
            yield Finding(key, "harmless", HARMLESS[key])
        elif key in KNOWN or key.removesuffix("-code") in KNOWN:
            yield Finding(key, "yes", "")
        else:
            near = difflib.get_close_matches(key, KNOWN, 1)
            yield Finding(key, "no", f"nobody knows it{f'; {near[0]}?' if near else ''}")
