"""Routers and what hangs on them: gateways to external networks, floating IPs.

A router's interfaces are ports (`device_id` is the router's id): one port for each network and
address family that it joins. So is its gateway, in the external network.
"""

from typing import ClassVar

import msgspec

from polpo.model.network import HostRoute
from polpo.model.object import Claim, IndexEntry, Owned

INTERFACE = "network:router_interface"
"""`device_owner` of a router's interface."""
DISTRIBUTED_INTERFACE = "network:router_interface_distributed"
"""The same, of a router that is `distributed`: as Neutron says it."""
GATEWAY = "network:router_gateway"
CENTRALIZED_SNAT = "network:router_centralized_snat"
FLOATING_IP = "network:floatingip"
INTERFACES = (INTERFACE, DISTRIBUTED_INTERFACE)


class Router(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """Joins networks. `vni` is its own number, of the same numbers as networks have.

    gateway_port_id   port in the external network, "" without a gateway
    enable_snat       whether what has no floating IP reaches the outside (IPv4)
    routes            extra routes; several next hops for one destination are equal (ECMP)
    """

    kind: ClassVar[str] = "router"

    vni: int
    admin_state_up: bool = True
    distributed: bool = True
    ha: bool = True
    external_network_id: str = ""
    gateway_port_id: str = ""
    enable_snat: bool = True
    routes: tuple[HostRoute, ...] = ()
    availability_zone_hints: tuple[str, ...] = ()

    def claims(self) -> tuple[Claim, ...]:
        return (("vni", str(self.vni)),)

    def index(self) -> tuple[IndexEntry, ...]:
        external = (
            (("external_network", self.external_network_id),) if self.external_network_id else ()
        )
        return (*super().index(), *external)


class Forwarding(msgspec.Struct, frozen=True, order=True):
    """One protocol and port range of a floating IP, for one address of a port inside.

    Either each external port has an internal port of its own, in the same order, or all lead to
    `internal_port`, which is then `internal_port_last` too.
    """

    id: str
    protocol: str
    external_port: int
    external_port_last: int
    internal_port_id: str
    internal_address: str
    internal_port: int
    description: str = ""
    internal_port_last: int = 0


class FloatingIP(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """An address of an external network that stands for one of a port's fixed addresses.

    floating_port_id  the port that holds the address in the external network
    port_id, fixed_ip_address  "" while it stands for nobody
    router_id         also that of the port forwardings, which it may have instead of a port
    """

    kind: ClassVar[str] = "floatingip"

    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str = ""
    fixed_ip_address: str = ""
    router_id: str = ""
    dns_name: str = ""
    dns_domain: str = ""
    forwardings: tuple[Forwarding, ...] = ()
    qos_policy_id: str = ""

    def claims(self) -> tuple[Claim, ...]:
        """A fixed address has one floating IP of an external network."""
        if not self.port_id:
            return ()
        return (
            (f"floating/{self.floating_network_id}", f"{self.port_id}/{self.fixed_ip_address}"),
        )

    def index(self) -> tuple[IndexEntry, ...]:
        entries = (("network", self.floating_network_id), ("address", self.floating_ip_address))
        held = (("port", self.port_id),) if self.port_id else ()
        routed = (("router", self.router_id),) if self.router_id else ()
        inside = {f.internal_port_id for f in self.forwardings}
        shaped = (("qos_policy", self.qos_policy_id),) if self.qos_policy_id else ()
        forwarded = (("port", id) for id in sorted(inside))
        return (*super().index(), *entries, *held, *routed, *forwarded, *shaped)
