"""What every stored object is: a frozen value with an identity, claims and indexes.

A *claim* is a name that only one object may hold at a time: an address of a subnet, a MAC of a
network, a VNI. The database keeps claims unique. An *index* entry is a property to find objects
by; any number of objects may share it. A *trait* is what many objects have in common, to be found
without looking at the objects: which networks the ports of a host are in. All three are pure
functions of the object.
"""

from collections.abc import Hashable
from typing import ClassVar, TypeAlias

import msgspec

Claim: TypeAlias = tuple[str, str]
"""(scope, key): key is taken once within scope."""

IndexEntry: TypeAlias = tuple[str, str]
"""(name, value): objects of one kind that share it are found by it."""

Trait: TypeAlias = tuple[str, str, Hashable]
"""(name, value, trait): each different trait is found once by (name, value)."""


class Object(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One stored object.

    revision         the store's revision that wrote it last (set by the store)
    revision_number  how often it was written: Neutron's `revision_number` (set by the store)
    created_at, updated_at  UTC, `2026-11-23T20:00:00Z`
    """

    kind: ClassVar[str]

    id: str
    revision: int = 0
    revision_number: int = 0
    created_at: str = ""
    updated_at: str = ""

    def claims(self) -> tuple[Claim, ...]:
        """What this object alone may hold."""
        return ()

    def index(self) -> tuple[IndexEntry, ...]:
        """What this object can be found by."""
        return ()

    def traits(self) -> tuple[Trait, ...]:
        """What is found because this object is there, for as long as one such object is."""
        return ()


class Owned(Object, frozen=True, kw_only=True, omit_defaults=True):
    """An object of a project, with the attributes that all of Neutron's resources share."""

    project_id: str = ""
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()

    def index(self) -> tuple[IndexEntry, ...]:
        return (("project", self.project_id), ("name", self.name))
