"""TLS that is passed on as it is: whose it is, is seen in its first message (SNI). Pure.

Where there is none, connections go to their frontend directly. Else one of TCP comes before it,
which hands on all that is not passed, with the client's address (PROXY protocol, a Unix socket).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polpo.ingress.plan import Door, Passed, Plan
from polpo.ingress.proxy.identity import networks
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import GRAIN
from polpo.kernel.haproxy.words import word

HELLO_S = 5


def passing(plan: Plan, doors: list[Door], settings: Settings) -> Iterator[Iterable[str]]:
    for door in doors:
        names = names_of(plan, door)
        if names:
            yield _front(door, names, _inside_hosts(plan, door, names), settings)
            yield _inside(door)


def _inside_hosts(plan: Plan, door: Door, names: list[Passed]) -> list[str]:
    """Who is not passed. Where nobody else has what is left, those that a wildcard would take."""
    if not door.shared:
        return [site.host for site in plan.sites if site.door == door.name]
    ends = tuple(passed.host[1:] for passed in names if passed.host.startswith("*"))
    return [s.host for s in plan.sites if not s.door and s.host.endswith(ends)] if ends else []


def inner(door: Door) -> str:
    """The socket between both, in HAProxy's own directory: whole paths may be too long for one."""
    return f"unix@{door.name}.sock"


def names_of(plan: Plan, door: Door) -> list[Passed]:
    """What a door passes."""
    tag = "" if door.shared else door.name
    return [passed for passed in plan.passed if door.tls and passed.door == tag]


def _front(door: Door, names: list[Passed], inside: list[str], settings: Settings) -> Iterator[str]:
    yield f"frontend passing.{door.name}"
    yield "  mode tcp"
    yield "  no option idle-close-on-response"
    yield f"  bind {door.address}:{door.port}"
    if settings.proxies:
        known = f"{{ src {networks(settings.proxies)} }}"
        yield f"  tcp-request connection expect-proxy layer4 if {known}"
    yield f"  tcp-request inspect-delay {HELLO_S}s"
    if any(passed.until < GRAIN for passed in names):
        yield f"  tcp-request content set-var(sess.roll) rand({GRAIN})"
    yield "  tcp-request content accept if { req.ssl_hello_type 1 }"
    ways = [(passed.host, passed.until, passed.backend.name) for passed in names]
    ways += [(host, GRAIN + 1, f"inside.{door.name}") for host in inside]
    for host, until, to in sorted(ways, key=_order):
        lot = f" {{ var(sess.roll) -m int lt {until} }}" if until < GRAIN else ""
        yield f"  use_backend {to} if {{ {_names(host)} }}{lot}"
    if door.shared:
        yield f"  default_backend inside.{door.name}"


def _inside(door: Door) -> Iterator[str]:
    yield f"backend inside.{door.name}"
    yield "  mode tcp"
    yield f"  server inside {word(inner(door))} send-proxy-v2"


def _order(way: tuple[str, int, str]) -> tuple[bool, int, str, int]:
    """Exact names, then longer ones first."""
    host, until, _ = way
    return host.startswith("*"), -len(host), host, until


def _names(host: str) -> str:
    if host == "*":
        return "req.ssl_sni -m found"
    if host.startswith("*."):
        return f"req.ssl_sni,lower -m end -- {word(host[1:])}"
    return f"req.ssl_sni,lower -m str -- {word(host)}"
