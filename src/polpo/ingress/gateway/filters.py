"""Filters of routes -> features of a policy: those that annotations ask for, and a redirect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from polpo.ingress.features.cors import Cors
from polpo.ingress.features.headers import Headers, checked
from polpo.ingress.features.mirror import OF, Mirror
from polpo.ingress.features.rerouted import NewPath, Rerouted
from polpo.ingress.features.rewriting import Rewrite
from polpo.ingress.gateway import routes
from polpo.ingress.gateway.routes import (
    BackendRef,
    Filter,
    HeaderChanges,
    MirrorTo,
    PathChange,
    Redirect,
)
from polpo.ingress.plan import Backend, Feature
from polpo.ingress.wrong import Wrong

CODES = (301, 302, 303, 307, 308)


class Around(NamedTuple):
    """Of the match and the listener: `prefix` is what a replaced prefix replaces, "" if none;
    `besides` finds whom a mirror asks, None if nobody is there."""

    prefix: str
    scheme: str
    port: int
    besides: Callable[[BackendRef], Backend | None] | None = None


class Filters(NamedTuple):
    """`answers`: no Service is asked."""

    policy: tuple[Feature, ...]
    answers: bool = False


def filters(given: Iterable[Filter], around: Around) -> Filters:
    """Wrong if one can't be done: then none of the route is."""
    features = tuple(x for one in given if (x := _feature(one, around)) is not None)
    try:
        for feature in features:
            list(feature.lines("b"))
    except ValueError as error:
        raise Wrong(str(error)) from None
    return Filters(features, any(isinstance(feature, Rerouted) for feature in features))


def _feature(one: Filter, around: Around) -> Feature | None:
    """None: it has no effect."""
    if one.type == "RequestHeaderModifier" and one.request_header_modifier:
        return _headers("request", one.request_header_modifier)
    if one.type == "ResponseHeaderModifier" and one.response_header_modifier:
        return _headers("response", one.response_header_modifier)
    if one.type == "RequestRedirect" and one.request_redirect:
        return _redirect(one.request_redirect, around)
    if one.type == "URLRewrite" and one.url_rewrite:
        return _rewrite(one.url_rewrite, around)
    if one.type == "CORS" and one.cors:
        return _cors(one.cors)
    if one.type == "RequestMirror" and one.request_mirror and around.besides:
        return _mirror(one.request_mirror, around.besides)
    raise Wrong(f"the filter {one.type} is not supported")


def _mirror(given: MirrorTo, besides: Callable[[BackendRef], Backend | None]) -> Mirror | None:
    to, share = besides(given.backend_ref), OF
    if given.percent is not None:
        share = OF * given.percent // 100
    elif given.fraction is not None:
        share = OF * given.fraction.numerator // max(given.fraction.denominator, 1)
    return Mirror(to=to, share=share) if to is not None and share > 0 else None


def _headers(of: str, changes: HeaderChanges) -> Headers:
    return Headers(
        of,
        tuple(checked(header.name, header.value) for header in changes.set),
        tuple(checked(header.name, header.value) for header in changes.add),
        tuple(checked(name)[0] for name in changes.remove),
    )


def _redirect(given: Redirect, around: Around) -> Rerouted:
    """A port is said where it is not the scheme's usual one; which it is, if another is asked."""
    if given.status_code not in CODES:
        raise Wrong(f"a redirect by {given.status_code}: it is none of {CODES}")
    scheme = given.scheme or around.scheme
    usual = {"http": 80, "https": 443}.get(scheme, 0)
    port = given.port or (usual if given.scheme else around.port)
    path = NewPath(*_path(given.path, around)) if given.path else None
    port = 0 if port == usual else port
    return Rerouted(scheme, given.hostname or "", port, path, given.status_code)


def _rewrite(given: routes.Rewrite, around: Around) -> Rewrite:
    target, prefix = _path(given.path, around) if given.path else ("", "")
    return Rewrite(target, "", prefix, given.hostname or "")


def _path(change: PathChange, around: Around) -> tuple[str, str]:
    """What is new, and in place of which prefix."""
    if change.type == "ReplaceFullPath":
        return change.replace_full_path or "/", ""
    if change.type == "ReplacePrefixMatch" and around.prefix:
        return change.replace_prefix_match or "/", around.prefix
    if change.type == "ReplacePrefixMatch":
        raise Wrong("a prefix can be replaced only where a prefix is matched")
    raise Wrong(f"a change of the path by {change.type}")


def _cors(given: routes.Cors) -> Cors:
    return Cors(
        given.allow_origins,
        ", ".join(given.allow_methods),
        ", ".join(given.allow_headers),
        given.allow_credentials,
        ", ".join(given.expose_headers),
        given.max_age,
        strict=True,
    )
