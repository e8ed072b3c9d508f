"""Routes of Gateway API: HTTPRoute, GRPCRoute and TLSRoute as they are written."""

from __future__ import annotations

from typing import Any

import msgspec

from polpo.ingress.gateway.objects import GROUP, resource
from polpo.ingress.objects import Stated
from polpo.kube.objects import Struct
from polpo.kube.resources import Resource


class ParentRef(Struct, frozen=True, omit_defaults=True):
    """None is what the user has not written: the status repeats it as it is."""

    name: str
    namespace: str | None = None
    group: str | None = None
    kind: str | None = None
    section_name: str | None = None
    port: int | None = None

    @property
    def is_gateway(self) -> bool:
        return (self.group, self.kind) in ((None, None), (GROUP, "Gateway"), (None, "Gateway"))


class Header(Struct, frozen=True):
    name: str
    value: str = ""


class HeaderChanges(Struct, frozen=True):
    set: tuple[Header, ...] = ()
    add: tuple[Header, ...] = ()
    remove: tuple[str, ...] = ()


class PathChange(Struct, frozen=True):
    type: str
    replace_full_path: str | None = None
    replace_prefix_match: str | None = None


class Redirect(Struct, frozen=True):
    scheme: str | None = None
    hostname: str | None = None
    path: PathChange | None = None
    port: int | None = None
    status_code: int = 302


class Rewrite(Struct, frozen=True):
    hostname: str | None = None
    path: PathChange | None = None


class Cors(Struct, frozen=True):
    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int = 5


class BackendRef(Struct, frozen=True):
    name: str
    port: int | None = None
    namespace: str = ""
    group: str = ""
    kind: str = "Service"
    weight: int = 1
    filters: tuple[Filter, ...] = ()


class Fraction(Struct, frozen=True):
    numerator: int
    denominator: int = 100


class MirrorTo(Struct, frozen=True):
    backend_ref: BackendRef
    percent: int | None = None
    fraction: Fraction | None = None


class Filter(Struct, frozen=True):
    """`type` says which one is set."""

    type: str
    request_header_modifier: HeaderChanges | None = None
    response_header_modifier: HeaderChanges | None = None
    request_redirect: Redirect | None = None
    url_rewrite: Rewrite | None = None
    cors: Cors | None = None
    request_mirror: MirrorTo | None = None


class Match(Struct, frozen=True):
    """Of a header, a query parameter or a path."""

    value: str = ""
    name: str = ""
    type: str = ""


class HttpMatch(Struct, frozen=True):
    path: Match = Match("/", "", "PathPrefix")
    headers: tuple[Match, ...] = ()
    query_params: tuple[Match, ...] = ()
    method: str = ""


class Timeouts(Struct, frozen=True):
    request: str | None = None
    backend_request: str | None = None


class Retry(Struct, frozen=True):
    codes: tuple[int, ...] = ()
    attempts: int | None = None
    backoff: str | None = None


class HttpRule(Struct, frozen=True):
    name: str = ""
    matches: tuple[HttpMatch, ...] = ()
    filters: tuple[Filter, ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()
    timeouts: Timeouts = Timeouts()
    retry: Retry | None = None
    session_persistence: dict[str, Any] | None = None


class MethodMatch(Struct, frozen=True):
    service: str = ""
    method: str = ""
    type: str = "Exact"


class GrpcMatch(Struct, frozen=True):
    method: MethodMatch = MethodMatch()
    headers: tuple[Match, ...] = ()


class GrpcRule(Struct, frozen=True):
    name: str = ""
    matches: tuple[GrpcMatch, ...] = ()
    filters: tuple[Filter, ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()
    session_persistence: dict[str, Any] | None = None


class TlsRule(Struct, frozen=True):
    name: str = ""
    backend_refs: tuple[BackendRef, ...] = ()


class RouteSpec(Struct, frozen=True):
    """What routes of all kinds have."""

    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[str, ...] = ()


class HttpSpec(RouteSpec, frozen=True):
    rules: tuple[HttpRule, ...] = (HttpRule(),)


class GrpcSpec(RouteSpec, frozen=True):
    rules: tuple[GrpcRule, ...] = (GrpcRule(),)


class TlsSpec(RouteSpec, frozen=True):
    rules: tuple[TlsRule, ...] = ()


class Route(Stated, frozen=True, kw_only=True):
    """Of any kind."""

    spec: RouteSpec = RouteSpec()


class HTTPRoute(Route, frozen=True, kw_only=True):
    spec: HttpSpec = HttpSpec()


class GRPCRoute(Route, frozen=True, kw_only=True):
    spec: GrpcSpec = GrpcSpec()


class TLSRoute(Route, frozen=True, kw_only=True):
    spec: TlsSpec = TlsSpec()


HTTP: Resource[HTTPRoute] = resource("httproutes", HTTPRoute)
GRPC: Resource[GRPCRoute] = resource("grpcroutes", GRPCRoute)
TLS: Resource[TLSRoute] = resource("tlsroutes", TLSRoute)


def as_json(ref: ParentRef) -> dict[str, Any]:
    """As it was written."""
    found: dict[str, Any] = msgspec.to_builtins(ref)
    return found
