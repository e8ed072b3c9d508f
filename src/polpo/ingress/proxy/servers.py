"""A backend's servers: slots that endpoints come to and go from at run time. Pure.

There are more slots than endpoints, so that one more needs no reload. A slot that is given up is
put out of service: what it has goes on. It is taken again last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from polpo.ingress.plan import Backend
from polpo.kernel.haproxy.words import endpoint

LEAST = 2
PLACEHOLDER = "127.0.0.1:1"
PROTOCOLS = {
    "http": (),
    "tcp": (),
    "h2c": ("proto h2",),
    "https": ("ssl", "alpn http/1.1"),
    "h2": ("ssl", "alpn h2"),
}


class Endpoint(NamedTuple):
    address: str
    port: int


class Servers(NamedTuple):
    """Who is in which slot. `name`: of an ExternalName Service, which DNS is asked for."""

    slots: tuple[Endpoint | None, ...] = ()
    name: str = ""
    port: int = 0


def place(before: Servers | None, wanted: tuple[Endpoint, ...]) -> Servers:
    """Those who stay keep their slots; more are made where they are too few."""
    slots: list[Endpoint | None] = list(before.slots) if before is not None else []
    here = set(wanted)
    slots = [slot if slot in here else None for slot in slots]
    coming = [endpoint for endpoint in wanted if endpoint not in slots]
    free = [number for number, slot in enumerate(slots) if slot is None]
    used = set(before.slots) if before is not None else set()
    free.sort(key=lambda number: before is not None and before.slots[number] in used - {None})
    for endpoint_, number in zip(coming, free, strict=False):
        slots[number] = endpoint_
    slots += coming[len(free) :]
    while len(slots) < LEAST or (len(slots) > len(before.slots if before else ()) and _few(slots)):
        slots.append(None)
    return Servers(tuple(slots))


def _few(slots: list[Endpoint | None]) -> bool:
    """A power of two, and one to spare."""
    return len(slots) & (len(slots) - 1) != 0 or None not in slots


def servers(backend: Backend, placed: Servers) -> Iterator[str]:
    words = [*PROTOCOLS[backend.protocol]]
    more = [word for feature in backend.policy for word in feature.server()]
    if "ssl" in words and not any(word.startswith("verify ") for word in more):
        words.append("verify none")
    yield " ".join(["default-server", *words, *more]) if words or more else "# plain"
    if placed.name:
        yield f"server s1 {placed.name}:{placed.port} resolvers system init-addr none"
        return
    for number, slot in enumerate(placed.slots, 1):
        where = endpoint(*slot) if slot is not None else f"{PLACEHOLDER} disabled"
        yield f"server s{number} {where}"


def commands(name: str, before: Servers, after: Servers) -> Iterator[str] | None:
    """What leads from one to the other; None if only a reload can do it."""
    if len(before.slots) != len(after.slots) or before[1:] != after[1:]:
        return None
    return _all(name, before, after)


def _all(name: str, before: Servers, after: Servers) -> Iterator[str]:
    """Who comes is in before others go."""
    pairs = [
        (f"{name}/s{n}", *x) for n, x in enumerate(zip(before.slots, after.slots, strict=True), 1)
    ]
    pairs.sort(key=lambda pair: pair[2] is None)
    for server, old, new in pairs:
        if old == new:
            continue
        if new is None:
            yield f"set server {server} state maint"
            continue
        yield f"set server {server} addr {new.address} port {new.port}"
        if old is None:
            yield f"set server {server} state ready"
