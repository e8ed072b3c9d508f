"""Availability zones by name: those of the hosts, and the cloud's own."""

from collections.abc import Iterable

from polpo.api.network_v2.errors import not_found
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.settings import Settings
from polpo.model.host import Host
from polpo.model.snapshot import Snapshot


def names(snapshot: Snapshot, settings: Settings) -> set[str]:
    return {settings.availability_zone, *(h.availability_zone for h in snapshot.all(Host))}


def check(w: Writing, hints: Iterable[str]) -> None:
    """Raises AvailabilityZoneNotFound for a hint that names none."""
    known = names(w.snapshot, w.settings)
    for hint in hints:
        if hint not in known:
            raise not_found(
                "AvailabilityZoneNotFound", f"AvailabilityZone {hint} could not be found."
            )
