"""Groups and their rules, as the network's API takes them."""

from __future__ import annotations

import msgspec

FAMILIES = ("IPv4", "IPv6")
EVERY_PORT = (1, 65535)


class Rule(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """In Neutron's words, but that remote groups, of ports or addresses, go by their keys.

    `tier` is admin or baseline, of rules in an order, whose action may be deny or pass.
    """

    direction: str
    ethertype: str
    protocol: str = ""
    port_range_min: int = 0
    port_range_max: int = 0
    remote_ip_prefix: str = ""
    remote_group: str = ""
    remote_addresses: str = ""
    tier: str = ""
    action: str = ""
    order: int = 0


class Group(msgspec.Struct, frozen=True):
    """`key` is what a cluster's policies call it; its rules are sorted."""

    key: str
    rules: tuple[Rule, ...] = ()


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
