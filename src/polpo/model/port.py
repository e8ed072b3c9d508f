"""Ports: everything with an address is one."""

from typing import Any, ClassVar

import msgspec

from polpo.model.object import Claim, IndexEntry, Owned, Trait
from polpo.model.router import INTERFACES


class FixedIP(msgspec.Struct, frozen=True, order=True):
    subnet_id: str
    ip_address: str


class AddressPair(msgspec.Struct, frozen=True, order=True):
    """What the port may send from besides its fixed addresses; `mac_address` None: its own."""

    ip_address: str
    mac_address: str | None = None


class DhcpOption(msgspec.Struct, frozen=True, order=True):
    opt_name: str
    opt_value: str | None
    ip_version: int = 4


EXPOSED = "exposed"
"""In a profile: the host's ports that lead to the port's own (model/exposed.py)."""


class Port(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """One attachment to a network.

    host    name of the host it is bound to (`binding:host_id`), "" if none
    wiring  the store's revision that last changed what switches need to know of it; the port
            is ACTIVE when the hosts that need it have reported this revision
    """

    kind: ClassVar[str] = "port"

    network_id: str
    mac_address: str
    fixed_ips: tuple[FixedIP, ...] = ()
    admin_state_up: bool = True
    device_id: str = ""
    device_owner: str = ""
    security_groups: tuple[str, ...] = ()
    port_security_enabled: bool = True
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    extra_dhcp_opts: tuple[DhcpOption, ...] = ()
    host: str = ""
    vnic_type: str = "normal"
    profile: dict[str, Any] = {}
    dns_name: str = ""
    dns_domain: str = ""
    propagate_uplink_status: bool = True
    qos_policy_id: str = ""
    wiring: int = 0

    def claims(self) -> tuple[Claim, ...]:
        addresses = ((address_scope(f.subnet_id), f.ip_address) for f in self.fixed_ips)
        return ((f"mac/{self.network_id}", self.mac_address), *addresses)

    def index(self) -> tuple[IndexEntry, ...]:
        return (
            *super().index(),
            ("network", self.network_id),
            *((("device", self.device_id),) if self.device_id else ()),
            *((("host", self.host),) if self.host else ()),
            *((("exposed", self.network_id),) if EXPOSED in self.profile else ()),
            *((("qos_policy", self.qos_policy_id),) if self.qos_policy_id else ()),
            *(("security_group", group) for group in self.security_groups),
            *(("subnet", f.subnet_id) for f in self.fixed_ips),
            *(("address", f.ip_address) for f in self.fixed_ips),
        )

    @property
    def group_set(self) -> tuple[str, ...]:
        """Its security groups, sorted: equal for ports that are in the same ones."""
        return tuple(sorted(self.security_groups))

    def traits(self) -> tuple[Trait, ...]:
        """What follows for hosts from the ports that are bound to them.

        carries     host -> networks
        carried_by  network -> hosts
        group_sets  network -> sets of groups that its bound ports are in
        guards      host -> sets of groups whose rules its ports need
        guarding    group -> (host, set of groups with this one)

        And of the interfaces of routers: `routers` network -> routers, `joined` router -> networks.
        """
        if self.device_owner in INTERFACES:
            return (
                ("routers", self.network_id, self.device_id),
                ("joined", self.device_id, self.network_id),
            )
        if not self.host:
            return ()
        groups = self.group_set
        bound: tuple[Trait, ...] = (
            ("carries", self.host, self.network_id),
            ("carried_by", self.network_id, self.host),
        )
        if groups:
            bound += (("group_sets", self.network_id, groups),)
        if groups and self.port_security_enabled:
            bound += (("guards", self.host, groups),)
            bound += tuple(("guarding", group, (self.host, groups)) for group in groups)
        return bound


def address_scope(subnet_id: str) -> str:
    """The scope in which addresses of the subnet are claimed."""
    return f"address/{subnet_id}"
