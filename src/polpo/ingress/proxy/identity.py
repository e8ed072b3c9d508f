"""Who asks, by which name, and what the application is told of it: `X-Forwarded-…`. Pure.

Only networks that are named in the settings are believed what they say of somebody else. Everybody
else's words are taken away.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from polpo.ingress.plan import Door
from polpo.ingress.proxy.settings import Settings

HOPS = 3
"""Trusted proxies, one behind the other, that X-Forwarded-For is followed through."""


def networks(given: tuple[str, ...]) -> str:
    """As values of an ACL. ValueError if one is none."""
    return " ".join(str(ip_network(text, strict=False)) for text in given)


def identity(doors: list[Door], settings: Settings) -> Iterator[str]:
    """Sets txn.name (the host asked for, in small letters) and the headers."""
    if settings.proxies:
        yield f"  acl proxies src {networks(settings.proxies)}"
        yield "  tcp-request connection expect-proxy layer4 if proxies"
    yield "  http-request set-var(txn.name) req.hdr(host),host_only,lower"
    yield "  http-request set-var(txn.proto) ssl_fc,iif(https,http)"
    if settings.forwarders:
        yield from _believed(settings)
    else:
        yield "  http-request del-header X-Forwarded- -m beg"
        yield "  http-request add-header X-Forwarded-For %[src]"
        yield "  http-request add-header X-Forwarded-Host %[req.hdr(host)]"
        yield "  http-request add-header X-Forwarded-Proto %[var(txn.proto)]"
    yield "  http-request del-header Forwarded"
    yield f"  http-request add-header X-Forwarded-Port {_port(doors)}"
    yield "  http-request add-header X-Forwarded-Scheme %[var(txn.proto)]"
    yield "  http-request set-header X-Real-IP %[src]"


def _believed(settings: Settings) -> Iterator[str]:
    yield f"  acl forwarders src {networks(settings.forwarders)}"
    yield "  http-request set-var(txn.peer) src"
    yield "  http-request set-var(txn.believed) bool(true) if forwarders"
    believed = "if { var(txn.believed) -m bool }"
    scheme = "{ req.hdr(x-forwarded-proto),lower -m str http https }"
    yield f"  http-request set-var(txn.proto) req.hdr(x-forwarded-proto),lower {believed} {scheme}"
    for hop in range(1, HOPS + 1):
        last = f"req.hdr_ip(x-forwarded-for,-{hop})"
        yield f"  http-request set-src {last} if forwarders {{ {last} -m found }}"
    yield f"  http-request add-header X-Forwarded-For %[var(txn.peer)] {believed}"
    otherwise = believed.replace("if", "unless")
    yield f"  http-request set-header X-Forwarded-For %[src] {otherwise}"
    host = "{ req.hdr(x-forwarded-host) -m found }"
    kept = f"if !{{ var(txn.believed) -m bool }} or !{host}"
    yield f"  http-request set-header X-Forwarded-Host %[req.hdr(host)] {kept}"
    yield "  http-request set-header X-Forwarded-Proto %[var(txn.proto)]"
    for header in ("Port", "Scheme", "Prefix"):
        yield f"  http-request del-header X-Forwarded-{header}"


def _port(doors: list[Door]) -> str:
    """As clients know it."""
    known = {door.public or door.port for door in doors}
    if len(known) == 1:
        return str(known.pop())
    by = {door.tls: door.public or door.port for door in doors}
    return f"%[ssl_fc,iif({by[True]},{by[False]})]" if len(by) == 2 else "%[dst_port]"
