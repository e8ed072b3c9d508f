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
    """Who it is, and the headers that say so; asked.py has what others may know of it."""
    for_balancers = doors[0].forwarded
    if settings.proxies and not for_balancers:
        yield f"  acl proxies src {networks(settings.proxies)}"
        yield "  tcp-request connection expect-proxy layer4 if proxies"
    if settings.forwarders or for_balancers:
        yield from _believed(doors, settings)
    else:
        yield from _connected(doors)


def _connected(doors: list[Door]) -> Iterator[str]:
    """Clients are known by their connections: what is said of them is written once for all of a
    connection's requests (an address as text alone is 2,200 instructions, a request 42,000).
    """
    yield "  tcp-request session set-var(sess.client) src,lower"
    yield "  tcp-request session set-var(sess.proto) ssl_fc,iif(https,http)"
    secure, plain = _ports(doors)
    yield f"  tcp-request session set-var(sess.port) ssl_fc,iif({secure},{plain})"
    for header in ("X-Forwarded- -m beg", "Forwarded", "X-Real-IP"):
        yield f"  http-request del-header {header}"
    for header, value in {
        "For": "%[var(sess.client)]",
        "Host": "%[req.hdr(host)]",
        "Proto": "%[var(sess.proto)]",
        "Port": "%[var(sess.port)]",
        "Scheme": "%[var(sess.proto)]",
    }.items():
        yield f"  http-request add-header X-Forwarded-{header} {value}"
    yield "  http-request add-header X-Real-IP %[var(sess.client)]"


def _believed(doors: list[Door], settings: Settings) -> Iterator[str]:
    """At a door for load balancers whoever comes is believed, but nobody of whom he tells."""
    if settings.forwarders:
        yield f"  acl forwarders src {networks(settings.forwarders)}"
    yield "  http-request set-var(txn.proto) ssl_fc,iif(https,http)"
    yield "  http-request set-var(txn.peer) src"
    who = "" if doors[0].forwarded else " if forwarders"
    yield f"  http-request set-var(txn.believed) bool(true){who}"
    believed = "if { var(txn.believed) -m bool }"
    scheme = "{ req.hdr(x-forwarded-proto),lower -m str http https }"
    yield f"  http-request set-var(txn.proto) req.hdr(x-forwarded-proto),lower {believed} {scheme}"
    last = "req.hdr_ip(x-forwarded-for,-1)"
    yield f"  http-request set-src {last} {believed} {{ {last} -m found }}"
    for hop in range(2, HOPS + 1) if settings.forwarders else ():
        last = f"req.hdr_ip(x-forwarded-for,-{hop})"
        yield f"  http-request set-src {last} if forwarders {{ {last} -m found }}"
    yield from _told(doors)


def _told(doors: list[Door]) -> Iterator[str]:
    """A chain of those who are believed goes on; else it begins here."""
    believed = "if { var(txn.believed) -m bool }"
    yield f"  http-request add-header X-Forwarded-For %[var(txn.peer)] {believed}"
    yield "  http-request set-header X-Forwarded-For %[src] unless { var(txn.believed) -m bool }"
    host = "{ req.hdr(x-forwarded-host) -m found }"
    kept = f"if !{{ var(txn.believed) -m bool }} or !{host}"
    yield f"  http-request set-header X-Forwarded-Host %[req.hdr(host)] {kept}"
    yield "  http-request del-header Forwarded"
    yield "  http-request del-header X-Forwarded-Prefix"
    secure, plain = _ports(doors)
    for scheme, port in (("https", secure), ("http", plain)):
        fits = f"{{ var(txn.proto) -m str {scheme} }}"
        yield f"  http-request set-header X-Forwarded-Port {port} if {fits}"
    for header in ("Proto", "Scheme"):
        yield f"  http-request set-header X-Forwarded-{header} %[var(txn.proto)]"
    yield "  http-request set-header X-Real-IP %[src]"


def _ports(doors: list[Door]) -> tuple[int, int]:
    """With TLS and without, as clients know them, whoever has ended their TLS."""
    by = {door.tls: door.public or door.port for door in doors}
    if doors[0].forwarded or len(by) == 2:
        return by.get(True, 443), by.get(False, 80)
    only = min(by.values())
    return only, only
