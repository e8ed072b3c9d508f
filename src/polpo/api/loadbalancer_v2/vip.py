"""The addresses of a load balancer, and the port that holds them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.loadbalancer_v2.errors import immutable, invalid
from polpo.api.network_v2 import floatingip_release, port_security, port_table
from polpo.api.network_v2 import network as networks
from polpo.api.network_v2 import port as ports
from polpo.api.network_v2 import subnet as subnets
from polpo.api.network_v2.attributes import read_create
from polpo.api.network_v2.errors import NeutronError, forbidden
from polpo.api.network_v2.port_wiring import put
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import VIP, LoadBalancer, Vip
from polpo.model.network import Network, Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.snapshot import Snapshot

WHERE = ("vip_port_id", "vip_network_id", "vip_subnet_id")
Wish = dict[str, str]


def named_subnet(snapshot: Snapshot, context: Context, id: str) -> Subnet:
    """Raises 400, as Octavia does for what a body names and is not there."""
    try:
        found: Subnet = subnets.RESOURCE.find(snapshot, context, id)
    except NeutronError as error:
        raise NeutronError(400, "InvalidSubresource", f"Subnet {id} not found.") from error
    return found


def attachable_subnet(w: Writing, id: str) -> Subnet:
    """One whose network the asker may have ports on: of an external one only addresses are had."""
    subnet = named_subnet(w.snapshot, w.context, id)
    network = w.snapshot.get(Network, subnet.network_id)
    own = network is not None and network.project_id == w.context.project_id
    shared = network is not None and networks.may_attach(w.snapshot, w.context, network)
    if not (w.context.is_admin or own or shared):
        raise forbidden("create_port")
    return subnet


def take(w: Writing, id: str, given: dict[str, Any]) -> dict[str, Any]:
    """The load balancer's fields about its addresses; makes the port if the user has none."""
    if not any(given[key] for key in WHERE):
        raise invalid("VIP must contain one of: vip_port_id, vip_network_id, vip_subnet_id.")
    more = given["additional_vips"]
    port = _own(w, given) if given["vip_port_id"] else _new(w, id, given)
    if not port.fixed_ips:
        raise invalid("The VIP port has no address.")
    first = _first(port, given)
    rest = [_additional(port, wish, first) for wish in more]
    if len({fixed.ip_address for fixed in (first, *rest)}) < len(rest) + 1:
        raise invalid("Additional VIPs must differ from each other and from the VIP.")
    return {
        "vip_address": first.ip_address,
        "vip_subnet_id": first.subnet_id,
        "vip_network_id": port.network_id,
        "vip_port_id": port.id,
        "additional_vips": tuple(Vip(f.subnet_id, f.ip_address) for f in rest),
    }


def _own(w: Writing, given: dict[str, Any]) -> Port:
    """One that the user made, and keeps."""
    port: Port | None = w.snapshot.get(Port, given["vip_port_id"])
    mine = port is not None and (w.context.is_admin or port.project_id == w.context.project_id)
    if port is None or not mine:
        raise NeutronError(400, "InvalidSubresource", f"Port {given['vip_port_id']} not found.")
    if port.host or port.device_owner not in ("", VIP) or (port.device_owner and port.device_id):
        raise immutable(f"VIP port {port.id} is in use.")
    return _regrouped(w, port, given["vip_sg_ids"]) if given["vip_sg_ids"] else port


def _new(w: Writing, id: str, given: dict[str, Any]) -> Port:
    network_id, wish = _place(w, given)
    body = {
        "network_id": network_id,
        "name": f"octavia-lb-{id}",
        "device_owner": VIP,
        "device_id": f"lb-{id}",
        "project_id": given["project_id"],
        "security_groups": list(given["vip_sg_ids"]),
        "fixed_ips": [wish, *(dict(more) for more in given["additional_vips"])],
    }
    return ports.create(w, read_create(port_table.TABLE, body, w.context))


def _place(w: Writing, given: dict[str, Any]) -> tuple[str, Wish]:
    """The network, and what is wished for in it: of a subnet, IPv4 before IPv6."""
    address = {"ip_address": given["vip_address"]} if given["vip_address"] else {}
    if given["vip_subnet_id"]:
        subnet = named_subnet(w.snapshot, w.context, given["vip_subnet_id"])
        if given["vip_network_id"] not in ("", subnet.network_id):
            raise invalid("VIP subnet must belong to the VIP network.")
        return subnet.network_id, {"subnet_id": subnet.id, **address}
    id = given["vip_network_id"]
    try:
        networks.RESOURCE.find(w.snapshot, w.context, id)
    except NeutronError as error:
        raise NeutronError(400, "InvalidSubresource", f"Network {id} not found.") from error
    if address:
        return id, address
    found = sorted(w.snapshot.by(Subnet, "network", id), key=lambda s: (s.ip_version, s.created_at))
    if not found:
        raise invalid("Supplied network does not contain a subnet.")
    return id, {"subnet_id": found[0].id}


def _first(port: Port, given: dict[str, Any]) -> FixedIP:
    """Of the port's addresses: the one that is wished for, else an IPv4 address, else any."""
    taken = {more.get("ip_address") for more in given["additional_vips"]} - {None}
    order = sorted(port.fixed_ips, key=lambda f: (f.ip_address in taken, ":" in f.ip_address))
    for fixed in order:
        if given["vip_address"] not in ("", fixed.ip_address):
            continue
        if given["vip_subnet_id"] in ("", fixed.subnet_id):
            return fixed
    raise invalid("The VIP port has no such address.")


def _additional(port: Port, wish: Wish, first: FixedIP) -> FixedIP:
    for fixed in port.fixed_ips:
        if fixed == first or fixed.subnet_id != wish["subnet_id"]:
            continue
        if wish.get("ip_address", fixed.ip_address) == fixed.ip_address:
            return fixed
    raise invalid("The VIP port has no address in the subnet of an additional VIP.")


def release(w: Writing, balancer: LoadBalancer) -> None:
    """Take away the port, if it was made for this."""
    port = w.snapshot.get(Port, balancer.vip_port_id)
    if port is not None and port.device_id == f"lb-{balancer.id}":
        floatingip_release.before_delete(w, port)
        w.tx.remove(port)


def regroup(w: Writing, balancer: LoadBalancer, groups: Sequence[str]) -> tuple[str, ...]:
    """The same groups for the port, as far as they are the project's to use."""
    port = w.snapshot.get(Port, balancer.vip_port_id)
    return _regrouped(w, port, groups).security_groups if port is not None else tuple(groups)


def _regrouped(w: Writing, port: Port, groups: Sequence[str]) -> Port:
    after = port_security.resecured(w, port, port, list(groups), msgspec.UNSET)
    return put(w, port, after)
