"""All objects at one revision, immutable: a reader never sees half a write.

Built on persistent maps (HAMT), so that the snapshot after a write shares all but a few nodes
with the one before: keeping an old one costs nothing, and making a new one costs microseconds,
however many objects there are.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Any, TypeVar

from immutables import Map

from polpo.model.object import Object

T = TypeVar("T", bound=Object)

_NONE: Map[Any, Any] = Map()


class Snapshot:
    """Reads are dictionary look-ups. `put` and `remove` answer with a new snapshot."""

    __slots__ = ("_claims", "_index", "_objects", "_traits", "revision")

    def __init__(
        self,
        revision: int = 0,
        objects: Map[str, Map[str, Any]] = _NONE,
        claims: Map[str, Map[str, str]] = _NONE,
        index: Map[tuple[str, str, str], Map[str, Any]] = _NONE,
        traits: Map[tuple[str, str, str], Map[Any, int]] = _NONE,
    ) -> None:
        self.revision = revision
        self._objects = objects
        self._claims = claims
        self._index = index
        self._traits = traits

    @classmethod
    def of(cls, objects: Iterable[Object], revision: int) -> "Snapshot":
        """All at once: the same as a `put` for each, several times as fast."""
        kinds: dict[str, Any] = {}
        claims: dict[str, Any] = {}
        index: dict[tuple[str, str, str], Any] = {}
        traits: dict[tuple[str, str, str], Any] = {}
        for obj in objects:
            _growing(kinds, obj.kind)[obj.id] = obj
            for scope, key in obj.claims():
                _growing(claims, scope)[key] = obj.id
            for name, value in obj.index():
                _growing(index, (obj.kind, name, value))[obj.id] = obj
            for name, value, trait in obj.traits():
                counts = _growing(traits, (obj.kind, name, value))
                counts[trait] = counts.get(trait, 0) + 1
        return cls(revision, _grown(kinds), _grown(claims), _grown(index), _grown(traits))

    def get(self, cls: type[T], id: str) -> T | None:
        """The object, or None."""
        return self._objects.get(cls.kind, _NONE).get(id)

    def all(self, cls: type[T]) -> Iterable[T]:
        """Every object of the kind, in no particular order."""
        return self._objects.get(cls.kind, _NONE).values()

    def count(self, cls: type[T]) -> int:
        return len(self._objects.get(cls.kind, _NONE))

    def has_the_same(self, other: "Snapshot", *kinds: type[Object]) -> bool:
        """Whether no object of these kinds has been written between the two; O(1)."""
        mine, theirs = self._objects, other._objects
        return all(mine.get(cls.kind) is theirs.get(cls.kind) for cls in kinds)

    def by(self, cls: type[T], name: str, value: str) -> Iterable[T]:
        """The objects whose index entry `name` is `value`."""
        return self._index.get((cls.kind, name, value), _NONE).values()

    def count_by(self, cls: type[T], name: str, value: str) -> int:
        """How many `by` would give, without looking at them."""
        return len(self._index.get((cls.kind, name, value), _NONE))

    def traits(self, cls: type[T], name: str, value: str) -> Collection[Any]:
        """The different traits of that name and value: no more work than there are of them."""
        return self._traits.get((cls.kind, name, value), _NONE).keys()

    def has_trait(self, cls: type[T], name: str, value: str, trait: Hashable) -> bool:
        """Whether any object has it."""
        return trait in self._traits.get((cls.kind, name, value), _NONE)

    def holder(self, scope: str, key: str) -> str | None:
        """The id of the object that holds a claim, or None."""
        return self._claims.get(scope, _NONE).get(key)

    def claimed(self, scope: str) -> Map[str, str]:
        """All claims within a scope: key -> id of the holder."""
        return self._claims.get(scope, _NONE)

    def objects(self) -> Iterator[Object]:
        for kind in self._objects.values():
            yield from kind.values()

    def put(self, obj: Object) -> "Snapshot":
        """With `obj` in the place of what had its id. The caller has checked its claims."""
        old = self._objects.get(obj.kind, _NONE).get(obj.id)
        claims, index = self._claims, self._index
        if old is not None:
            claims, index = _without(claims, index, old)
        for scope, key in obj.claims():
            claims = claims.set(scope, claims.get(scope, _NONE).set(key, obj.id))
        for name, value in obj.index():
            entry = (obj.kind, name, value)
            index = index.set(entry, index.get(entry, _NONE).set(obj.id, obj))
        objects = self._objects.set(obj.kind, self._objects.get(obj.kind, _NONE).set(obj.id, obj))
        traits = _counted(self._traits, obj.kind, old, obj)
        return Snapshot(self.revision, objects, claims, index, traits)

    def remove(self, obj: Object) -> "Snapshot":
        """Without the object of that kind and id; the same snapshot if there is none."""
        kind = self._objects.get(obj.kind, _NONE)
        old = kind.get(obj.id)
        if old is None:
            return self
        claims, index = _without(self._claims, self._index, old)
        objects = self._objects.set(obj.kind, kind.delete(obj.id))
        traits = _counted(self._traits, obj.kind, old, None)
        return Snapshot(self.revision, objects, claims, index, traits)

    def at(self, revision: int) -> "Snapshot":
        """The same objects, called by another revision."""
        return Snapshot(revision, self._objects, self._claims, self._index, self._traits)


def _without(claims: Any, index: Any, old: Object) -> tuple[Any, Any]:
    for scope, key in old.claims():
        claims = _discard(claims, scope, key)
    for name, value in old.index():
        index = _discard(index, (old.kind, name, value), old.id)
    return claims, index


def _counted(traits: Any, kind: str, old: Object | None, new: Object | None) -> Any:
    """The traits with one object in the place of another."""
    gone = old.traits() if old is not None else ()
    come = new.traits() if new is not None else ()
    if gone == come:
        return traits
    steps = [*((entry, 1) for entry in come), *((entry, -1) for entry in gone)]
    for (name, value, trait), step in steps:
        at = (kind, name, value)
        counts = traits.get(at, _NONE)
        count = counts.get(trait, 0) + step
        kept = traits.set(at, counts.set(trait, count))
        traits = kept if count else _discard(traits, at, trait)
    return traits


def _discard(outer: Any, at: Any, key: Any) -> Any:
    """Take `key` out of the inner map; an inner map that is empty goes too."""
    inner = outer.get(at, _NONE)
    if key not in inner:
        return outer
    inner = inner.delete(key)
    return outer.set(at, inner) if inner else outer.delete(at)


def _growing(maps: dict[Any, Any], at: Any) -> Any:
    """The inner map at `at`, open to be filled in place."""
    if at not in maps:
        maps[at] = _NONE.mutate()
    return maps[at]


def _grown(maps: dict[Any, Any]) -> Map[Any, Any]:
    return Map((at, inner.finish()) for at, inner in maps.items())
