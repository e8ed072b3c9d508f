"""What a server hands on without having anything to do with it: in batches, and back in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Name (lower-case), the query after its ID, its question, its number in the batch, type, DO, and
# who waits.
Query = tuple[bytes, bytes, bytes, int, int, bool, Any]
# Who waits, the reply, or None if there was none, and the seconds it took.
Returned = tuple[Any, bytes | None, float]
Back = Callable[[list[Returned]], None]
Relay = Callable[[list[Query], Back], set[int]]
"""It says which it has taken, by their numbers: `Back` is called once for each of those."""
Through = Callable[[Relay], Relay]
"""What a plugin does to what is handed on, in front of a relay."""
