"""When namespaces of workloads are looked at."""

from types import SimpleNamespace
from typing import Any

from polpo.agent.plugs import Plug
from polpo.agent.wanted import Wire, Wired
from polpo.agent.workloads import FRESH_S, PIECE_S, Workloads
from polpo.kernel.links import Link
from polpo.target.rows import Port

WIRE = Wire("eth0", "02:00:00:00:00:01", 1400, frozenset(), frozenset())
EACH_S = PIECE_S / 2


class Slow(Workloads):
    """Namespaces that are all the same, and take their time."""

    def __init__(self, count: int) -> None:
        self.now, self.read, self.asked = 100.0, list[str](), 0
        names = [f"pp{n:011x}" for n in range(count)]
        port = Port("p", 7, WIRE.mac, WIRE.mtu, 0)
        ports = {name: Wired(port, Plug(name, "netns", "eth0", netns=name)) for name in names}
        self.links = {n: Link(i, n, "veth", True, 1400, "", "", 0, 2) for i, n in enumerate(names)}
        devices: Any = SimpleNamespace(read=lambda: self.links)
        super().__init__(devices, ports, lambda: self.now, self._ask)

    def _ask(self) -> None:
        self.asked += 1

    def _read(self, device: str, end: Link) -> Wire | None:
        self.read.append(device)
        self.now += EACH_S
        self._seen[device] = [], WIRE
        return WIRE

    def look(self) -> int:
        """How many were looked at."""
        before = len(self.read)
        assert len(self.read_actual()) == len(self.links)
        return len(self.read) - before


def test_what_is_new_is_looked_at_at_once_and_what_is_old_in_pieces() -> None:
    slow = Slow(7)
    assert slow.look() == 7
    assert slow.look() == slow.asked == 0
    slow.now += FRESH_S + PIECE_S * 4
    found = [slow.look() for _ in range(4)]
    assert found == [3, 3, 1, 0]
    assert slow.asked == 2
    assert sorted(slow.read[7:]) == sorted(slow.links)
