"""Where a Service's addresses are from: annotations, its class, the settings, the cluster. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from polpo.cloud import annotations as a
from polpo.cloud.annotations import Annotations, Unusable
from polpo.cloud.members import Subnet
from polpo.cloud.objects import Service
from polpo.cloud.settings import LoadBalancerClass, Settings
from polpo.cloud.wanted import Floating, Vip


def vip(
    service: Service,
    given: Annotations,
    choice: LoadBalancerClass,
    settings: Settings,
    near: str,
    pods: Sequence[Subnet],
) -> Vip:
    """One address of each of the Service's families: beside the pods, where nothing else is said.

    `near` is a node's address: the load balancer of nodes is in their subnet.
    """
    address = _vip_address(service, given, settings)
    if port := given.text(a.PORT_ID):
        return Vip(port_id=port, address=address)
    network = given.text(a.NETWORK_ID) or choice.network_id or settings.network_id
    subnet = given.text(a.SUBNET_ID) or choice.subnet_id or settings.subnet_id
    if network or subnet:
        return Vip(network_id=network, subnet_id=subnet, address=address)
    if not pods:
        if not near:
            raise Unusable(f"no node has an address to be near to: say where, by {a.SUBNET_ID}")
        return Vip(near=near, address=address)
    first, *more = (_of_family(pods, family) for family in service.families)
    return Vip(subnet_id=first, more=tuple(more), address=address)


def _of_family(pods: Sequence[Subnet], family: str) -> str:
    found = next((subnet.id for subnet in pods if subnet.family == family), "")
    if not found:
        raise Unusable(f"the network of pods has no {family}")
    return found


def _vip_address(service: Service, given: Annotations, settings: Settings) -> str:
    """loadBalancerIP, where that is no floating IP: of what is internal, and of IPv6."""
    asked = service.spec.load_balancer_ip
    if not asked:
        return ""
    try:
        version = ip_address(asked).version
    except ValueError:
        raise Unusable(f"spec.loadBalancerIP {asked!r} is no IP address") from None
    internal = settings.internal_lb or given.boolean(a.INTERNAL, False)
    return asked if internal or version == 6 else ""


def floating(
    service: Service, given: Annotations, choice: LoadBalancerClass, settings: Settings
) -> Floating | None:
    """None where there can be none: IPv6 has no floating IPs."""
    if service.families[0] == "IPv6":
        return None
    network = choice.floating_network_id or given.text(
        a.FLOATING_NETWORK, settings.floating_network_id
    )
    asked = service.spec.load_balancer_ip
    of_class = Floating(
        network,
        choice.floating_subnet_id,
        "" if choice.floating_subnet_id else choice.floating_subnet,
        "" if choice.floating_subnet_id else choice.floating_subnet_tags,
        asked,
    )
    if of_class.subnet_id or of_class.subnet or of_class.subnet_tags:
        return of_class
    subnet_id = given.text(a.FLOATING_SUBNET_ID)
    subnet, tags = given.text(a.FLOATING_SUBNET), given.text(a.FLOATING_SUBNET_TAGS)
    if subnet_id or subnet or tags:
        return Floating(
            network, subnet_id, "" if subnet_id else subnet, "" if subnet_id else tags, asked
        )
    if settings.floating_subnet_id:
        return Floating(network, settings.floating_subnet_id, address=asked)
    return Floating(network, "", settings.floating_subnet, settings.floating_subnet_tags, asked)
