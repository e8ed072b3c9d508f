"""A router's way out: `external_gateway_info`, and the port in the external network behind it.

As Neutron's `l3_db` and `l3_gwmode_db`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.network_v2 import network as networks
from polpo.api.network_v2 import port_addresses, port_wiring, service_ports, values
from polpo.api.network_v2.errors import bad_resource, conflict, forbidden
from polpo.api.network_v2.port_table import fixed_ips
from polpo.api.network_v2.resource import View, Writing
from polpo.api.network_v2.router_subnets import check_apart, gateway
from polpo.api.network_v2.values import Kind, boolean, nullable, record
from polpo.model.network import Network, Subnet
from polpo.model.router import GATEWAY, FloatingIP, Router
from polpo.model.snapshot import Snapshot

ADMINS = ("enable_snat", "external_fixed_ips")
"""What only the cloud's admin may say of a gateway."""


def kind() -> Kind:
    """Null or an empty object: no gateway."""
    info = record(
        {"network_id": values.uuid()},
        {"enable_snat": boolean(), "external_fixed_ips": nullable(fixed_ips())},
    )

    def read(value: Any) -> dict[str, Any] | None:
        return info.read(value) if value not in (None, {}) else None

    return Kind(read, {"anyOf": [info.schema, {"type": "null"}]})


def check_allowed(w: Writing, info: dict[str, Any] | None, verb: str) -> None:
    action = f"{verb}_router"
    for key in ADMINS:
        if info is not None and key in info and not w.context.is_admin:
            raise forbidden(action, f"{action}:external_gateway_info:{key}")


def change(w: Writing, router: Router, info: dict[str, Any] | None) -> Router:
    """The router with the gateway that `info` says, or without one; for the caller to store."""
    if info is None:
        _remove_port(w, router)
        none = {"external_network_id": "", "gateway_port_id": "", "enable_snat": True}
        return msgspec.structs.replace(router, **none)
    network = _external(w, info["network_id"])
    wishes = info.get("external_fixed_ips") or ()
    _check_not_the_next_hop(w.snapshot, network, wishes)
    if router.external_network_id == network.id:
        port_id = _readdress(w, router, wishes)
    else:
        port_id = _replace_port(w, router, network, wishes)
    return msgspec.structs.replace(
        router,
        external_network_id=network.id,
        gateway_port_id=port_id,
        enable_snat=info.get("enable_snat", True),
    )


def _external(w: Writing, id: str) -> Network:
    network: Network = networks.RESOURCE.find(w.snapshot, w.context, id)
    if not network.external:
        raise bad_resource("router", f"Network {id} is not an external network")
    return network


def _check_not_the_next_hop(
    snapshot: Snapshot, network: Network, wishes: Sequence[port_addresses.Wish]
) -> None:
    taken = {s.gateway_ip for s in snapshot.by(Subnet, "network", network.id) if s.gateway_ip}
    for wish in wishes:
        if wish.get("ip_address") in taken:
            raise bad_resource(
                "router", f"External IP {wish['ip_address']} is the same as the gateway IP"
            )


def _readdress(w: Writing, router: Router, wishes: Sequence[port_addresses.Wish]) -> str:
    port = gateway(w.snapshot, router)
    assert port is not None  # the router has a gateway on this network
    if wishes:
        chosen = port_addresses.change(w, port, wishes)
        port_wiring.put(w, port, msgspec.structs.replace(port, fixed_ips=chosen))
    return port.id


def _replace_port(
    w: Writing, router: Router, network: Network, wishes: Sequence[port_addresses.Wish]
) -> str:
    """The port belongs to no project: it is not its users' to change."""
    _remove_port(w, router)
    apart = msgspec.structs.replace(router, external_network_id="", gateway_port_id="")
    check_apart(w.snapshot, apart, list(w.snapshot.by(Subnet, "network", network.id)))
    return service_ports.add(w, GATEWAY, network.id, router.id, "", wishes or None).id


def _remove_port(w: Writing, router: Router) -> None:
    port = gateway(w.snapshot, router)
    if port is None:
        return
    if w.snapshot.count_by(FloatingIP, "router", router.id):
        raise conflict(
            "RouterExternalGatewayInUseByFloatingIp",
            f"Gateway cannot be updated for router {router.id}, since a gateway to external "
            f"network {port.network_id} is required by one or more floating IPs.",
        )
    w.tx.remove(port)


def view(snapshot: Snapshot, router: Router) -> View | None:
    port = gateway(snapshot, router)
    if port is None:
        return None
    return {
        "network_id": port.network_id,
        "enable_snat": router.enable_snat,
        "external_fixed_ips": port.fixed_ips,
    }
