"""target - actual = changes: the one comparison that every reconciler uses."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")


class Changes(msgspec.Struct, Generic[K, V], frozen=True):
    """What has to be written and removed to make actual equal to target."""

    put: dict[K, V]
    remove: tuple[K, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.remove)

    def __len__(self) -> int:
        return len(self.put) + len(self.remove)


def compare(target: Mapping[K, V], actual: Mapping[K, V]) -> Changes[K, V]:
    """The least changes that turn `actual` into `target`."""
    if target == actual:
        return Changes(put={}, remove=())
    put = {k: v for k, v in target.items() if actual.get(k) != v}
    return Changes(put=put, remove=tuple(k for k in actual if k not in target))
