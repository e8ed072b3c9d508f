"""What one host must have, in rows. The seam between thinking (compiler) and doing (agent).

A row is the whole truth about its key: it replaces whatever was known of that key before, and
its absence from a full slice means that the thing is gone. Rows are grouped into *slices*:

    host/<name>      what only this host needs: its own ports, the policies these use, the networks
                     and routers it carries, its instances of routers' gateways, packets to follow
    network/<vni>    for all that carry the network: endpoints, group sets, subnets, services
    router/<vni>     for all that carry the router: interfaces, routes, services, nodes
    hosts            the hosts of the cloud: who may send us tunnelled packets

Networks and routers have numbers (`vni`) of one sequence. Those that are joined, transitively, are
a *domain*; a host that carries one network of it carries all, and all its routers.
Slices other than `host/...` are encoded once and sent to many hosts. All addresses are text in
canonical form (`ipaddress`), MACs lower case with colons.
"""

from typing import TypeAlias

import msgspec

from polpo.target.balancer import Balancer
from polpo.target.forwarding import Forwarding
from polpo.target.instance import Instance
from polpo.target.probe_row import Probe
from polpo.target.row import Row
from polpo.target.service import Backend, Node, Service


class Host(Row, frozen=True, omit_defaults=True, tag_field="row", tag="host"):
    """A host of the cloud (slice `hosts`). `address` is where its tunnel ends (its VTEP)."""

    name: str
    address: str

    @property
    def key(self) -> str:
        return f"host/{self.name}"


class Network(Row, frozen=True, omit_defaults=True, tag_field="row", tag="network"):
    """A network that this host carries (slice `host/...`): a port of its domain is bound here.

    `domain` is the smallest number of the routers in it, 0 where no router joins the network.
    """

    vni: int
    mtu: int
    domain: int = 0

    @property
    def key(self) -> str:
        return f"network/{self.vni}"

    @property
    def needs(self) -> str:
        """The slice that the host has to have because of this row."""
        return f"network/{self.vni}"


class Routing(Row, frozen=True, omit_defaults=True, tag_field="row", tag="routing"):
    """A router that this host carries (slice `host/...`): it needs the slice `router/<vni>`."""

    vni: int

    @property
    def key(self) -> str:
        return f"routing/{self.vni}"

    @property
    def needs(self) -> str:
        """The slice that the host has to have because of this row."""
        return f"router/{self.vni}"


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """Who a port may claim to be, besides its fixed addresses: an allowed address pair."""

    mac: str
    prefix: str


class Lease(msgspec.Struct, frozen=True):
    """One fixed address of a port; what its owner has to configure besides is the subnet's."""

    address: str
    subnet: str  # id of a `Subnet` row of the port's network


class DhcpOption(msgspec.Struct, frozen=True, array_like=True):
    """An option for this port besides its subnets' (Neutron's extra_dhcp_opts).

    name   dnsmasq's name of the option, or its number; value: text, as Neutron's users write it
    """

    name: str
    value: str
    family: int = 4


class Limit(msgspec.Struct, frozen=True, array_like=True):
    """At most `kbps` (1,000 bits a second) on average, and `burst_kbit` at once."""

    kbps: int
    burst_kbit: int


class Port(Row, frozen=True, omit_defaults=True, tag_field="row", tag="port"):
    """A port bound to this host (slice `host/...`).

    `policy` is the number of a `Policy` row in the same slice; 0, or none there, lets nothing pass.
    Without `port_security` the port is not filtered and may send from any address. `hostname` is
    what DHCP tells the port that it is called, empty for nothing. `ingress` and `egress` limit what
    it receives and sends; `dscp` marks what it sends. Without an `instance` it has no metadata
    service. `pods_of` is the Kubernetes cluster for whose pods the host may use it; `host_of` that
    whose pods the host itself reaches by it, and the prefixes `services`. With `policies` its
    groups are those of the sandbox `pod`, "" while they are not known. `made_for` is the attachment
    of a pod that chose it: it is for no other.
    """

    id: str
    vni: int
    mac: str
    mtu: int
    policy: int
    leases: tuple[Lease, ...] = ()
    pairs: tuple[Pair, ...] = ()
    port_security: bool = True
    admin_up: bool = True
    name: str = ""
    hostname: str = ""
    dhcp_options: tuple[DhcpOption, ...] = ()
    ingress: Limit | None = None
    egress: Limit | None = None
    dscp: int | None = None
    instance: Instance | None = None
    pods_of: str = ""
    host_of: str = ""
    services: tuple[str, ...] = ()
    policies: bool = False
    pod: str = ""
    made_for: str = ""

    @property
    def key(self) -> str:
        return f"port/{self.id}"


