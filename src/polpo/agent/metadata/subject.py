"""Whom the service speaks to: a port, with what its subnets say."""

import re
from collections.abc import Mapping

import msgspec

from polpo.target.instance import Instance
from polpo.target.rows import Lease, Port, Subnet

_NO_NAME = re.compile(r"[^a-z0-9-]+")


class Subject(msgspec.Struct, frozen=True):
    """`subnets` are those of the port's network, by id."""

    port: Port
    instance: Instance
    subnets: Mapping[str, Subnet]

    @property
    def hostname(self) -> str:
        """With the network's domain, if it is one name and the network has one."""
        name, domain = self.name, self.domain
        return f"{name}.{domain}" if domain and "." not in name else name

    @property
    def name(self) -> str:
        """By DHCP, else the port's, as far as a host may be called so; else its address."""
        own = _NO_NAME.sub("-", self.port.name.lower()).strip("-")[:63].strip("-")
        return self.port.hostname.removesuffix(".") or own or self._by_address

    @property
    def domain(self) -> str:
        return next((subnet.domain for subnet in self.subnets.values() if subnet.domain), "")

    @property
    def _by_address(self) -> str:
        """As Neutron's DHCP agent calls it."""
        address = self.ipv4 or next((lease.address for lease in self.port.leases), "")
        return "-".join(["host", *re.split(r"[.:]+", address)]).strip("-")

    @property
    def ipv4(self) -> str:
        """The first such address; empty if there is none."""
        return next((x.address for x in self.port.leases if ":" not in x.address), "")

    @property
    def floating(self) -> str:
        """The first address by which the outside reaches it; empty if there is none."""
        return next((outside for _, outside in self.instance.floating), "")

    def leases(self) -> list[tuple[Lease, Subnet]]:
        """Those whose subnet is known."""
        found = ((lease, self.subnets.get(lease.subnet)) for lease in self.port.leases)
        return [(lease, subnet) for lease, subnet in found if subnet is not None]
