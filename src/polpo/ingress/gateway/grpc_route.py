"""GRPCRoute -> entries of sites: a method is a path, `/service/method`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.gateway.backends import Backends
from polpo.ingress.gateway.filters import Around
from polpo.ingress.gateway.http_route import named, shares
from polpo.ingress.gateway.routes import GrpcMatch, GRPCRoute, MethodMatch
from polpo.ingress.plan import Condition, Entry
from polpo.ingress.regex import checked
from polpo.ingress.wrong import Wrong
from polpo.kube.resources import key

_NAME = re.compile(r"[A-Za-z0-9_.]{1,1024}")


def entries(route: GRPCRoute, backends: Backends, scheme: str, port: int) -> Iterator[Entry]:
    """Wrong if something of it is not supported."""
    around, owner = Around("", scheme, port), f"GRPCRoute {key(route.metadata)}"
    when = (route.metadata.creation_timestamp, key(route.metadata))
    for number, rule in enumerate(route.spec.rules):
        if rule.session_persistence is not None:
            raise Wrong("sessionPersistence is not supported")
        for place, match in enumerate(rule.matches or (GrpcMatch(),)):
            to = shares(rule.filters, rule.backend_refs, backends, around)
            how, path, of_path = _path(match.method)
            conditions = (*of_path, *named("header", match.headers))
            rank = (*_rank(match), *when, number, place)
            yield Entry(how, path, to, conditions, rank, owner)


def _rank(match: GrpcMatch) -> tuple[int, int, int]:
    """Where the path is the same: longer names come first, then more headers."""
    return -len(match.method.service), -len(match.method.method), -len(match.headers)


def _path(method: MethodMatch) -> tuple[str, str, tuple[Condition, ...]]:
    if method.type == "RegularExpression":
        service = checked(method.service) if method.service else "[^/]+"
        name = checked(method.method) if method.method else "[^/]+"
        return "prefix", "/", (Condition("path", "", f"^/(?:{service})/(?:{name})$", "regex"),)
    for part in (method.service, method.method):
        if part and not _NAME.fullmatch(part):
            raise Wrong(f"{part!r} is no name of a service or method")
    if method.service and method.method:
        return "exact", f"/{method.service}/{method.method}", ()
    if method.service:
        return "prefix", f"/{method.service}", ()
    if method.method:
        text = f"^/[^/]+/{re.escape(method.method)}$"
        return "prefix", "/", (Condition("path", "", text, "regex"),)
    return "prefix", "/", ()
