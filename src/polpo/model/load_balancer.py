"""Load balancers and what hangs on them (Octavia API v2).

A tree: load balancer, its listeners and pools; a listener's L7 policies with their rules; a pool's
members and its health monitor. All of a tree name their load balancer, so that it is found whole.
Field names and values are those of the API; "" is its null for a reference or a text.

These are the only model of a listener, a pool and so on: the rows of a host's target carry the same
values (polpo.target.balancer), and HAProxy's configuration is written from them.
"""

from typing import ClassVar

import msgspec

from polpo.model.object import Claim, IndexEntry, Object, Owned
from polpo.model.secret import id_in

VIP = "Octavia"
"""`device_owner` of the port that holds the addresses of a load balancer, as Octavia says it."""
INSTANCE = "network:load_balancer"
"""`device_owner` of an instance's own ports; `device_id` is the instance's id (placement.py)."""

ACTIVE_STANDBY, SINGLE = "ACTIVE_STANDBY", "SINGLE"
LEAST_MEMORY_MIB = 64
"""With less HAProxy and keepalived could not begin."""
PROXIED, SWITCHED = "amphora", "switch"
"""Providers: HAProxy in a pair of instances (`octavia` is the same by another name); or the switch
of each client's own host, and the instances only see to it which members work."""


class Vip(msgspec.Struct, frozen=True):
    """One more address of a load balancer, in a subnet of the same network as the first."""

    subnet_id: str
    ip_address: str


