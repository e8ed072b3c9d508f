"""Which hosts are there for which physical networks, for how long they are left in peace if not."""

from collections.abc import Mapping, Set

import msgspec

from polpo.model.host import Host
from polpo.model.snapshot import Snapshot
from polpo.placement.homes import Home
from polpo.placement.needs import needs


class Presence(msgspec.Struct, frozen=True):
    """Physical networks by host: those that it offers now, and those it had a short while ago.

    unknown  we have not been listening for long enough to miss anybody
    heard    addresses of hosts that others hear
    """

    offers: Mapping[str, Set[str]] = {}
    keeps: Mapping[str, Set[str]] = {}
    unknown: bool = False
    heard: Set[str] = frozenset()


def homes(snapshot: Snapshot, presence: Presence) -> dict[str, Home]:
    """Of all hosts, by name."""
    wanted = frozenset(need.physical_network for need in needs(snapshot))
    return {
        host.name: Home(
            name=host.name,
            zone=host.availability_zone,
            admin_state_up=host.admin_state_up,
            offers=frozenset(presence.offers.get(host.name, ())),
            heard=host.address in presence.heard,
            keeps=wanted if presence.unknown else frozenset(presence.keeps.get(host.name, ())),
        )
        for host in snapshot.all(Host)
    }
