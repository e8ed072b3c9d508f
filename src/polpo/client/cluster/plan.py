"""A cluster's networks, nodes and groups as plain values, before anything is made. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

API_PORT = 6443
SERVICES = ("10.254.0.0/16",)
MASTERS = (1, 3, 5)
"""etcd agrees by majority: an even number bears no more losses than the odd one below."""
ANY = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}


class Unfit(Exception):
    """The text says what of a plan cannot be."""


class Plan(msgspec.Struct, frozen=True):
    """`ssh_cidr`: who may log in to the masters; "" for other nodes only. `outside`: the external
    network, by id or name; "" for the one that there is. `internal`: the API has no address there.
    """

    name: str
    masters: int = 1
    workers: int = 1
    node_cidr: str = "10.90.0.0/24"
    pod_cidrs: tuple[str, ...] = ("10.100.0.0/16",)
    service_cidrs: tuple[str, ...] = SERVICES
    ssh_cidr: str = ""
    outside: str = ""
    internal: bool = False
    policies: bool = False

    @property
    def mark(self) -> str:
        """The description of all that is made, by which it is found to be removed."""
        return f"Made by polpo cluster create {self.name}"

    @property
    def nodes(self) -> list[tuple[str, str]]:
        """Name and role of each node's port."""
        masters = [(f"{self.name}-master-{n}", "master") for n in range(1, self.masters + 1)]
        workers = [(f"{self.name}-worker-{n}", "minion") for n in range(1, self.workers + 1)]
        return [*masters, *workers]


def check(plan: Plan) -> None:
    """Raises Unfit."""
    if plan.masters not in MASTERS:
        raise Unfit(f"--masters may be {', '.join(map(str, MASTERS))}: etcd agrees by majority")
    if not 0 <= plan.workers <= 1000:
        raise Unfit("--workers may be a number from 0 to 1000")


class Rule(msgspec.Struct, frozen=True, order=True):
    """Lets in. `source` is a prefix, or the role of the group whose ports may; "" for all."""

    protocol: str
    first: int = 0
    last: int = 0
    source: str = ""
    family: str = "IPv4"

    def __str__(self) -> str:
        at = f" {self.first}" if self.first else ""
        to = f"-{self.last}" if self.last != self.first else ""
        return f"{self.protocol}{at}{to} from {self.source or 'everywhere'} ({self.family})"


ROLES = ("base", "master", "minion")
OVERLAY = 4789
KUBELET, NODE_PORTS, ETCD, SSH = 10250, (30000, 32767), (2379, 2380), 22


def rules(plan: Plan) -> dict[str, list[Rule]]:
    """By role, what its group lets in (Kubernetes, "Ports and Protocols"); all may go out.

    Load balancers are in the nodes' network and no nodes: what they ask is open to that prefix.
    """
    return {
        "base": sorted(
            [
                Rule("icmp", source="base"),
                Rule("ipv6-icmp", source="base", family="IPv6"),
                Rule("tcp", KUBELET, KUBELET, "master"),
            ]
        ),
        "master": sorted(
            [
                Rule("tcp", API_PORT, API_PORT, plan.node_cidr),
                Rule("tcp", *ETCD, "master"),
                Rule("tcp", SSH, SSH, plan.ssh_cidr or plan.node_cidr),
            ]
        ),
        "minion": sorted(
            [
                Rule("tcp", *NODE_PORTS, plan.node_cidr),
                Rule("udp", *NODE_PORTS, plan.node_cidr),
                Rule("tcp", KUBELET, KUBELET, "minion"),
                Rule("udp", OVERLAY, OVERLAY, "base"),
            ]
        ),
    }


def body_of(rule: Rule, group: str, groups: dict[str, str]) -> dict[str, Any]:
    """For the Network API. `groups`: id by role."""
    ports = {"port_range_min": rule.first, "port_range_max": rule.last} if rule.first else {}
    of_group = rule.source in groups
    prefix = {"remote_ip_prefix": rule.source} if rule.source and not of_group else {}
    return {
        "security_group_id": group,
        "direction": "ingress",
        "ethertype": rule.family,
        "protocol": rule.protocol,
        **ports,
        **({"remote_group_id": groups[rule.source]} if of_group else prefix),
    }


def read(shown: list[dict[str, Any]], groups: dict[str, str]) -> list[Rule]:
    """What a group lets in, as the Network API shows its rules."""
    roles = {id: role for role, id in groups.items()}
    return sorted(
        Rule(
            str(one["protocol"] or "any"),
            one["port_range_min"] or 0,
            one["port_range_max"] or 0,
            roles.get(one["remote_group_id"], one["remote_group_id"])
            or one["remote_ip_prefix"]
            or "",
            one["ethertype"],
        )
        for one in shown
        if one["direction"] == "ingress"
    )


def edits(wanted: list[Rule], found: list[Rule]) -> Iterator[str]:
    """What somebody has changed of a group, in words; nothing if nobody has."""
    for rule in sorted(set(wanted) - set(found)):
        yield f"lacks {rule}"
    for rule in sorted(set(found) - set(wanted)):
        yield f"has, too, {rule}"
