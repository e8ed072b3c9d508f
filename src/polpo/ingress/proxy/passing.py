"""TLS that is passed on as it is: whose it is, is seen in its first message (SNI). Pure.

Where there is none, connections go to their frontend directly. Else one of TCP comes before it,
which hands on all that is not passed, with the client's address (PROXY protocol, a Unix socket).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polpo.ingress.plan import Door, Passed, Plan
from polpo.ingress.proxy.identity import networks
from polpo.ingress.proxy.settings import Settings
from polpo.kernel.haproxy.words import word

HELLO_S = 5


def passing(plan: Plan, doors: list[Door], settings: Settings) -> Iterator[Iterable[str]]:
    for door in doors:
        names = [passed for passed in plan.passed if passed.door in ("", door.name)]
        if door.tls and names:
            yield _front(door, names, settings)
            yield _inside(door, settings)


def _front(door: Door, names: list[Passed], settings: Settings) -> Iterator[str]:
    yield f"frontend passing.{door.name}"
    yield "  mode tcp"
    yield f"  bind {door.address}:{door.port}"
    if settings.proxies:
        known = f"{{ src {networks(settings.proxies)} }}"
        yield f"  tcp-request connection expect-proxy layer4 if {known}"
    yield f"  tcp-request inspect-delay {HELLO_S}s"
    yield "  tcp-request content accept if { req.ssl_hello_type 1 }"
    for passed in sorted(names, key=lambda x: (x.host.startswith("*"), -len(x.host), x.host)):
        yield f"  use_backend {passed.backend.name} if {{ {_names(passed.host)} }}"
    yield f"  default_backend inside.{door.name}"


def _inside(door: Door, settings: Settings) -> Iterator[str]:
    yield f"backend inside.{door.name}"
    yield "  mode tcp"
    yield f"  server inside {word(f'unix@{settings.place}/{door.name}.sock')} send-proxy-v2"


def _names(host: str) -> str:
    if host == "*":
        return "req.ssl_sni -m found"
    if host.startswith("*."):
        return f"req.ssl_sni,lower -m end -- {word(host[1:])}"
    return f"req.ssl_sni,lower -m str -- {word(host)}"