ADMIN, BASELINE = "admin", "baseline"
"""Tiers of rules, before and after those that have none."""
ACTIONS = ("allow", "deny", "pass")


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lets one kind of traffic in (`ingress`) or out; what none lets is denied.

    family    4 or 6
    protocol  IP protocol number, None for any
    low, high destination ports (TCP, UDP, SCTP, DCCP, UDP-Lite), inclusive, None for all;
              for ICMP low is the type and high the code, each None for any
    prefix    remote addresses; None with `group` None means any of the family
    group     security group whose members are the remotes
    action    "allow"; with a tier "deny" as well, or "pass": on to the next tier
    tier      "" of security groups' own rules; else of a cluster's administrators
    order     within the tier; the least is the first that counts
    """

    ingress: bool
    family: int
    protocol: int | None = None
    low: int | None = None
    high: int | None = None
    prefix: str | None = None
    group: str | None = None
    action: str = "allow"
    tier: str = ""
    order: int = 0


class Policy(Row, frozen=True, omit_defaults=True, tag_field="row", tag="policy"):
    """The rules of all security groups that some ports are in, as one set (slice `host/...`).

    `number` stands for the set of groups (64 bits), not for the rules: when these change, the
    ports' rows do not.
    """

    number: int
    rules: tuple[Rule, ...]

    @property
    def key(self) -> str:
        return f"policy/{self.number}"


class Endpoint(Row, frozen=True, omit_defaults=True, tag_field="row", tag="endpoint"):
    """A port of the network, wherever it is bound (slice `network/...`).

    host_address is the VTEP of its host. `groups` is the number of a `GroupSet` row
    of the same slice, 0 for none.
    """

    port: str
    mac: str
    host_address: str
    addresses: tuple[str, ...] = ()
    groups: int = 0

    @property
    def key(self) -> str:
        return f"endpoint/{self.port}"


class Subnet(Row, frozen=True, omit_defaults=True, tag_field="row", tag="subnet"):
    """What the ports of a network configure (slice `network/...`).

    routes                 (destination prefix, next hop)
    dhcp                   whether DHCP is answered (and router solicitations, with an `ra_mode`)
    ra_mode, address_mode  Neutron's `ipv6_ra_mode`, `ipv6_address_mode`: slaac, dhcpv6-stateless
                           or dhcpv6-stateful
    domain                 of the network's names, without the last dot; empty for none
    """

    id: str
    cidr: str
    gateway: str | None = None
    dns_servers: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    dhcp: bool = True
    ra_mode: str | None = None
    address_mode: str | None = None
    domain: str = ""

    @property
    def key(self) -> str:
        return f"subnet/{self.id}"


class Router(Row, frozen=True, omit_defaults=True, tag_field="row", tag="router"):
    """A router (slice `router/...`). `id` is for people; `domain` as in `Network`."""

    vni: int
    id: str
    domain: int

    @property
    def key(self) -> str:
        return f"router/{self.vni}"


class Interface(Row, frozen=True, omit_defaults=True, tag_field="row", tag="interface"):
    """A router's place in a network (slice `router/...`). Addresses are as "10.0.0.1/24".

    What is in the networks of its addresses is on the link: no `Route` row says so.
    A router may have several in one network.
    """

    port: str
    vni: int
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"interface/{self.port}"


class Route(Row, frozen=True, omit_defaults=True, tag_field="row", tag="route"):
    """Where a router sends what is beyond its links (slice `router/...`).

    via      next hops, each (number of a network that the router has an interface in, address);
             between several (at most 8) flows are divided. Without any it leads nowhere, whatever
             shorter prefixes say
    backups  next hops for when where none of `via` is cannot be known, in this order (with `via`
             at most 8)
    """

    prefix: str
    via: tuple[tuple[int, str], ...]
    backups: tuple[tuple[int, str], ...] = ()

    @property
    def key(self) -> str:
        return f"route/{self.prefix}"


class Member(Row, frozen=True, omit_defaults=True, tag_field="row", tag="member"):
    """A host that carries a domain, by its VTEP (slice `router/<domain>`).

    It is told of addresses that move in any network of the domain, for it routes to them.
    """

    address: str

    @property
    def key(self) -> str:
        return f"member/{self.address}"


class GroupSet(Row, frozen=True, omit_defaults=True, tag_field="row", tag="groups"):
    """The security groups some endpoints are in; `number` is taken from the content."""

    number: int
    groups: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"groups/{self.number}"


class FloatingLimits(msgspec.Struct, frozen=True, array_like=True):
    """What a floating address receives (`ingress`) and sends is limited; what it sends is marked.

    `dscp` is what its packets' DSCP is to be (RFC 2474), None for what it was.
    """

    address: str
    ingress: Limit | None = None
    egress: Limit | None = None
    dscp: int | None = None


class Gateway(Row, frozen=True, omit_defaults=True, tag_field="row", tag="gateway"):
    """This host's instance of a router's gateway (slice `host/...`).

    router            the router's id; `vni` its number, which is also its transit network's
    port              id of the `Port` row, in the same slice, of its end in the transit network:
                      without port security, with the addresses 169.254.0.<instance>/24 and
                      fe80::<instance>/64
    instance          3 or 4; the peer has the other one, and `peer_mac` in the transit network
    priority          1 .. 254 (RFC 9568): of two that begin, the greater is active; who is active
                      stays it, unless the other one has `preempt` and is greater
    physical_network  the agent knows which device leads there; `vlan` 0 is untagged
    external_mac      the MAC address of the active one outside, the same for both
    external          the router's own addresses outside, with prefix length; the first of IPv4
                      is what `snat` is translated to
    next_hops         outside; the first of each family is the default route's
    on_link           more prefixes that are on the link outside
    inside            prefixes reached through the router (169.254.0.1, fe80::1)
    snat              IPv4 prefixes inside that speak to the outside as the first external address
    routed            prefixes inside, of either family, that pass as they are, both ways
    floating          (floating, fixed) addresses
    routes            more prefixes outside, each with its next hops there; one for everywhere goes
                      before `next_hops`
    limits            of floating addresses, whether they are in `floating` or in `forwardings`
    """

    router: str
    vni: int
    physical_network: str
    mtu: int
    external_mac: str
    port: str = ""
    instance: int = 0
    peer_mac: str = ""
    priority: int = 0
    external: tuple[str, ...] = ()
    next_hops: tuple[str, ...] = ()
    on_link: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    snat: tuple[str, ...] = ()
    routed: tuple[str, ...] = ()
    floating: tuple[tuple[str, str], ...] = ()
    forwardings: tuple[Forwarding, ...] = ()
    routes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    limits: tuple[FloatingLimits, ...] = ()
    vlan: int = 0
    preempt: bool = False

    @property
    def key(self) -> str:
        return f"gateway/{self.vni}"


Carrying: TypeAlias = Network | Routing
"""What says which shared slices a host needs."""

AnyRow: TypeAlias = (
    Host
    | Network
    | Routing
    | Port
    | Policy
    | Endpoint
    | GroupSet
    | Subnet
    | Router
    | Interface
    | Route
    | Member
    | Gateway
    | Balancer
    | Service
    | Backend
    | Node
    | Probe
)
Slices: TypeAlias = dict[str, dict[str, AnyRow]]
"""slice name -> row key -> row: a whole target."""
