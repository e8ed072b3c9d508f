"""Another place to look at: by a redirect (RFC 9110, 15.4), before anything else is done."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.asked import SCHEME
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import fmt

KEYS = ("permanent-redirect", "permanent-redirect-code", "temporal-redirect",
        "temporal-redirect-code", "app-root")  # fmt: skip
GUARDS = False
CODES = (301, 302, 303, 307, 308)
_URL = re.compile(r"(https?://[^\s\"'\\]+|/[^\s\"'\\]*)(\$request_uri)?", re.I)


class Elsewhere(Feature, frozen=True):
    """`onward`: the path and the query are kept."""

    url: str
    code: int
    onward: bool = False

    def lines(self, name: str) -> Iterator[str]:
        how = "prefix" if self.onward else "location"
        yield f"http-request redirect code {self.code} {how} {fmt(self.url)}"


class Host(Feature, frozen=True):
    """The same by another name."""

    name: str

    def lines(self, name: str) -> Iterator[str]:
        yield f"http-request redirect code 308 prefix '{SCHEME}://{self.name}'"


class AppRoot(Feature, frozen=True):
    path: str

    def lines(self, name: str) -> Iterator[str]:
        yield f"http-request redirect code 302 location {fmt(self.path)} if {{ path / }}"


def read(given: Annotations, asking: Asking) -> Feature | None:
    for key, default in (("temporal-redirect", 302), ("permanent-redirect", 301)):
        url = given.text(key)
        if url:
            code = given.number(f"{key}-code", 300, 308, default)
            if code not in CODES:
                raise Wrong(f"{key}-code: {code} is none of {CODES}")
            return _elsewhere(key, url, code)
    root = given.text("app-root")
    if root:
        if not root.startswith("/") or root == "/" or " " in root:
            raise Wrong(f"app-root: {root!r} is no path")
        return AppRoot(root)
    return None


def _elsewhere(key: str, url: str, code: int) -> Elsewhere:
    found = _URL.fullmatch(url)
    if found is None or "$" in found[1].removesuffix("$request_uri"):
        raise Wrong(f"{key}: {url!r} is no URL; of variables $request_uri is known, at its end")
    bare = url.removesuffix("$request_uri")
    return Elsewhere(bare, code, bare != url)
