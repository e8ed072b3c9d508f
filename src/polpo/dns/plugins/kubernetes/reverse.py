"""PTR records: what an address means when several Services have it."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.dns.plugins.kubernetes.records import Target
from polpo.dns.wire.record import Record, Type


class Reverse:
    """By the reverse names; keys are those of the Services that contribute."""

    def __init__(self, ttl_s: int) -> None:
        self._ttl_s = ttl_s
        self._of: dict[str, dict[bytes, tuple[tuple[bool, bytes], ...]]] = {}
        self._keys: dict[bytes, tuple[str, ...]] = {}

    def put(self, key: str, targets: Iterable[Target]) -> dict[bytes, tuple[Record, ...] | None]:
        """All that a Service now contributes; answers with what that makes of each name."""
        old = self._of.pop(key, {})
        new: dict[bytes, tuple[tuple[bool, bytes], ...]] = {}
        for reverse, own, name in targets:
            new[reverse] = (*new.get(reverse, ()), (own, name))
        if new:
            self._of[key] = new
        for reverse in old.keys() - new.keys():
            self._keys[reverse] = tuple(other for other in self._keys[reverse] if other != key)
        for reverse in new.keys() - old.keys():
            self._keys[reverse] = tuple(sorted((*self._keys.get(reverse, ()), key)))
        touched = [reverse for reverse in {**old, **new} if old.get(reverse) != new.get(reverse)]
        return {reverse: self._records(reverse) for reverse in touched}

    def _records(self, reverse: bytes) -> tuple[Record, ...] | None:
        """A Service's own address is its alone; endpoints may be those of several."""
        keys = self._keys[reverse]
        if not keys:
            del self._keys[reverse]
            return None
        found = [target for key in keys for target in self._of[key][reverse]]
        own = [name for is_own, name in found if is_own]
        names = own[:1] or dict.fromkeys(name for _, name in found)
        return tuple(Record(reverse, Type.PTR, self._ttl_s, name) for name in names)
