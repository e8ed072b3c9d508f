"""The security group of a load balancer's own: it lets in what its listeners ask for.

It is in no project. Whoever names groups for the VIP (`vip_sg_ids`) has those instead.
"""

from collections.abc import Iterator
from typing import TypeAlias
from uuid import NAMESPACE_OID, uuid5

from polpo.api.identifier import new_id
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import Listener, LoadBalancer
from polpo.model.security_group import SecurityGroup, SecurityGroupRule

Rule: TypeAlias = tuple[str, str, str | None, int | None, int | None, str | None]
"""direction, ethertype, protocol, port range, remote prefix."""

FAMILIES = ("IPv4", "IPv6")
OUT: tuple[Rule, ...] = tuple(("egress", family, None, None, None, None) for family in FAMILIES)
ECHO: tuple[Rule, ...] = (
    ("ingress", "IPv4", "icmp", 8, None, None),
    ("ingress", "IPv6", "ipv6-icmp", 128, None, None),
)


def group_id(balancer_id: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"polpo/{balancer_id}/group"))


def arrange(w: Writing, balancer: LoadBalancer) -> tuple[str, ...]:
    """The groups that its instances' ports are in, their rules as they are to be."""
    if balancer.vip_sg_ids:
        return balancer.vip_sg_ids
    id = group_id(balancer.id)
    if w.snapshot.get(SecurityGroup, id) is None:
        w.tx.put(SecurityGroup(id=id, name=f"lb-{balancer.id}"))
    present = {_key(r): r for r in w.snapshot.by(SecurityGroupRule, "security_group", id)}
    listeners = w.snapshot.by(Listener, "load_balancer", balancer.id)
    wanted = {*OUT, *ECHO, *(r for one in listeners if one.admin_state_up for r in _of(one))}
    for key in present.keys() - wanted:
        w.tx.remove(present[key])
    for key in sorted(wanted - present.keys(), key=str):
        w.tx.put(_rule(id, key))
    return (id,)


def remove(w: Writing, balancer: LoadBalancer) -> None:
    group = w.snapshot.get(SecurityGroup, group_id(balancer.id))
    if group is None:
        return
    for rule in list(w.snapshot.by(SecurityGroupRule, "security_group", group.id)):
        w.tx.remove(rule)
    w.tx.remove(group)


def _of(listener: Listener) -> Iterator[Rule]:
    port = listener.protocol_port
    for cidr in listener.allowed_cidrs:
        family = FAMILIES[":" in cidr]
        everybody = cidr in ("0.0.0.0/0", "::/0")
        yield "ingress", family, listener.transport, port, port, None if everybody else cidr
    if not listener.allowed_cidrs:
        for family in FAMILIES:
            yield "ingress", family, listener.transport, port, port, None


def _key(rule: SecurityGroupRule) -> Rule:
    ports = rule.port_range_min, rule.port_range_max
    return rule.direction, rule.ethertype, rule.protocol, *ports, rule.remote_ip_prefix


def _rule(group: str, key: Rule) -> SecurityGroupRule:
    direction, ethertype, protocol, low, high, prefix = key
    return SecurityGroupRule(
        id=new_id(),
        security_group_id=group,
        direction=direction,
        ethertype=ethertype,
        protocol=protocol,
        port_range_min=low,
        port_range_max=high,
        remote_ip_prefix=prefix,
    )
