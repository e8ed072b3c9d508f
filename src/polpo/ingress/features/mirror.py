"""Requests are copied to somebody else, whose answers nobody hears (proxy/mirror.lua)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations, host
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Backend, Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import word

KEYS = ("mirror-target", "mirror-host", "mirror-request-body")
GUARDS = False
BODY_S = 5
"""For so long a request waits for its own body, if that is copied, too."""
OF = 1_000_000
VARIABLES = ("scheme", "host", "http_host", "best_http_host", "request_uri")
_URL = re.compile(r"https?://[!-~]{1,2000}")


class Mirror(Feature, frozen=True):
    """To a URL that may have VARIABLES in it, or to a backend. `share`: so many of OF."""

    url: str = "http://$http_host$request_uri"
    name: str = ""
    body: bool = True
    to: Backend | None = None
    share: int = OF

    def backends(self) -> Iterator[Backend]:
        if self.to is not None:
            yield self.to

    def programs(self) -> Iterator[str]:
        yield "mirror"

    def lines(self, name: str) -> Iterator[str]:
        some = f" if {{ rand({OF}) lt {self.share} }}" if self.share < OF else ""
        if self.body:
            yield f"http-request wait-for-body time {BODY_S}s"
        to = self.to.name if self.to is not None else "-"
        words = (self.url, self.name or "-", to, "on" if self.body else "off")
        yield f"http-request lua.polpo_mirror {' '.join(map(word, words))}{some}"


def read(given: Annotations, asking: Asking) -> Mirror | None:
    url = given.text("mirror-target")
    if not url:
        return None
    unknown = [x for x in re.findall(r"\$\{?(\w*)\}?", url) if x not in VARIABLES]
    if unknown:
        raise Wrong(f"mirror-target: the variable ${unknown[0]} is not known")
    if not _URL.fullmatch(url.replace("$scheme", "https")):
        raise Wrong(f"mirror-target: {url!r} is no URL")
    named = given.text("mirror-host")
    body = given.choice("mirror-request-body", "on", "off", default="on").lower() == "on"
    return Mirror(url, host(named) if named else "", body)
