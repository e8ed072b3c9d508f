"""Groups and their rules, as the network's API takes them."""

from __future__ import annotations

import msgspec

from polpo.model.told import Rule

FAMILIES = ("IPv4", "IPv6")
EVERY_PORT = (1, 65535)


class Traffic(msgspec.Struct, frozen=True):
    """Protocol and ports, "" and 0 for any."""

    protocol: str = ""
    low: int = 0
    high: int = 0


def traffic(protocol: str, low: int = 0, high: int = 0) -> Traffic:
    """All ports are said by none."""
    return Traffic(protocol) if (low, high) == EVERY_PORT else Traffic(protocol, low, high)


class Remote(msgspec.Struct, frozen=True):
    """A prefix, a group, a group of addresses, or anybody."""

    prefix: str = ""
    group: str = ""
    addresses: str = ""

    def ethertypes(self) -> tuple[str, ...]:
        if self.prefix:
            return ("IPv6",) if ":" in self.prefix else ("IPv4",)
        return FAMILIES


def rules(direction: str, remote: Remote, what: Traffic) -> list[Rule]:
    """One for each family; the prefix of all addresses is no prefix."""
    anywhere = remote.prefix.endswith("/0")
    return [
        Rule(
            direction=direction,
            ethertype=ethertype,
            protocol=what.protocol,
            port_range_min=what.low,
            port_range_max=what.high,
            remote_ip_prefix="" if anywhere else remote.prefix,
            remote_group=remote.group,
            remote_addresses=remote.addresses,
        )
        for ethertype in remote.ethertypes()
    ]
