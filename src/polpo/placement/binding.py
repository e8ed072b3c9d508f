"""The ports of load balancers' instances: bound to the hosts where the instances are."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from polpo.model.load_balancer import INSTANCE
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot


def rebound(snapshot: Snapshot, placements: Iterable[Placement]) -> Iterator[Port]:
    """Those that are bound to another host than they are to be, as they are to be."""
    for placement in placements:
        for port in snapshot.by(Port, "device", placement.id):
            if port.device_owner == INSTANCE and port.host != placement.host:
                yield replace(port, host=placement.host)
