"""Headers that are set, added and taken away, of requests and of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import fmt, token

KEYS = ("custom-headers", "connection-proxy-header")
GUARDS = False
OURS = {"connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade",
        "keep-alive", "proxy-connection"}  # fmt: skip
"""What is between two hops (RFC 9110, 7.6.1) is not for applications to say."""
_VALUE = re.compile(r"[\x20-\x7e\t]{0,4096}")
Pairs = tuple[tuple[str, str], ...]


class Headers(Feature, frozen=True):
    """`of` is request or response."""

    of: str
    set: Pairs = ()
    add: Pairs = ()
    remove: tuple[str, ...] = ()

    def lines(self, name: str) -> Iterator[str]:
        for verb, pairs in (("set", self.set), ("add", self.add)):
            for header, value in pairs:
                yield f"http-{self.of} {verb}-header {token(header)} {fmt(value)}"
        for header in self.remove:
            yield f"http-{self.of} del-header {token(header)}"


def checked(name: str, value: str = "") -> tuple[str, str]:
    """Wrong if it is not for a user to say."""
    try:
        token(name)
    except ValueError as error:
        raise Wrong(str(error)) from None
    if name.lower() in OURS:
        raise Wrong(f"the header {name} is between HAProxy and whom it speaks to")
    if not _VALUE.fullmatch(value):
        raise Wrong(f"the header {name} has characters that headers don't have")
    return name, value


def read(given: Annotations, asking: Asking) -> Headers | None:
    wanted = given.text("custom-headers")
    if not wanted:
        return None
    space, _, name = wanted.rpartition("/")
    if space not in ("", asking.namespace):
        raise Wrong(f"custom-headers: {wanted} is in another namespace")
    data = asking.config_map(name).data or {}
    return Headers("response", tuple(checked(k, v.strip()) for k, v in sorted(data.items())))
