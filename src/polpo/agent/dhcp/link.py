"""What is known of the link that a port is on: its network's subnets, and routers."""

from collections.abc import Iterator

import msgspec

from polpo.dataplane.endpoints import link_local
from polpo.dataplane.tables import pack_mac
from polpo.target.rows import Interface, Port, Subnet


class Router(msgspec.Struct, frozen=True):
    """Who answers: `mac` and its link-local `address` (16 bytes). `forwards`: it really routes."""

    mac: bytes
    address: bytes
    forwards: bool


class Link(msgspec.Struct, frozen=True):
    """A port, the subnets of its network, and the interfaces of routers there."""

    port: Port
    subnets: tuple[Subnet, ...] = ()
    interfaces: tuple[Interface, ...] = ()

    def leases(self, family: int) -> Iterator[tuple[str, Subnet]]:
        """The port's addresses of subnets with DHCP, with the subnet of each."""
        subnets = {subnet.id: subnet for subnet in self.subnets}
        for lease in self.port.leases:
            subnet = subnets.get(lease.subnet)
            if subnet is not None and subnet.dhcp and family_of(subnet) == family:
                yield lease.address, subnet

    def router(self, subnet: Subnet) -> Router:
        """Whose address the subnet's gateway is, else `own`."""
        for interface in self.interfaces:
            if subnet.gateway in [a.partition("/")[0] for a in interface.addresses]:
                mac = pack_mac(interface.mac)
                return Router(mac, link_local(mac), forwards=True)
        return self.own

    @property
    def own(self) -> Router:
        """The network's own voice: the same on every host, and whether or not there are routers.

        02:70:6f ("po") and the network's number: locally administered.
        """
        mac = b"\x02po" + self.port.vni.to_bytes(3, "big")
        return Router(mac, link_local(mac), forwards=False)

    @property
    def disabled(self) -> bool:
        """By an option of that name, as with OVN."""
        options = self.port.dhcp_options
        return any(o.name == "dhcp_disabled" and o.value.lower() == "true" for o in options)


def family_of(subnet: Subnet) -> int:
    return 6 if ":" in subnet.cidr else 4
