"""Who may come in: so many connections from each port, and where it is full the greediest goes."""

import asyncio

EACH, ALL = 16, 256
Visit = asyncio.Task[None]


class Visitors:
    """Open connections by the caller's interface, the oldest first."""

    def __init__(self, each: int = EACH, all: int = ALL) -> None:
        self._each, self._all = each, all
        self._inside: dict[int, list[Visit]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._inside.values()))

    def make_room(self, caller: int) -> bool:
        """False if the caller has enough; else another one may have to go."""
        own = len(self._inside.get(caller, ()))
        if own >= self._each:
            return False
        if len(self) < self._all:
            return True
        greediest = max(self._inside.values(), key=len)
        if len(greediest) <= own + 1:
            return False
        greediest[0].cancel()
        return True

    def enter(self, caller: int, visit: Visit) -> None:
        self._inside.setdefault(caller, []).append(visit)
        visit.add_done_callback(lambda _: self._leave(caller, visit))

    def _leave(self, caller: int, visit: Visit) -> None:
        self._inside[caller].remove(visit)
        if not self._inside[caller]:
            del self._inside[caller]
