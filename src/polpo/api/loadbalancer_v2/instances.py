"""The ports of a load balancer's instances: one in each network that it has to do with.

They are the cloud's own, in no project. The placer binds them to hosts; here is only said which
there are and which addresses they have. `arrange` makes it so, whatever was before.
"""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec.structs import replace

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import guard
from polpo.api.network_v2 import port_addresses
from polpo.api.network_v2.macs import free_mac
from polpo.api.network_v2.port_wiring import put
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import INSTANCE, SINGLE, LoadBalancer, Member
from polpo.model.network import Subnet
from polpo.model.placement import INSTANCES, instance_id
from polpo.model.port import AddressPair, Port
from polpo.model.snapshot import Snapshot

Places: TypeAlias = Mapping[str, list[str]]
"""Network's id -> ids of the subnets in it that an address is needed in."""


def numbers(balancer: LoadBalancer) -> tuple[int, ...]:
    return INSTANCES[:1] if balancer.topology == SINGLE else INSTANCES


def arrange(w: Writing, balancer: LoadBalancer) -> None:
    """Ports and rules as the tree asks for them now."""
    groups = guard.arrange(w, balancer)
    places = _places(w.snapshot, balancer)
    for number in numbers(balancer):
        _arrange_one(w, balancer, instance_id(balancer.id, number), places, groups)


def remove(w: Writing, balancer: LoadBalancer) -> None:
    for number in numbers(balancer):
        for port in list(w.snapshot.by(Port, "device", instance_id(balancer.id, number))):
            w.tx.remove(port)
    guard.remove(w, balancer)


def _places(snapshot: Snapshot, balancer: LoadBalancer) -> Places:
    """One address of each family of the VIPs, and one in each subnet that a member names."""
    front: dict[int, str] = {}
    for address in balancer.addresses:
        front.setdefault(6 if ":" in address.ip_address else 4, address.subnet_id)
    places: dict[str, list[str]] = {balancer.vip_network_id: [id for id in front.values() if id]}
    members = snapshot.by(Member, "load_balancer", balancer.id)
    for id in sorted({member.subnet_id for member in members} - {""}):
        subnet = snapshot.get(Subnet, id)
        if subnet is not None:
            wanted = places.setdefault(subnet.network_id, [])
            wanted += [id] if id not in wanted else []
    return places


def _arrange_one(
    w: Writing, balancer: LoadBalancer, id: str, places: Places, groups: tuple[str, ...]
) -> None:
    ports = {port.network_id: port for port in w.snapshot.by(Port, "device", id)}
    for network_id in ports.keys() - places.keys():
        w.tx.remove(ports[network_id])
    for network_id, subnets in places.items():
        before = ports.get(network_id)
        front = network_id == balancer.vip_network_id
        port = before or _new(w, id, network_id, front)
        wishes = [{"subnet_id": subnet} for subnet in subnets]
        pairs = [AddressPair(v.ip_address) for v in balancer.addresses] if front else []
        after = replace(
            port,
            fixed_ips=port_addresses.change(w, port, wishes) if wishes else port.fixed_ips,
            security_groups=groups,
            allowed_address_pairs=tuple(pairs),
            qos_policy_id=balancer.vip_qos_policy_id if front else "",
        )
        if before is None or after != before:
            put(w, port, after)


def _new(w: Writing, id: str, network_id: str, front: bool) -> Port:
    kind = "vrrp" if front else "member"
    return Port(
        id=new_id(),
        name=f"octavia-lb-{kind}-{id}",
        network_id=network_id,
        mac_address=free_mac(w, network_id),
        device_id=id,
        device_owner=INSTANCE,
        wiring=w.tx.revision,
    )
