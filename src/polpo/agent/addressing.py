"""What the owner of a port's addresses has to configure: leases and their subnets. Pure."""

from collections.abc import Callable

import msgspec

from polpo.target.rows import Port, Subnet

SubnetOf = Callable[[int, str], Subnet | None]
"""(vni, id of the subnet) -> its row, if the target has it"""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """One address of a port, as it is said to who plugs it (`leases` in the agent's README)."""

    address: str
    prefix_length: int
    gateway: str | None = None
    routes: tuple[tuple[str, str], ...] = ()  # (destination prefix, next hop)
    dns_servers: tuple[str, ...] = ()


def addresses(port: Port, subnet_of: SubnetOf) -> tuple[Address, ...]:
    """Of leases whose subnet is known."""
    found = ((lease.address, subnet_of(port.vni, lease.subnet)) for lease in port.leases)
    return tuple(_address(address, subnet) for address, subnet in found if subnet is not None)


def _address(address: str, subnet: Subnet) -> Address:
    return Address(
        address=address,
        prefix_length=int(subnet.cidr.rpartition("/")[2]),
        gateway=subnet.gateway,
        routes=subnet.routes,
        dns_servers=subnet.dns_servers,
    )
