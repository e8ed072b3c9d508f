"""HTTPRoute -> entries of sites, for one listener. Pure.

Of the matches of a request the most special counts: the path first, then the method, then how many
headers and query parameters; then the older route, and the rule that comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from polpo.ingress.features.times import Times
from polpo.ingress.gateway.backends import BROKEN, Backends
from polpo.ingress.gateway.filters import Around, filters
from polpo.ingress.gateway.routes import BackendRef, Filter, HttpMatch, HTTPRoute, HttpRule, Match
from polpo.ingress.paths import path_of
from polpo.ingress.plan import Backend, Condition, Entry, Feature, Share
from polpo.ingress.regex import checked
from polpo.ingress.wrong import Wrong
from polpo.kube.resources import key

_DURATION = re.compile(r"(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}")
_PART = re.compile(r"([0-9]+)(ms|h|m|s)")
MS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
RETRIED = {401, 403, 404, 408, 425, 500, 501, 502, 503, 504}
MOST_ATTEMPTS = 20
CONNECT_MS = 5000
LONGEST_MS = 2**31 - 1
"""HAProxy's; for what is to have no limit, too."""


def entries(route: HTTPRoute, backends: Backends, scheme: str, port: int) -> Iterator[Entry]:
    """Wrong if something of it is not supported."""
    for number, rule in enumerate(route.spec.rules):
        for place, match in enumerate(rule.matches or (HttpMatch(),)):
            prefix = match.path.value if match.path.type in ("", "PathPrefix") else ""
            shares = _shares(rule, backends, Around(prefix, scheme, port, backends.besides))
            rank = (*_rank(match), *age(route), number, place)
            yield _entry(match, shares, rank, f"HTTPRoute {key(route.metadata)}")


def age(route: HTTPRoute) -> tuple[str, str]:
    return route.metadata.creation_timestamp, key(route.metadata)


def _rank(match: HttpMatch) -> tuple[int, int, int]:
    return -bool(match.method), -len(match.headers), -len(match.query_params)


def _entry(
    match: HttpMatch, shares: tuple[Share, ...], rank: tuple[int | str, ...], owner: str
) -> Entry:
    conditions = tuple(_conditions(match))
    text = unquote(match.path.value) or "/"
    if match.path.type == "RegularExpression":
        path = path_of("/", "Default", False)
        text = f"(?-i:{checked(match.path.value)})$"
        return Entry("regex", text, shares, conditions, rank, owner)
    kind = {"Exact": "Exact", "PathPrefix": "Prefix", "": "Prefix"}.get(match.path.type)
    if kind is None:
        raise Wrong(f"a path of type {match.path.type}")
    path = path_of(text, kind, False)
    return Entry(path.how, path.text, shares, conditions, rank, owner)


def _conditions(match: HttpMatch) -> Iterator[Condition]:
    if match.method:
        yield Condition("method", "", match.method)
    yield from named("header", match.headers)
    yield from named("query", match.query_params)


def named(kind: str, given: tuple[Match, ...]) -> Iterator[Condition]:
    """The first of each name counts (header names are the same in whatever case)."""
    seen: set[str] = set()
    for one in given:
        name = one.name.lower() if kind == "header" else one.name
        if name in seen:
            continue
        seen.add(name)
        if one.type in ("", "Exact"):
            yield Condition(kind, one.name, one.value)
        elif one.type == "RegularExpression":
            yield Condition(kind, one.name, f"^(?:{checked(one.value)})$", "regex")
        else:
            raise Wrong(f"a {kind} match of type {one.type}")


def _shares(rule: HttpRule, backends: Backends, around: Around) -> tuple[Share, ...]:
    if rule.session_persistence is not None:
        raise Wrong("sessionPersistence is not supported")
    made = filters(rule.filters, around)
    if made.answers:
        return (Share(Backend(None, made.policy)),)
    return shares(rule.filters, rule.backend_refs, backends, around, _times(rule))


def shares(
    given: tuple[Filter, ...],
    refs: tuple[BackendRef, ...],
    backends: Backends,
    around: Around,
    times: tuple[Feature, ...] = (),
) -> tuple[Share, ...]:
    """Of a rule without a redirect."""
    policy = (*times, *filters(given, around).policy)

    def own(ref: BackendRef) -> tuple[Feature, ...]:
        made = filters(ref.filters, around)
        if made.answers:
            raise Wrong("a redirect is of a rule, not of one backend")
        return made.policy

    return backends.shares(refs, policy, own) if refs else (Share(BROKEN),)


def _times(rule: HttpRule) -> tuple[Feature, ...]:
    """Of both the shorter: HAProxy waits for an answer's beginning, and between its parts."""
    texts = (rule.timeouts.request, rule.timeouts.backend_request)
    given = [duration_ms(text) for text in texts if text is not None]
    least = min((ms or LONGEST_MS for ms in given), default=0)
    connect = min(least, CONNECT_MS)
    if rule.retry is None:
        tries = 1 if 0 < least < LONGEST_MS else 0
        return (Times(connect, least, tries),) if given else ()
    if rule.timeouts.request is not None:
        raise Wrong("retry is not supported together with timeouts.request")
    wrong = [code for code in rule.retry.codes if code not in RETRIED]
    if wrong:
        raise Wrong(f"a retry on status {wrong[0]}: HAProxy does so on {sorted(RETRIED)}")
    again = ("conn-failure", "empty-response", *(("response-timeout",) if given else ()))
    codes = tuple(str(code) for code in sorted(set(rule.retry.codes)))
    attempts = 1 if rule.retry.attempts is None else rule.retry.attempts
    if not 0 <= attempts <= MOST_ATTEMPTS:
        raise Wrong(f"{attempts} attempts are more than {MOST_ATTEMPTS}")
    return (Times(connect, least, attempts + 1, (*again, *codes)),)


def duration_ms(text: str) -> int:
    """GEP-2257: such as 1h30m or 500ms; 0 is without a limit."""
    if not _DURATION.fullmatch(text):
        raise Wrong(f"{text!r} is no duration")
    return sum(int(number) * MS[unit] for number, unit in _PART.findall(text))
