"""This host's instance of a load balancer, as a row of its target (slice `host/...`)."""

import msgspec

from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Pool,
)
from polpo.target.row import Row


class Link(msgspec.Struct, frozen=True):
    """An instance's place in a network: a `Port` row in the same slice, which has its addresses.

    `network` is the network's id, for people.
    """

    port: str
    network: str


class Certificate(msgspec.Struct, frozen=True):
    """What a reference leads to now; `digest` changes with the content (sha256 of it, hex).

    The content is asked for by the agent, and is in no row.
    """

    ref: str
    digest: str


class Balancer(Row, frozen=True, omit_defaults=True, tag_field="row", tag="balancer"):
    """One of two instances, or the only one.

    balancer      the load balancer itself and, each sorted by id, what its tree has. These are the
                  model's own values without what the API keeps of them besides: names, tags, times,
                  revisions, and whose they are
    name, project for people and for figures; so `names`, of listeners, pools and members by id
    vni           number of the network between the two (the transit network, as a gateway's)
    port          id of the `Port` row, in the same slice, of its end in there, with the addresses
                  169.254.0.<instance>/24 and fe80::<instance>/64, without port security
    instance      3 or 4; the peer has the other one, and `peer_mac` in the network between them;
                  `alone`: there is no peer
    priority, preempt  as those of `Gateway`
    vips          addresses with prefix length, "10.0.0.5/24", which the active one has
    front         its place in the network of the `vips`
    backs         its places in other networks, where members are
    certificates  of all references in the tree
    """

    vni: int
    balancer: LoadBalancer
    name: str
    project: str
    port: str
    instance: int
    priority: int
    vips: tuple[str, ...]
    front: Link
    backs: tuple[Link, ...] = ()
    peer_mac: str = ""
    alone: bool = False
    preempt: bool = False
    listeners: tuple[Listener, ...] = ()
    pools: tuple[Pool, ...] = ()
    members: tuple[Member, ...] = ()
    monitors: tuple[HealthMonitor, ...] = ()
    policies: tuple[L7Policy, ...] = ()
    rules: tuple[L7Rule, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    names: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"balancer/{self.vni}"


class Flow(msgspec.Struct, frozen=True, array_like=True):
    """What has passed a listener of an instance, since the instance began."""

    bytes_in: int = 0
    bytes_out: int = 0
    active_connections: int = 0
    total_connections: int = 0
    request_errors: int = 0


class Balancing(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent says of its instance of a load balancer (in `Status.balancing`, by `vni`).

    began      unix seconds: when its HAProxy began; figures count from there
    members    member's id -> as HAProxy sees it: UP, DOWN, DRAIN, MAINT or NO_CHECK
    flows      listener's id -> what passed
    error      why it does not serve as its row says; None if it does
    """

    began: int = 0
    members: dict[str, str] = {}
    flows: dict[str, Flow] = {}
    error: str | None = None
