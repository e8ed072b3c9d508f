"""Which numbers pods have for a port's name, counted as pods come and go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from polpo.policy.members import Member

Name = tuple[str, str, str]
"""namespace ("" for all), name, protocol"""


class PortNumbers:
    """`users` are the policies that have asked for a name."""

    def __init__(self) -> None:
        self._counts: defaultdict[Name, Counter[int]] = defaultdict(Counter)
        self._users: defaultdict[Name, set[str]] = defaultdict(set)

    def of(self, name: Name, user: str) -> Iterable[int]:
        self._users[name].add(user)
        return tuple(self._counts[name]) if name in self._counts else ()

    def forget(self, user: str) -> None:
        for name in [name for name, users in self._users.items() if user in users]:
            self._users[name].discard(user)
            if not self._users[name]:
                del self._users[name]

    def replace(self, before: Member | None, after: Member | None) -> set[str]:
        """Answers with the policies to which this makes a difference."""
        old, new = set(_ports(before)), set(_ports(after))
        changed = {name for name, number in new - old if self._add(name, number)}
        changed |= {name for name, number in old - new if self._take(name, number)}
        return {user for name in changed for user in self._users.get(name, ())}

    def _add(self, name: Name, number: int) -> bool:
        counts = self._counts[name]
        counts[number] += 1
        return counts[number] == 1

    def _take(self, name: Name, number: int) -> bool:
        counts = self._counts[name]
        counts[number] -= 1
        if counts[number]:
            return False
        del counts[number]
        if not counts:
            del self._counts[name]
        return True


def _ports(pod: Member | None) -> Iterator[tuple[Name, int]]:
    for port in pod.ports if pod else ():
        yield ("", port.name, port.protocol), port.number
        yield (pod.namespace if pod else "", port.name, port.protocol), port.number
