"""Ports (Neutron API reference, "Ports")."""

from collections.abc import Iterable
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import (
    floatingip_release,
    port_addresses,
    port_filters,
    port_security,
    port_wiring,
    qos_binding,
    quotas,
    service_ports,
)
from polpo.api.network_v2 import network as networks
from polpo.api.network_v2.attributes import guarded
from polpo.api.network_v2.errors import conflict, forbidden
from polpo.api.network_v2.macs import free_mac
from polpo.api.network_v2.port_table import TABLE
from polpo.api.network_v2.port_view import view
from polpo.api.network_v2.resource import Resource, Writing
from polpo.model.network import Network
from polpo.model.port import DhcpOption, Port
from polpo.model.snapshot import Snapshot

_FIELDS = {
    "binding:host_id": "host",
    "binding:vnic_type": "vnic_type",
    "binding:profile": "profile",
}


def create(w: Writing, given: dict[str, Any]) -> Port:
    network = networks.RESOURCE.find(w.snapshot, w.context, given["network_id"])
    _check_network(w, network, given)
    quotas.check(w, "port", given["project_id"])
    wishes = given.pop("fixed_ips", None)
    groups = given.pop("security_groups", None)
    pairs = given.pop("allowed_address_pairs", ())
    given["qos_policy_id"] = qos_binding.usable(w, given["project_id"], given["qos_policy_id"])
    port = _shape(w, network, given)
    service_ports.check_new(w, port)
    port = port_security.secured(w, port, groups, pairs)
    port = msgspec.structs.replace(port, fixed_ips=port_addresses.choose(w, port, wishes))
    return w.tx.put(port)


def _shape(w: Writing, network: Network, given: dict[str, Any]) -> Port:
    """The port, without what depends on other objects."""
    _rename(given)
    given["extra_dhcp_opts"] = _options((), given["extra_dhcp_opts"])
    given["mac_address"] = given.get("mac_address") or free_mac(w, network.id)
    if given.get("port_security_enabled") is None:
        given["port_security_enabled"] = network.port_security_enabled
    return Port(id=new_id(), wiring=w.tx.revision, **given)


def update(w: Writing, port: Port, given: dict[str, Any]) -> Port:
    network = w.snapshot.get(Network, port.network_id)
    if network is not None:
        _check_guarded(w.context, network, "update", given)
    wishes = given.pop("fixed_ips", None)
    groups = given.pop("security_groups", msgspec.UNSET)
    pairs = given.pop("allowed_address_pairs", msgspec.UNSET)
    _rename(given)
    _fill(w, port, given)
    after = msgspec.structs.replace(port, **given)
    if after.mac_address != port.mac_address:
        after = _with_mac(w, port, after)
    after = port_security.resecured(w, port, after, groups, pairs)
    if wishes is not None:
        after = msgspec.structs.replace(after, fixed_ips=port_addresses.change(w, after, wishes))
    service_ports.check_change(w, port, after)
    floatingip_release.before_change(w, port, after)
    return port_wiring.put(w, port, after)


def _fill(w: Writing, port: Port, given: dict[str, Any]) -> None:
    """What a PUT's nulls mean: a new MAC, port security as it was, a DHCP option less."""
    if "mac_address" in given:
        given["mac_address"] = given["mac_address"] or free_mac(w, port.network_id)
    if given.get("port_security_enabled", True) is None:
        del given["port_security_enabled"]
    if "qos_policy_id" in given:
        given["qos_policy_id"] = qos_binding.changed(
            w, port.project_id, port.qos_policy_id, given["qos_policy_id"]
        )
    if "extra_dhcp_opts" in given:
        given["extra_dhcp_opts"] = _options(port.extra_dhcp_opts, given["extra_dhcp_opts"])


def _options(now: Iterable[DhcpOption], wished: Iterable[dict[str, Any]]) -> tuple[DhcpOption, ...]:
    """As in Neutron, options that are not named stay; a null value takes one away."""
    by_name = {(option.opt_name, option.ip_version): option for option in now}
    for wish in wished:
        option = DhcpOption(wish["opt_name"], wish.get("opt_value"), wish.get("ip_version", 4))
        by_name[option.opt_name, option.ip_version] = option
    return tuple(sorted(o for o in by_name.values() if o.opt_value is not None))


def _with_mac(w: Writing, before: Port, after: Port) -> Port:
    if before.device_owner.startswith("network:"):
        raise conflict(
            "UnsupportedPortDeviceOwner",
            "Operation mac address update is not supported for device_owner "
            f"{before.device_owner} on port {before.id}.",
        )
    if before.host:
        raise conflict(
            "PortBound",
            f"Unable to complete operation on port {before.id}, port is already bound, port type: "
            f"tap, old_mac {before.mac_address}, new_mac {after.mac_address}.",
        )
    addresses = port_addresses.moved(w, before, after.mac_address)
    return msgspec.structs.replace(after, fixed_ips=addresses)


def delete(w: Writing, port: Port) -> None:
    service_ports.check_delete(w, port)
    floatingip_release.before_delete(w, port)
    w.tx.remove(port)


def _rename(given: dict[str, Any]) -> None:
    """Neutron's attribute names to the model's, nulls to what they mean."""
    for name, field in _FIELDS.items():
        if name in given:
            given[field] = given.pop(name)
    for key in ("device_id", "device_owner", "host", "dns_name", "dns_domain"):
        if key in given:
            given[key] = given[key] or ""
    if "profile" in given:
        given["profile"] = given["profile"] or {}


def _check_network(w: Writing, network: Network, given: dict[str, Any]) -> None:
    """Ports stand on one's own networks and on shared ones; external ones are for gateways."""
    owner = w.context.is_admin or network.project_id == w.context.project_id
    if not owner and not networks.may_attach(w.snapshot, w.context, network):
        raise forbidden("create_port")
    _check_guarded(w.context, network, "create", given)


def _check_guarded(context: Context, network: Network, verb: str, given: dict[str, Any]) -> None:
    """What only the network's owner may say of a port on it (Neutron's `network_owner` rules)."""
    if context.is_admin or network.project_id == context.project_id:
        return
    for key in guarded(TABLE, given):
        if key != "device_owner" or str(given[key]).startswith("network:"):
            raise forbidden(f"{verb}_port", f"{verb}_port:{key}")
    for wish in given.get("fixed_ips") or ():
        if "ip_address" in wish or verb == "update":
            raise forbidden(f"{verb}_port", f"{verb}_port:fixed_ips")


def visible(snapshot: Snapshot, context: Context, port: Port) -> bool:
    """The network's owner sees all ports on it."""
    network = snapshot.get(Network, port.network_id)
    return network is not None and network.project_id == context.project_id


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    for network in snapshot.by(Network, "project", context.project_id):
        yield from (p.id for p in snapshot.by(Port, "network", network.id))


def may_delete(snapshot: Snapshot, context: Context, port: Port) -> bool:
    return port.project_id == context.project_id or visible(snapshot, context, port)


RESOURCE = Resource(
    member="port",
    collection="ports",
    path="ports",
    model=Port,
    table=TABLE,
    missing=("PortNotFound", "Port {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    may_delete=may_delete,
    indexes={
        "name": "name",
        "project_id": "project",
        "network_id": "network",
        "device_id": "device",
        "binding:host_id": "host",
    },
    filters=port_filters.FILTERS,
)
