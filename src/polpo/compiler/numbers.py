"""Numbers taken from content: what is equal has the same number everywhere, for ever."""

from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

Groups: TypeAlias = tuple[str, ...]
"""Ids of the security groups that a port is in, sorted: a set that can be a key."""


@lru_cache(maxsize=4096)
def groups_number(groups: Groups) -> int:
    """By which rows speak of a set of groups: 64 bits; 0 for none at all, and for nothing else."""
    digest = blake2b("\n".join(groups).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) or 1) if groups else 0
