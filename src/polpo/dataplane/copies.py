"""Who gets copies of a network's broadcasts: `flood` entries, made anew only where that changes."""

from collections import defaultdict

from polpo.dataplane.claims import Claims, Source
from polpo.dataplane.endpoints import flood_entries

Receiver = tuple[int, int | bytes]
"""vni, and either the ifindex of a local port or the tunnel address of another host"""


class Copies:
    """Counts the rows that speak for each receiver. `settle` brings the entries up to date."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._receivers: dict[Source, Receiver] = {}
        self._counts: dict[int, dict[int | bytes, int]] = defaultdict(dict)
        self._unsettled: set[int] = set()

    def put(self, source: Source, receiver: Receiver | None) -> None:
        """The row `source` asks for copies to `receiver`, in place of what it asked before."""
        former = self._receivers.get(source)
        if former == receiver:
            return
        if former:
            del self._receivers[source]
            self._count(former, -1)
        if receiver:
            self._receivers[source] = receiver
            self._count(receiver, 1)

    def _count(self, receiver: Receiver, step: int) -> None:
        vni, where = receiver
        counts = self._counts[vni]
        count = counts.get(where, 0) + step
        if count:
            counts[where] = count
        else:
            del counts[where]
        if count == max(step, 0):  # the first came, or the last went
            self._unsettled.add(vni)

    def settle(self) -> None:
        for vni in self._unsettled:
            wheres = self._counts[vni]
            interfaces = [where for where in wheres if isinstance(where, int)]
            vteps = [where for where in wheres if isinstance(where, bytes)]
            self._claims.put(("flood", str(vni)), flood_entries(vni, interfaces, vteps))
            if not wheres:
                del self._counts[vni]
        self._unsettled.clear()
