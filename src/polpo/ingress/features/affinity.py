"""The same client to the same endpoint: by a cookie, or by a hash of what it asks.

A cookie's value is made of the endpoint's address: all replicas, and any of us after a restart,
give and understand the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import token, word

KEYS = ("affinity", "affinity-mode", "affinity-canary-behavior", "session-cookie-name",
        "session-cookie-path", "session-cookie-domain", "session-cookie-expires",
        "session-cookie-max-age", "session-cookie-samesite", "session-cookie-secure",
        "session-cookie-change-on-failure", "session-cookie-conditional-samesite-none",
        "upstream-hash-by", "load-balance")  # fmt: skip
GUARDS = False
WHAT = {"$remote_addr": "source", "$binary_remote_addr": "source", "$request_uri": "uri whole",
        "$uri": "uri", "$host": "hdr(host)", "$http_host": "hdr(host)"}  # fmt: skip
_VARIABLE = re.compile(r"\$(http|cookie|arg)_([A-Za-z0-9_]{1,100})")
HOW = {"round_robin": "roundrobin", "ewma": "leastconn", "least_conn": "leastconn",
       "ip_hash": "source"}  # fmt: skip


class Cookie(Feature, frozen=True):
    name: str
    attributes: tuple[str, ...] = ()
    secure: bool = False

    def lines(self, name: str) -> Iterator[str]:
        more = [f"attr {word(text)}" for text in self.attributes]
        more += ["secure"] if self.secure else []
        yield " ".join([f"cookie {token(self.name)} insert indirect nocache httponly", *more,
                        "dynamic"])  # fmt: skip
        yield "dynamic-cookie-key polpo"


class Balance(Feature, frozen=True):
    """HAProxy's algorithm."""

    how: str

    def lines(self, name: str) -> Iterator[str]:
        yield f"balance {self.how}"
        if self.how not in ("roundrobin", "leastconn"):
            yield "hash-type consistent"


class Both(Feature, frozen=True):
    parts: tuple[Feature, ...]

    def lines(self, name: str) -> Iterator[str]:
        for part in self.parts:
            yield from part.lines(name)


def read(given: Annotations, asking: Asking) -> Feature | None:
    parts = [*_balance(given), *_cookie(given)]
    return Both(tuple(parts)) if parts else None


def _balance(given: Annotations) -> Iterator[Feature]:
    by, how = given.text("upstream-hash-by"), given.text("load-balance")
    if by:
        yield Balance(_hash(by))
    elif how:
        if how not in HOW:
            raise Wrong(f"load-balance: {how!r} is none of {', '.join(HOW)}")
        yield Balance(HOW[how])


def _hash(by: str) -> str:
    if by in WHAT:
        return WHAT[by]
    found = _VARIABLE.fullmatch(by)
    if found is None:
        raise Wrong(f"upstream-hash-by: {by!r}: one variable is needed, such as $remote_addr")
    kind, name = found[1], found[2]
    if kind == "cookie":
        return f"hash req.cook({name})"
    return f"url_param {name}" if kind == "arg" else f"hdr({name.replace('_', '-')})"


def _cookie(given: Annotations) -> Iterator[Feature]:
    if given.choice("affinity", "cookie") != "cookie":
        return
    attributes = []
    age = given.text("session-cookie-max-age") or given.text("session-cookie-expires")
    if age:
        number = given.number("session-cookie-max-age", 0, 1 << 31) or given.number(
            "session-cookie-expires", 0, 1 << 31
        )
        attributes.append(f"Max-Age={number}")
    same = given.choice("session-cookie-samesite", "None", "Lax", "Strict")
    if same:
        attributes.append(f"SameSite={same.capitalize()}")
    for key, attribute in (("session-cookie-path", "Path"), ("session-cookie-domain", "Domain")):
        text = given.text(key)
        if text and not re.fullmatch(r"[!-:<-~]{1,255}", text):
            raise Wrong(f"{key}: {text!r} makes no sense")
        if text:
            attributes.append(f"{attribute}={text}")
    name = given.text("session-cookie-name", "INGRESSCOOKIE")
    yield Cookie(name, tuple(attributes), given.flag("session-cookie-secure"))
