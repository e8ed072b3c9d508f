"""Rows of services: addresses whose packets go to backends."""

import msgspec

from polpo.target.row import Row


class Face(msgspec.Struct, frozen=True, array_like=True):
    """Another address and port that a service is at; without an address, every host's own.

    limited  only for the service's `sources`
    """

    address: str
    port: int
    limited: bool = False


class Service(Row, frozen=True, omit_defaults=True, tag_field="row", tag="service"):
    """A protocol ("tcp" or "udp") and port of an address, which backends share among them.

    In the slice `network/...` of the network that the address is in, it is there for who sends
    from this network, and by routers that have an interface in it; in a slice `router/...` for who
    sends by this router.

    via        MAC address of the router that leads from the address's own network to backends
               elsewhere; empty for none
    by_source  one client's connections all go to one backend, as long as the same ones are there
    sticks_s   and for so many seconds after its last one began, whichever come; 0 for not
    local      only to backends on the client's own host
    sources    prefixes; packets from elsewhere are dropped. Empty for everywhere.
    faces      other addresses of it, to which `local` does not apply; with them, `sources` is for
               those only that are limited. What is at every host's own address, and has local
               backends for guests, leads to those on the host that is named
    guests     to whom it is who comes from outside by a host's own devices, to one of the faces:
               "cluster" (to any backend, by the host's address), "local" (to one on the same host,
               which sees the client's address); "" if to nobody
    name, health_port  where the host says how many ready backends of what it has; 0 for nowhere
    """

    id: str
    address: str
    protocol: str
    port: int
    via: str = ""
    by_source: bool = False
    sticks_s: int = 0
    local: bool = False
    sources: tuple[str, ...] = ()
    faces: tuple[Face, ...] = ()
    guests: str = ""
    name: str = ""
    health_port: int = 0

    @property
    def key(self) -> str:
        return f"service/{self.id}"


class Node(Row, frozen=True, omit_defaults=True, tag_field="row", tag="node"):
    """A host as a Kubernetes cluster knows it (in the slice of the cluster's router).

    `host` is the address of its tunnel; `addresses` are others that it has of its own, at which
    ports of every host are, too. `zone` is for `Backend.zones`.
    """

    cluster: str
    name: str
    host: str
    zone: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"node/{self.cluster}/{self.name}"


class Backend(Row, frozen=True, omit_defaults=True, tag_field="row", tag="backend"):
    """Where a service's packets go (in the service's slice).

    New flows are divided by weight, 0 .. 256; 0, or one that is not `up`, takes none. Flows that
    have it stay with it while its row is there; those of UDP, which know no end, while it is up.
    One that is `spare` takes flows only where no other does. `host` is where it is: the address of
    the host's tunnel, where that matters. `zones` and `nodes` are whom it is meant for: names of
    hosts' zones, and addresses of hosts' tunnels.
    """

    service: str
    address: str
    port: int
    weight: int = 1
    up: bool = True
    host: str = ""
    spare: bool = False
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"backend/{self.service}/{self.address}/{self.port}"
