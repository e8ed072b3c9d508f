"""What a port may send and receive, and how it is marked: entries and flags. Pure."""

from collections.abc import Iterator

from msgspec.structs import replace

from polpo.dataplane.policies import Entry
from polpo.dataplane.tables import LIMIT, LIMIT_KEY, PortFlag, Side
from polpo.target.rows import Limit, Port

LEAST_BURST_BYTES = 70_000
"""The 64 KiB that a stack hands over as one packet, with the headers of each segment in it."""


def limited(port: Port, ingress: Limit | None, egress: Limit | None) -> Port:
    """The port under these limits, too: of two for one direction the slower one holds."""
    if ingress is egress is None:
        return port
    return replace(
        port,
        ingress=_slower(port.ingress, ingress),
        egress=_slower(port.egress, egress),
    )


def _slower(*limits: Limit | None) -> Limit | None:
    return min(filter(None, limits), key=lambda limit: limit.kbps, default=None)


def limit_flags(port: Port) -> PortFlag:
    return PortFlag(
        PortFlag.LIMITED_INGRESS * (port.ingress is not None)
        | PortFlag.LIMITED_EGRESS * (port.egress is not None)
        | PortFlag.MARKED * (port.dscp is not None)
    )


def limit_entries(port: Port, ifindex: int) -> Iterator[Entry]:
    for side, limit in ((Side.INGRESS, port.ingress), (Side.EGRESS, port.egress)):
        if limit is not None:
            value = LIMIT.pack(limit.kbps, burst_ns(limit))
            yield "limits", LIMIT_KEY.pack(ifindex, side), value


def burst_ns(limit: Limit) -> int:
    """How long the burst lasts at the limit's rate."""
    burst_bytes = max(limit.burst_kbit * 125, LEAST_BURST_BYTES)
    return burst_bytes * 8_000_000 // limit.kbps
