"""What a cluster's controllers tell the network of: the bodies of `/v1/clusters/{cluster}/services`
and `/policy`, the same on both sides.
"""

import msgspec

from polpo.model.service import ServicePort


class ToldService(msgspec.Struct, frozen=True):
    """`name` is <namespace>/<name>, `id` the uid; the rest as in model.service."""

    id: str
    name: str
    addresses: tuple[str, ...]
    ports: tuple[ServicePort, ...] = ()
    external: tuple[str, ...] = ()
    balanced: tuple[str, ...] = ()
    sticks_s: int = 0
    local: bool = False
    guests: str = ""
    sources: tuple[str, ...] = ()
    health_port: int = 0


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


class Addresses(msgspec.Struct, frozen=True):
    """Prefixes, as the Network API writes them; sorted."""

    key: str
    addresses: tuple[str, ...] = ()


class Membership(msgspec.Struct, frozen=True):
    """A pod's groups, by their keys. `name` is <namespace>/<name>.

    `security_groups`: more groups of the project, by ids or names, that are for pods.
    """

    name: str
    uid: str
    groups: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
