"""A plan's sites as maps to look up, and the few rules that no map can hold. Pure.

A request's path is looked up as `<site><path>`: first among exact ones, then the longest prefix of
whole elements (HAProxy finds both in a tree: 2,000 rules cost no more than two). Where a site has
regular expressions these are asked one after the other, the longest text first, as ingress-nginx
has it, and so are its prefixes then.

An entry with conditions may not fit; then what is less special is asked: the same path's next
entry, the next shorter prefix. Who comes after whom is worked out here, as a *group*; HAProxy only
sees groups for entries with conditions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from polpo.ingress.plan import Backend, Condition, Entry, Plan, Share, Site

GRAIN = 1000  # shares of requests are told apart as finely as this

Choice = tuple[tuple[Condition, ...], str]


class Table(NamedTuple):
    """`hosts` and `deep` are by door. `splits`: who gets how many of GRAIN.
    All values of maps are names: of backends, groups (`g.`) or splits (`w.`).
    """

    hosts: dict[str, dict[str, str]]
    deep: dict[str, dict[str, str]]
    exact: dict[str, str]
    prefix: dict[str, str]
    regex: dict[str, str]
    groups: dict[str, tuple[Choice, ...]]
    splits: dict[str, tuple[tuple[str, int], ...]]
    backends: dict[str, Backend]


def table(plan: Plan) -> Table:
    made = Table({}, {}, {}, {}, {}, {}, {}, {})
    for site in plan.sites:
        _Placed(site, made).place()
    for backend in (plan.fallback, *(passed.backend for passed in plan.passed)):
        if backend is not None:
            made.backends[backend.name] = backend
    for backend in [*made.backends.values()]:
        for feature in backend.policy:
            made.backends.update({besides.name: besides for besides in feature.backends()})
    return made


def pattern(path: str) -> str:
    """Of a prefix's whole elements, as a regular expression."""
    bare = path.rstrip("/")
    return f"{re.escape(bare)}(?:/|$)"


class _Placed:
    """One site's entries, each at its place in the table."""

    def __init__(self, site: Site, made: Table) -> None:
        self._made = made
        entries = sorted(site.entries, key=lambda entry: entry.rank)
        self._exact = _by_path(entries, "exact")
        self._prefix = _by_path(entries, "prefix")
        self._regex = _by_path(entries, "regex")
        host = f"{site.door}|{site.host}"
        self._site = f"~{host}" if self._regex else host
        if site.deep and site.host.startswith("*."):
            made.deep.setdefault(site.door, {})[site.host[1:]] = self._site
        else:
            made.hosts.setdefault(site.door, {})[site.host] = self._site

    def place(self) -> None:
        made, site = self._made, self._site
        for path, entries in self._exact.items():
            made.exact[site + path] = self._named([*entries, *self._after(path, False)])
        if self._regex:
            ordered = self._ordered()
            for i, (text, entries) in enumerate(ordered):
                rest = [e for t, later in ordered[i + 1 :] for e in _under(t, later)]
                made.regex[f"^{re.escape(site)}{text}"] = self._named([*entries, *rest])
            return
        for path, entries in self._prefix.items():
            bare = path.rstrip("/")
            made.prefix[f"{site}{bare}/"] = self._named([*entries, *self._after(path, True)])

    def _ordered(self) -> list[tuple[str, list[Entry]]]:
        """Regular expressions, and prefixes as such, with the entries of each. In a group: its
        alternatives are alternatives of a path, not of the site before it."""
        found = [(len(path), f"(?i:{path})", of) for path, of in self._regex.items()]
        found += [(len(path), pattern(path), of) for path, of in self._prefix.items()]
        return [(text, of) for _, text, of in sorted(found, key=lambda x: (-x[0], x[1]))]

    def _after(self, path: str, shorter: bool) -> Iterator[Entry]:
        """What comes if none of this path's entries fits."""
        if self._regex:
            for text, entries in self._ordered():
                yield from _under(text, entries)
            return
        bare = path.rstrip("/")
        if not shorter:
            yield from self._prefix.get(bare or "/", ())
        while bare:
            bare = bare.rpartition("/")[0]
            yield from self._prefix.get(bare or "/", ())

    def _named(self, entries: list[Entry]) -> str:
        """Whom these lead to, as one word."""
        choices: list[Choice] = []
        for entry in entries:
            choices.append((entry.conditions, self._of_shares(entry)))
            if not entry.conditions:
                break
        if not choices[0][0]:
            return choices[0][1]
        name = f"g.{_digest(repr((self._site, choices)))}"
        self._made.groups[name] = tuple(choices)
        return name

    def _of_shares(self, entry: Entry) -> str:
        shares = [share for share in entry.shares if share.weight > 0] or [*entry.shares[:1]]
        for share in shares:
            self._made.backends[share.backend.name] = share.backend
        if len(shares) == 1:
            return shares[0].backend.name
        names = [share.backend.name for share in shares]
        name = f"w.{_digest(repr((self._site, entry.how, entry.path, entry.rank, names)))}"
        self._made.splits[name] = tuple((b.name, share) for b, share in grains(shares))
        return name


def _by_path(entries: list[Entry], how: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.how == how:
            path = (entry.path.rstrip("/") or "/") if how == "prefix" else entry.path
            found.setdefault(path, []).append(entry)
    return found


def _under(text: str, entries: list[Entry]) -> Iterator[Entry]:
    """The same, for paths that fit."""
    fits = Condition("path", "", f"^{text}", "regex")
    for entry in entries:
        yield Entry(entry.how, entry.path, entry.shares, (fits, *entry.conditions), entry.rank)


def grains(shares: Sequence[Share]) -> Iterator[tuple[Backend, int]]:
    """Whole ones, GRAIN in all."""
    total, given, sum_before = sum(share.weight for share in shares), 0, 0
    for share in shares:
        sum_before += share.weight
        until = round(GRAIN * sum_before / total)
        yield share.backend, until - given
        given = until


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
