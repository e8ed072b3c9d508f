"""What has a host carry networks and domains. Pure.

A host carries the networks that it has ports in, and all of the domains that these are in; and the
domain of each router that it has an instance of a gateway of; and the network between the instances
of each load balancer that it has one of.
"""

from collections.abc import Collection

from polpo.compiler.domains import Domain
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot


def networks_of(snapshot: Snapshot, host: str) -> Collection[str]:
    """The ids of the networks that the host itself has to do with."""
    return snapshot.traits(Port, "carries", host)


def hosts_of(snapshot: Snapshot, domain: Domain) -> frozenset[str]:
    """The names of the hosts that have to do with any network or router of the domain."""
    hosts = [snapshot.traits(Port, "carried_by", network) for network in domain.networks]
    homes = [
        p.host for router in domain.routers for p in snapshot.by(Placement, "function", router)
    ]
    return frozenset(homes).union(*hosts)


def functions_of(snapshot: Snapshot, host: str) -> list[str]:
    """The ids of the routers and of the load balancers that have an instance on the host."""
    return [placement.function_id for placement in snapshot.by(Placement, "host", host)]
