"""One snapshot, with what has been worked out of it so far, so that nothing is done twice."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from polpo.compiler.balancers import Tree, tree
from polpo.compiler.carriage import functions_of, hosts_of, networks_of
from polpo.compiler.domains import Domain, domain_of_network, domain_of_router, reshapes
from polpo.compiler.gateways import gateway
from polpo.compiler.numbers import Groups
from polpo.compiler.policies import policy
from polpo.compiler.routing import routing
from polpo.compiler.services import services
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.load_balancer import LoadBalancer
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.model.security_group import AddressGroup, SecurityGroupRule, TieredRule
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Gateway, Interface, Policy, Route
from polpo.target.service import Backend, Service

Policies = dict[Groups, Policy | None]
Domains = dict[str, Domain | None]


class View:
    """Answers are those of `snapshot`; a second question for the same thing is a look-up."""

    __slots__ = (
        "_domains",
        "_gateways",
        "_hosts",
        "_policies",
        "_routing",
        "_services",
        "_trees",
        "snapshot",
    )

    def __init__(
        self,
        snapshot: Snapshot,
        policies: Policies | None = None,
        domains: Domains | None = None,
    ) -> None:
        self.snapshot = snapshot
        self._policies: Policies = {} if policies is None else policies
        self._domains: Domains = {} if domains is None else domains
        self._hosts: dict[int, frozenset[str]] = {}  # by the domain's number
        self._routing: dict[str, dict[str, Interface | Route]] = {}
        self._gateways: dict[str, Gateway | None] = {}
        self._trees: dict[str, Tree] = {}
        self._services: dict[str, Mapping[str, Service | Backend]] = {}

    def after(self, snapshot: Snapshot, changes: Sequence[Change[Any]]) -> "View":
        """The view of a snapshot that is these changes later (or earlier)."""
        kinds = {change.subject.kind for change in changes}
        of_rules = SecurityGroupRule.kind, TieredRule.kind, AddressGroup.kind
        stale = not kinds.isdisjoint(of_rules)
        reshaped = any(map(reshapes, changes))
        policies = None if stale else self._policies
        return View(snapshot, policies, None if reshaped else self._domains)

    def host(self, name: str) -> Host | None:
        id = self.snapshot.holder("host", name)
        return self.snapshot.get(Host, id) if id is not None else None

    def host_at(self, address: str) -> Host | None:
        """The host whose tunnels end there."""
        id = self.snapshot.holder("host-address", address)
        return self.snapshot.get(Host, id) if id is not None else None

    def network(self, id: str) -> Network | None:
        return self.snapshot.get(Network, id)

    def network_of(self, vni: int) -> Network | None:
        """The network of that number."""
        id = self.snapshot.holder("vni", str(vni))
        return self.network(id) if id is not None else None

    def subnet(self, id: str) -> Subnet | None:
        return self.snapshot.get(Subnet, id)

    def router(self, id: str) -> Router | None:
        """None as well if it is switched off: it has no rows then."""
        router = self.snapshot.get(Router, id)
        return router if router is not None and router.admin_state_up else None

    def router_of(self, vni: int) -> Router | None:
        """The router of that number, if it is switched on."""
        id = self.snapshot.holder("vni", str(vni))
        return self.router(id) if id is not None else None

    def routing(self, router: Router) -> dict[str, Interface | Route]:
        """Its interfaces and routes by key."""
        if router.id not in self._routing:
            self._routing[router.id] = routing(self.snapshot, router)
        return self._routing[router.id]

    def gateway(self, router: Router) -> Gateway | None:
        """Its gateway, but for which instance it is; None if it leads nowhere."""
        if router.id not in self._gateways:
            rows = list(self.routing(router).values())
            self._gateways[router.id] = gateway(self.snapshot, router, rows)
        return self._gateways[router.id]

    def balancer(self, id: str) -> LoadBalancer | None:
        return self.snapshot.get(LoadBalancer, id)

    def balancer_of(self, vni: int) -> LoadBalancer | None:
        """The load balancer of that number."""
        id = self.snapshot.holder("vni", str(vni))
        return self.balancer(id) if id is not None else None

    def tree(self, balancer: LoadBalancer) -> Tree:
        """The load balancer with all that is switched on of it."""
        if balancer.id not in self._trees:
            self._trees[balancer.id] = tree(self.snapshot, balancer)
        return self._trees[balancer.id]

    def services(self, balancer: LoadBalancer) -> Mapping[str, Service | Backend]:
        """What the switches of its network have of it, by key."""
        if balancer.id not in self._services:
            self._services[balancer.id] = services(self.snapshot, balancer)
        return self._services[balancer.id]

    def domain_of(self, router: Router) -> Domain:
        """That of a router that is switched on."""
        domain = self._domain(router.id, domain_of_router)
        assert domain is not None
        return domain

    def domain(self, network_id: str) -> Domain | None:
        """That of a network; None where no router joins it, which is seen at a glance."""
        if not self.snapshot.traits(Port, "routers", network_id):
            return None
        return self._domain(network_id, domain_of_network)

    def _domain(self, id: str, find: Callable[[Snapshot, str], Domain | None]) -> Domain | None:
        if id not in self._domains:
            domain = find(self.snapshot, id)
            members = (*domain.routers, *domain.networks) if domain is not None else (id,)
            self._domains |= dict.fromkeys(members, domain)
        return self._domains[id]

    def hosts(self, domain: Domain) -> frozenset[str]:
        """The names of those that carry the domain."""
        if domain.number not in self._hosts:
            self._hosts[domain.number] = hosts_of(self.snapshot, domain)
        return self._hosts[domain.number]

    def carriers(self, network_id: str) -> Collection[str]:
        """The names of the hosts that carry a network: it, or another one of its domain."""
        domain = self.domain(network_id)
        if domain is not None:
            return self.hosts(domain)
        return self.snapshot.traits(Port, "carried_by", network_id)

    def domains_on(self, host: str) -> Collection[Domain]:
        """Those that the host carries."""
        found = [self.domain(network) for network in networks_of(self.snapshot, host)]
        routers = map(self.router, functions_of(self.snapshot, host))
        found += [self.domain_of(router) for router in routers if router is not None]
        return {domain.number: domain for domain in found if domain is not None}.values()

    def numbers(self, domain: Domain) -> tuple[list[int], list[int]]:
        """Those of its networks and of its routers. A router's may be a transit network's, too."""
        networks = map(self.network, domain.networks)
        routers = [router.vni for router in map(self.router, domain.routers) if router is not None]
        return [*(n.vni for n in networks if n is not None), *routers], routers

    def policy(self, groups: Groups) -> Policy | None:
        """What the groups (sorted) let pass together; None if that is nothing."""
        if groups not in self._policies:
            self._policies[groups] = policy(self.snapshot, groups)
        return self._policies[groups]
