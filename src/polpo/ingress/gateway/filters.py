"""Filters of routes -> features of a policy: the same that annotations ask for, and a few more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from polpo.ingress.features.headers import RequestHeaders, ResponseHeaders
from polpo.ingress.features.rerouted import Hostname, NewPath, Rerouted
from polpo.ingress.gateway.routes import Filter, HeaderChanges, PathChange, Redirect, Rewrite
from polpo.ingress.plan import Feature
from polpo.ingress.wrong import Wrong

CODES = (301, 302, 303, 307, 308)


class Around(NamedTuple):
    """Of the match and the listener: `prefix` is what a replaced prefix replaces, "" if none."""

    prefix: str
    scheme: str
    port: int


class Filters(NamedTuple):
    """`answers`: no Service is asked."""

    policy: tuple[Feature, ...]
    answers: bool = False


def filters(given: Iterable[Filter], around: Around) -> Filters:
    """Wrong if one can't be done: then none of the route is."""
    features = [feature for one in given for feature in _features(one, around)]
    try:
        for feature in features:
            list(feature.lines("b"))
    except ValueError as error:
        raise Wrong(str(error)) from None
    return Filters(tuple(features), any(isinstance(f, Rerouted) for f in features))


def _features(one: Filter, around: Around) -> Iterator[Feature]:
    if one.type == "RequestHeaderModifier" and one.request_header_modifier:
        yield RequestHeaders(*_changes(one.request_header_modifier))
    elif one.type == "ResponseHeaderModifier" and one.response_header_modifier:
        yield ResponseHeaders(*_changes(one.response_header_modifier))
    elif one.type == "RequestRedirect" and one.request_redirect:
        yield _redirect(one.request_redirect, around)
    elif one.type == "URLRewrite" and one.url_rewrite:
        yield from _rewrite(one.url_rewrite, around)
    else:
        raise Wrong(f"the filter {one.type} is not supported")


def _changes(of: HeaderChanges) -> tuple[tuple[tuple[str, str], ...], ...]:
    return (
        tuple((header.name, header.value) for header in of.set),
        tuple((header.name, header.value) for header in of.add),
        tuple((name, "") for name in of.remove),
    )


def _redirect(given: Redirect, around: Around) -> Rerouted:
    if given.status_code not in CODES:
        raise Wrong(f"a redirect by {given.status_code}: it is none of {CODES}")
    scheme = given.scheme or around.scheme
    usual = {"http": 80, "https": 443}.get(scheme, 0)
    port = given.port or (usual if given.scheme else around.port)
    path = _path(given.path, around)
    return Rerouted(scheme, given.hostname or "", 0 if port == usual else port, path, given.status_code)


def _rewrite(given: Rewrite, around: Around) -> Iterator[Feature]:
    path = _path(given.path, around)
    if path is not None:
        yield path
    if given.hostname:
        yield Hostname(given.hostname)


def _path(change: PathChange | None, around: Around) -> NewPath | None:
    if change is None:
        return None
    if change.type == "ReplaceFullPath":
        return NewPath(change.replace_full_path or "/")
    if change.type == "ReplacePrefixMatch":
        if not around.prefix:
            raise Wrong("a prefix can be replaced only where a prefix is matched")
        return NewPath(change.replace_prefix_match or "/", around.prefix)
    raise Wrong(f"a change of the path by {change.type}")
