"""Requests that came by a connection for another listener's name: status 421 (RFC 9110, 15.5.20).

A browser that has a connection for one name uses it for others of the certificate, too (RFC 9113,
9.1.1). What is asked of a client for one listener's name has then not been asked for the other's.
"""

from __future__ import annotations

from collections.abc import Iterator

from polpo.ingress.asked import NAME
from polpo.ingress.plan import Door
from polpo.kernel.haproxy.words import word


def misdirected(doors: list[Door]) -> Iterator[str]:
    """Of a door with several names; who says none at all is let in."""
    for door in doors:
        if not door.tls or len(door.names) < 2:
            continue
        yield f"  http-request set-var(txn.name) {NAME}"
        for of, sample in (("came", "ssl_fc_sni,lower"), ("asks", "var(txn.name)")):
            yield f"  http-request set-var(txn.{of}) str(-)"
            for number, name in enumerate(sorted(door.names, key=_order)):
                yield f"  http-request set-var(txn.{of}) str({number}){_fits(name, sample)}"
        same = "{ var(txn.came),strcmp(txn.asks) eq 0 }"
        yield f"  http-request return status 421 if {{ ssl_fc_has_sni }} !{same}"


def _order(name: str) -> tuple[bool, int]:
    """The more special later: it has the last word."""
    return not name.startswith("*"), len(name)


def _fits(name: str, sample: str) -> str:
    if name == "*":
        return ""
    how, text = ("end", name[1:]) if name.startswith("*") else ("str", name)
    return f" if {{ {sample} -m {how} -- {word(text)} }}"
