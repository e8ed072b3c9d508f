"""PTR records: what an address means when several Services have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from polpo.dns.plugins.kubernetes.records import Target
from polpo.dns.wire.record import Record, Type

Targets = Callable[[str], Iterable[Target]]


class Reverse:
    """Which Services have an address, by its reverse name; `targets` says what one makes of its
    own. One Service is kept as its key, several as a tuple: nearly all addresses have one."""

    def __init__(self, ttl_s: int, targets: Targets) -> None:
        self._ttl_s, self._targets = ttl_s, targets
        self._keys: dict[bytes, str | tuple[str, ...]] = {}

    def move(self, key: str, old: Iterable[Target], new: Iterable[Target]) -> set[bytes]:
        """What a Service contributes has changed; answers with the names that this touches."""
        before, after = _by_name(old), _by_name(new)
        for name in before.keys() - after.keys():
            self._put(name, tuple(other for other in self._of(name) if other != key))
        for name in after.keys() - before.keys():
            self._put(name, tuple(sorted((*self._of(name), key))))
        return {name for name in before | after if before.get(name) != after.get(name)}

    def records(
        self, names: Iterable[bytes], known: Mapping[str, Iterable[Target]] = {}
    ) -> dict[bytes, tuple[Record, ...] | None]:
        """As they are now, None for what no Service has. What `known` has is not asked again."""
        by_key: dict[str, dict[bytes, list[tuple[bool, bytes]]]] = {}
        found: dict[bytes, tuple[Record, ...] | None] = {}
        for name in names:
            meanings: list[tuple[bool, bytes]] = []
            for key in self._of(name):
                if key not in by_key:
                    by_key[key] = _by_name(known[key] if key in known else self._targets(key))
                meanings += by_key[key][name]
            found[name] = self._records(name, meanings)
        return found

    def everything(self, keys: Iterable[str]) -> Iterator[tuple[bytes, tuple[Record, ...]]]:
        """Service by Service: what an address of several means is said with the first of them."""
        for key in keys:
            mine = [name for name in _by_name(self._targets(key)) if self._of(name)[0] == key]
            for name, records in self.records(mine).items():
                if records is not None:
                    yield name, records

    def _of(self, name: bytes) -> tuple[str, ...]:
        keys = self._keys.get(name, ())
        return (keys,) if isinstance(keys, str) else keys

    def _put(self, name: bytes, keys: tuple[str, ...]) -> None:
        if keys:
            self._keys[name] = keys[0] if len(keys) == 1 else keys
        else:
            self._keys.pop(name, None)

    def _records(
        self, name: bytes, meanings: list[tuple[bool, bytes]]
    ) -> tuple[Record, ...] | None:
        """A Service's own address is its alone; endpoints may be those of several."""
        own = [target for is_own, target in meanings if is_own]
        targets = own[:1] or dict.fromkeys(target for _, target in meanings)
        found = tuple(Record(name, Type.PTR, self._ttl_s, target) for target in targets)
        return found or None


def _by_name(targets: Iterable[Target]) -> dict[bytes, list[tuple[bool, bytes]]]:
    found: dict[bytes, list[tuple[bool, bytes]]] = {}
    for name, own, target in targets:
        found.setdefault(name, []).append((own, target))
    return found
