"""What the ports of a network may ask of the agent, from the rows of the network's subnets."""

from polpo.dataplane.tables import PortFlag
from polpo.target.rows import Subnet

STATELESS, STATEFUL = "dhcpv6-stateless", "dhcpv6-stateful"


def is_stateful(subnet: Subnet) -> bool:
    """Whether ports get their addresses of it by DHCPv6. As in Neutron, without modes they do."""
    modes = subnet.address_mode, subnet.ra_mode
    return _is_ipv6(subnet) and (subnet.address_mode == STATEFUL or not any(modes))


def is_stateless(subnet: Subnet) -> bool:
    """Whether ports get all but their addresses of it by DHCPv6."""
    return _is_ipv6(subnet) and subnet.address_mode == STATELESS


def _is_ipv6(subnet: Subnet) -> bool:
    return subnet.dhcp and ":" in subnet.cidr


def asks(subnet: Subnet) -> PortFlag:
    """What one subnet has ports ask."""
    if not subnet.dhcp:
        return PortFlag(0)
    if ":" not in subnet.cidr:
        return PortFlag.ASKS_DHCPV4
    dhcp = is_stateful(subnet) or is_stateless(subnet)
    return PortFlag(PortFlag.ASKS_DHCPV6 * dhcp | PortFlag.ASKS_ROUTER * bool(subnet.ra_mode))


class Questions:
    """Kept up as subnets' rows come and go."""

    def __init__(self) -> None:
        self._asks: dict[int, dict[str, PortFlag]] = {}

    def of(self, vni: int) -> PortFlag:
        """What ports of the network ask, all subnets together."""
        flags = PortFlag(0)
        for asked in self._asks.get(vni, {}).values():
            flags |= asked
        return flags

    def put(self, vni: int, key: str, subnet: Subnet | None) -> bool:
        """The subnet's row, None where it is gone. Answers whether that matters to ports."""
        before = self.of(vni)
        subnets = self._asks.setdefault(vni, {})
        subnets.pop(key, None)
        if subnet is not None:
            subnets[key] = asks(subnet)
        if not subnets:
            del self._asks[vni]
        return self.of(vni) != before
