"""What policies allow by the groups of a remote: an entry for each policy and each set of groups
that it is about. A new one is put beside those only that have a group in common with it.
"""

from collections import defaultdict
from collections.abc import Iterable

from polpo.dataplane.claims import Claims, Source
from polpo.dataplane.policies import ByGroup, peer_entries
from polpo.target.rows import GroupSet

Having = defaultdict[str, set[Source]]


class Peers:
    """`Source` is a row's place; entries are claimed by the policy's and the set's together."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._policies: dict[Source, tuple[ByGroup, int]] = {}
        self._sets: dict[Source, GroupSet] = {}
        self._naming: Having = defaultdict(set)
        self._having: Having = defaultdict(set)

    def put_policy(self, place: Source, rules: ByGroup, version: int) -> None:
        """No rules take it away."""
        former, _ = self._policies.pop(place, ({}, 0))
        _move(self._naming, place, former, rules)
        if rules:
            self._policies[place] = rules, version
        for other in _of_any(self._having, former.keys() | rules.keys()):
            self._claims.put(place + other, peer_entries(rules, version, self._sets[other]))

    def put_set(self, place: Source, row: GroupSet | None) -> None:
        former = self._sets.pop(place, None)
        before, now = former.groups if former else (), row.groups if row else ()
        _move(self._having, place, before, now)
        if row is not None:
            self._sets[place] = row
        for other in _of_any(self._naming, {*before, *now}):
            rules, version = self._policies[other]
            entries = peer_entries(rules, version, row) if row is not None else ()
            self._claims.put(other + place, entries)


def _move(having: Having, place: Source, before: Iterable[str], now: Iterable[str]) -> None:
    for group in before:
        having[group].discard(place)
        if not having[group]:
            del having[group]
    for group in now:
        having[group].add(place)


def _of_any(having: Having, groups: Iterable[str]) -> set[Source]:
    return {place for group in groups for place in having.get(group, ())}
