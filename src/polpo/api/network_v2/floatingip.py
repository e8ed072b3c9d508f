"""Floating IPs (Neutron API reference, "Floating IPs"), and the pools that they are from."""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import (
    dns_names,
    floatingip_association,
    floatingip_release,
    port_forwarding_view,
    qos_binding,
    quotas,
    service_ports,
    values,
)
from polpo.api.network_v2 import network as networks
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown, table
from polpo.api.network_v2.errors import NeutronError, bad_resource
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import nullable, text
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.router import FLOATING_IP, FloatingIP

TABLE = table(
    "floatingip",
    {
        "floating_network_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="floating_network_id"
        ),
        "floating_ip_address": Attribute(
            kind=nullable(values.address()),
            put=False,
            default=None,
            admin=True,
            field="floating_ip_address",
        ),
        "subnet_id": Attribute(
            kind=nullable(values.uuid()), put=False, default=None, filter=False, sort=False
        ),
        "port_id": Attribute(kind=nullable(values.uuid()), default=None, field="port_id"),
        "fixed_ip_address": Attribute(
            kind=nullable(values.address()), default=None, field="fixed_ip_address"
        ),
        "router_id": shown(values.uuid(), field="router_id"),
        "status": shown(text()),
        "dns_name": Attribute(
            kind=dns_names.host_name(), put=False, default="", filter=False, sort=False
        ),
        "dns_domain": Attribute(
            kind=dns_names.domain(), put=False, default="", filter=False, sort=False
        ),
        "port_details": shown(filter=False, sort=False),
        "port_forwardings": shown(filter=False, sort=False),
        "qos_policy_id": qos_binding.ATTRIBUTE,
        "qos_network_policy_id": shown(filter=False, sort=False),
    },
    without=("name",),
)


def create(w: Writing, given: dict[str, Any]) -> FloatingIP:
    quotas.check(w, "floatingip", given["project_id"])
    network = _external(w, given["floating_network_id"])
    wish = {"subnet_id": given["subnet_id"], "ip_address": given["floating_ip_address"]}
    wishes = [{key: value for key, value in wish.items() if value}]
    id = new_id()
    port = service_ports.add(w, FLOATING_IP, network.id, id, "", wishes if wishes[0] else None)
    fip = FloatingIP(
        id=id,
        project_id=given["project_id"],
        description=given["description"],
        floating_network_id=network.id,
        floating_ip_address=_ipv4(port),
        floating_port_id=port.id,
        dns_name=given["dns_name"],
        dns_domain=given["dns_domain"],
        qos_policy_id=qos_binding.usable(w, given["project_id"], given["qos_policy_id"]),
    )
    return w.tx.put(floatingip_association.change(w, fip, given))


def _external(w: Writing, id: str) -> Network:
    network = w.snapshot.get(Network, id)
    visible = network is not None and networks.RESOURCE.may_see(w.snapshot, w.context, network)
    if network is None or not visible or not network.external:
        raise bad_resource("floatingip", f"Network {id} is not a valid external network")
    if not any(s.ip_version == 4 for s in w.snapshot.by(Subnet, "network", id)):
        raise bad_resource("floatingip", f"Network {id} does not contain any IPv4 subnet")
    return network


def _ipv4(port: Port) -> str:
    held = floatingip_association.ipv4(port)
    if not held:
        raise NeutronError(
            400,
            "ExternalIpAddressExhausted",
            f"Unable to find any IP address on external network {port.network_id}.",
        )
    return held[0].ip_address


def update(w: Writing, fip: FloatingIP, given: dict[str, Any]) -> FloatingIP:
    after = floatingip_association.change(w, fip, given)
    if "qos_policy_id" in given:
        asked = given["qos_policy_id"]
        policy = qos_binding.changed(w, fip.project_id, fip.qos_policy_id, asked)
        after = msgspec.structs.replace(after, qos_policy_id=policy)
    described = {"description": given["description"]} if "description" in given else {}
    return w.tx.put(changed(after, described))


def delete(w: Writing, fip: FloatingIP) -> None:
    if fip.forwardings:
        raise floatingip_association.in_use_by_forwardings(fip)
    floatingip_release.remove(w, fip)


def view(r: Reading, fips: Sequence[FloatingIP]) -> list[View]:
    ports = (r.snapshot.get(Port, fip.port_id) for fip in fips if fip.port_id)
    held = {port.id: port for port in ports if port is not None}
    statuses = r.wiring.port_statuses(r.snapshot, held.values())
    details = {id: _details(port, statuses.get(id, "DOWN")) for id, port in held.items()}
    carried = r.wiring.floatingip_statuses(r.snapshot, fips)
    return [_view(r, fip, carried[fip.id], details.get(fip.port_id)) for fip in fips]


def _details(port: Port, status: str) -> View:
    return {
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": status,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
    }


def _view(r: Reading, fip: FloatingIP, status: str, details: View | None) -> View:
    answer = {
        **standard(fip),
        "floating_network_id": fip.floating_network_id,
        "floating_ip_address": fip.floating_ip_address,
        "port_id": fip.port_id or None,
        "fixed_ip_address": fip.fixed_ip_address or None,
        "router_id": fip.router_id or None,
        "status": status,
        "dns_name": fip.dns_name,
        "dns_domain": fip.dns_domain,
        "port_details": details,
        "port_forwardings": [port_forwarding_view.inside(f) for f in fip.forwardings],
        "qos_policy_id": fip.qos_policy_id or None,
        "qos_network_policy_id": qos_binding.of_network(r.snapshot, fip.floating_network_id),
    }
    del answer["name"]
    return answer


RESOURCE = Resource(
    member="floatingip",
    collection="floatingips",
    path="floatingips",
    model=FloatingIP,
    table=TABLE,
    missing=("FloatingIPNotFound", "Floating IP {id} could not be found"),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={
        "project_id": "project",
        "floating_network_id": "network",
        "floating_ip_address": "address",
        "port_id": "port",
        "router_id": "router",
    },
)