class LoadBalancer(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """One address and what is behind it.

    vni       its own number, of the same numbers as networks have: that of the network between its
              two instances
    topology  ACTIVE_STANDBY or SINGLE, as its flavor said when it was made; and so `compute_zone`,
              where its instances are to be, of its availability zone: "" for anywhere
    memory_mib  that each of its instances may have, as its flavor said; 0: as its host says
    access_log  whether its instances' hosts write down who asks for what, as its flavor said
    wiring    the store's revision that last changed anything of the tree
    wish      counts the calls of `failover`: with each one the standby becomes the active one
    """

    kind: ClassVar[str] = "load_balancer"

    vni: int
    vip_address: str
    vip_network_id: str
    vip_port_id: str
    vip_subnet_id: str = ""
    vip_qos_policy_id: str = ""
    vip_sg_ids: tuple[str, ...] = ()
    additional_vips: tuple[Vip, ...] = ()
    admin_state_up: bool = True
    provider: str = PROXIED
    flavor_id: str = ""
    availability_zone: str = ""
    topology: str = ACTIVE_STANDBY
    memory_mib: int = 0
    access_log: bool = False
    compute_zone: str = ""
    wiring: int = 0
    wish: int = 0

    @property
    def addresses(self) -> tuple[Vip, ...]:
        """All of them, the first first."""
        return (Vip(self.vip_subnet_id, self.vip_address), *self.additional_vips)

    def claims(self) -> tuple[Claim, ...]:
        return (("vni", str(self.vni)), ("vip", self.vip_port_id))

    def index(self) -> tuple[IndexEntry, ...]:
        flavor = (("flavor", self.flavor_id),) if self.flavor_id else ()
        zone = (("availability_zone", self.availability_zone),) if self.availability_zone else ()
        found = (("vip_address", self.vip_address), ("vip_network", self.vip_network_id))
        subnets = {self.vip_subnet_id, *(vip.subnet_id for vip in self.additional_vips)} - {""}
        held = (("vip_subnet", id) for id in sorted(subnets))
        return (*super().index(), *found, *held, *flavor, *zone)


class Part(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Of a load balancer's tree."""

    load_balancer_id: str
    admin_state_up: bool = True

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("load_balancer", self.load_balancer_id))


class Listener(Part, frozen=True, kw_only=True, omit_defaults=True):
    """A port that the load balancer listens on. Timeouts in milliseconds.

    protocol            HTTP, HTTPS (passed through), TCP, UDP, TERMINATED_HTTPS or PROMETHEUS
    connection_limit    -1: none
    insert_headers      name -> "true" or "false", as the API has it
    client_authentication  NONE, OPTIONAL or MANDATORY
    """

    kind: ClassVar[str] = "listener"

    protocol: str
    protocol_port: int
    connection_limit: int = -1
    default_pool_id: str = ""
    insert_headers: dict[str, str] = {}
    allowed_cidrs: tuple[str, ...] = ()
    timeout_client_data: int = 50_000
    timeout_member_connect: int = 5_000
    timeout_member_data: int = 50_000
    timeout_tcp_inspect: int = 0
    default_tls_container_ref: str = ""
    sni_container_refs: tuple[str, ...] = ()
    client_authentication: str = "NONE"
    client_ca_tls_container_ref: str = ""
    client_crl_container_ref: str = ""
    tls_ciphers: str = ""
    tls_versions: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()
    hsts_max_age: int | None = None
    hsts_include_subdomains: bool = False
    hsts_preload: bool = False

    def is_switched(self, provider: str) -> bool:
        """Whether the switch carries it: HAProxy has no UDP."""
        return provider == SWITCHED or self.protocol == "UDP"

    @property
    def transport(self) -> str:
        return "udp" if self.protocol == "UDP" else "tcp"

    @property
    def refs(self) -> tuple[str, ...]:
        """References to certificates."""
        own = (self.default_tls_container_ref, *self.sni_container_refs)
        clients = (self.client_ca_tls_container_ref, self.client_crl_container_ref)
        return tuple(filter(None, (*own, *clients)))

    def claims(self) -> tuple[Claim, ...]:
        where = f"{self.transport}/{self.protocol_port}"
        return ((f"listener/{self.load_balancer_id}", where),)

    def index(self) -> tuple[IndexEntry, ...]:
        pool = (("pool", self.default_pool_id),) if self.default_pool_id else ()
        return (*super().index(), *pool, *_secrets(self.refs))


class Persistence(msgspec.Struct, frozen=True):
    """How a client is sent to the member that it had before.

    type          SOURCE_IP, HTTP_COOKIE or APP_COOKIE
    timeout_s, granularity  of SOURCE_IP with UDP: seconds, netmask; None where not said
    """

    type: str
    cookie_name: str = ""
    timeout_s: int | None = None
    granularity: str | None = None


class Pool(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Members that requests are divided among.

    protocol      HTTP, HTTPS, PROXY, PROXYV2, TCP or UDP
    lb_algorithm  ROUND_ROBIN, LEAST_CONNECTIONS, SOURCE_IP or SOURCE_IP_PORT
    tls_enabled   members are spoken to in TLS (re-encryption)
    """

    kind: ClassVar[str] = "pool"

    protocol: str
    lb_algorithm: str
    session_persistence: Persistence | None = None
    tls_enabled: bool = False
    tls_container_ref: str = ""
    ca_tls_container_ref: str = ""
    crl_container_ref: str = ""
    tls_ciphers: str = ""
    tls_versions: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()

    @property
    def refs(self) -> tuple[str, ...]:
        """References to certificates."""
        refs = (self.tls_container_ref, self.ca_tls_container_ref, self.crl_container_ref)
        return tuple(filter(None, refs)) if self.tls_enabled else ()

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), *_secrets(self.refs))


def _secrets(refs: tuple[str, ...]) -> tuple[IndexEntry, ...]:
    """By what they lead to: a secret's id, or a container's."""
    return tuple(("secret", id_in(ref)) for ref in refs)


class Member(Part, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who answers. `weight` 0 .. 256: 0 gets no new ones; `backup`: only without others.

    subnet_id  where it is reached, "" for where the load balancer's own address is
    """

    kind: ClassVar[str] = "member"

    pool_id: str
    address: str
    protocol_port: int
    weight: int = 1
    backup: bool = False
    subnet_id: str = ""
    monitor_address: str = ""
    monitor_port: int | None = None

    def claims(self) -> tuple[Claim, ...]:
        return ((f"member/{self.pool_id}", f"{self.address} {self.protocol_port}"),)

    def index(self) -> tuple[IndexEntry, ...]:
        subnet = (("subnet", self.subnet_id),) if self.subnet_id else ()
        return (*super().index(), ("pool", self.pool_id), *subnet)


class Outage(Object, frozen=True, kw_only=True, omit_defaults=True):
    """A member (by its own id) that instances have found not to work. The cloud's own."""

    kind: ClassVar[str] = "outage"

    load_balancer_id: str

    def index(self) -> tuple[IndexEntry, ...]:
        return (("load_balancer", self.load_balancer_id),)


class HealthMonitor(Part, frozen=True, kw_only=True, omit_defaults=True):
    """How it is seen whether members work. `delay` and `timeout` in seconds.

    type          HTTP, HTTPS, TCP, PING, UDP-CONNECT or TLS-HELLO
    max_retries   successes in a row that make a member ONLINE; max_retries_down: failures, ERROR
    """

    kind: ClassVar[str] = "health_monitor"

    pool_id: str
    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int = 3
    http_method: str = "GET"
    url_path: str = "/"
    expected_codes: str = "200"
    http_version: str = ""
    domain_name: str = ""

    def claims(self) -> tuple[Claim, ...]:
        return (("health_monitor", self.pool_id),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("pool", self.pool_id))


class L7Policy(Part, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of requests that all its rules are true of; the first policy that matches wins.

    action    REJECT, REDIRECT_TO_POOL, REDIRECT_TO_URL or REDIRECT_PREFIX
    position  from 1, without gaps among a listener's policies
    """

    kind: ClassVar[str] = "l7policy"

    listener_id: str
    action: str
    position: int
    redirect_pool_id: str = ""
    redirect_url: str = ""
    redirect_prefix: str = ""
    redirect_http_code: int = 302

    def index(self) -> tuple[IndexEntry, ...]:
        pool = (("pool", self.redirect_pool_id),) if self.redirect_pool_id else ()
        return (*super().index(), ("listener", self.listener_id), *pool)


class L7Rule(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One condition.

    type          HOST_NAME, PATH, FILE_TYPE, HEADER, COOKIE, SSL_CONN_HAS_CERT, SSL_VERIFY_RESULT
                  or SSL_DN_FIELD
    compare_type  REGEX, STARTS_WITH, ENDS_WITH, CONTAINS or EQUAL_TO
    """

    kind: ClassVar[str] = "l7rule"

    l7policy_id: str
    type: str
    compare_type: str
    value: str
    key: str = ""
    invert: bool = False

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("l7policy", self.l7policy_id))


class BalancerQuota(Object, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of one project (`id` is the project's), -1 for none; what is not here is default."""

    kind: ClassVar[str] = "load_balancer_quota"

    limits: dict[str, int] = {}
