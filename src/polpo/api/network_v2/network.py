"""Networks (Neutron API reference, "Networks")."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import (
    dns_names,
    floatingip_release,
    port_wiring,
    qos_binding,
    quotas,
    segments,
    sharing,
    zones,
)
from polpo.api.network_v2.attributes import Attribute, shown, table
from polpo.api.network_v2.errors import conflict, invalid
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import boolean, integer, list_of, nullable, one_of, text
from polpo.model.network import Network, Subnet, SubnetPool
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot

AUTO_DELETED = frozenset({"network:dhcp", "network:distributed", "network:router_centralized_snat"})
"""Ports of these owners do not keep their network or subnet from being deleted."""

TABLE = table(
    "network",
    {
        "admin_state_up": Attribute(kind=boolean(), default=True, field="admin_state_up"),
        "status": shown(text()),
        "subnets": shown(filter=False, sort=False),
        "shared": Attribute(kind=boolean(), default=False, admin=True, sort=False),
        "router:external": Attribute(
            kind=boolean(), default=False, admin=True, field="external", sort=False
        ),
        "is_default": Attribute(kind=boolean(), default=False, admin=True, field="is_default"),
        "mtu": Attribute(kind=integer(0), default=0, field="mtu"),
        "port_security_enabled": Attribute(
            kind=boolean(), default=True, field="port_security_enabled", sort=False
        ),
        "provider:network_type": Attribute(
            kind=nullable(one_of("vxlan", "flat", "vlan")),
            admin=True,
            hidden=True,
            field="network_type",
        ),
        "provider:physical_network": Attribute(
            kind=nullable(text(64)), admin=True, hidden=True, field="physical_network"
        ),
        "provider:segmentation_id": Attribute(kind=nullable(integer(0)), admin=True, hidden=True),
        "availability_zone_hints": Attribute(
            kind=list_of(text(255)), put=False, default=(), filter=False, sort=False
        ),
        "availability_zones": shown(filter=False, sort=False),
        "dns_domain": Attribute(kind=dns_names.domain(), default="", field="dns_domain"),
        "ipv4_address_scope": shown(filter=False, sort=False),
        "ipv6_address_scope": shown(filter=False, sort=False),
        "l2_adjacency": shown(filter=False, sort=False),
        "qos_policy_id": qos_binding.ATTRIBUTE,
    },
)


def create(w: Writing, given: dict[str, Any]) -> Network:
    quotas.check(w, "network", given["project_id"])
    zones.check(w, given["availability_zone_hints"])
    policy = qos_binding.usable(w, given["project_id"], given["qos_policy_id"])
    given["qos_policy_id"] = policy or qos_binding.default(w.snapshot, given["project_id"])
    shared, external = given.pop("shared"), given.pop("router:external")
    given["external"] = external
    _check_default(given)
    given["mtu"] = _mtu(w, given["mtu"])
    provider = segments.read_provider(w, given)
    network = w.tx.put(Network(id=new_id(), **given, **provider))
    sharing.set_for_everybody(w, "network", network, shared)
    sharing.set_for_everybody(w, "network", network, external, sharing.EXTERNAL)
    return network


def update(w: Writing, network: Network, given: dict[str, Any]) -> Network:
    if "qos_policy_id" in given:
        given["qos_policy_id"] = qos_binding.changed(
            w, network.project_id, network.qos_policy_id, given["qos_policy_id"]
        )
    if any(key in given for key in segments.PROVIDER):
        _check_same_provider(network, given)
    if "mtu" in given:
        given["mtu"] = _mtu(w, given["mtu"])
    if "router:external" in given:
        given["external"] = given.pop("router:external")
        _set_external(w, network, given["external"])
    if "shared" in given:
        sharing.set_for_everybody(w, "network", network, given.pop("shared"))
    _check_default({**msgspec.structs.asdict(network), **given})
    after = w.tx.put(changed(network, given))
    if after.admin_state_up != network.admin_state_up:
        port_wiring.touch_network(w, network.id)
    return after


def delete(w: Writing, network: Network) -> None:
    floatingip_release.with_network(w, network.id)
    ports = list(w.snapshot.by(Port, "network", network.id))
    if any(p.device_owner not in AUTO_DELETED for p in ports):
        raise conflict(
            "NetworkInUse",
            f"Unable to complete operation on network {network.id}. "
            "There are one or more ports still in use on the network.",
        )
    for owned in (*ports, *w.snapshot.by(Subnet, "network", network.id)):
        w.tx.remove(owned)
    sharing.remove_policies(w, network.id)
    w.tx.remove(network)


def _mtu(w: Writing, asked: int) -> int:
    """0 asks for the largest that the underlay carries."""
    if asked > w.settings.mtu:
        raise invalid(f"Requested MTU is too big, maximum is {w.settings.mtu}")
    if 0 < asked < 68:
        raise invalid("Requested MTU is too small, minimum is 68")
    return asked or w.settings.mtu


def _check_default(given: dict[str, Any]) -> None:
    if given.get("is_default") and not given.get("external"):
        raise invalid("is_default can only be set on an external network")


def _check_same_provider(network: Network, given: dict[str, Any]) -> None:
    """A client may send back what it was shown; nothing of it can be changed."""
    now = dict(zip(segments.PROVIDER, provider(network), strict=True))
    for key in segments.PROVIDER:
        if given.pop(key, now[key]) != now[key]:
            raise invalid(
                f"Plugin does not support updating the following provider network attributes: {key}"
            )


def _set_external(w: Writing, network: Network, external: bool) -> None:
    if network.external and not external and _has_gateways(w.snapshot, network.id):
        raise conflict(
            "ExternalNetworkInUse",
            f"External network {network.id} cannot be updated to be made non-external, "
            "since it has existing gateway ports.",
        )
    sharing.set_for_everybody(w, "network", network, external, sharing.EXTERNAL)


def _has_gateways(snapshot: Snapshot, network_id: str) -> bool:
    ports = snapshot.by(Port, "network", network_id)
    return any(p.device_owner == "network:router_gateway" for p in ports)


def provider(network: Network) -> tuple[str, str | None, int | None]:
    """Type, physical network and number: Neutron's `provider:` attributes, in that order."""
    number = network.vni if network.network_type == "vxlan" else network.vlan_id
    return network.network_type, network.physical_network, number


def view(r: Reading, networks: Sequence[Network]) -> list[View]:
    return [_view(r, network) for network in networks]


def _view(r: Reading, network: Network) -> View:
    subnets = sorted(r.snapshot.by(Subnet, "network", network.id), key=lambda s: s.id)
    answer = {
        **standard(network),
        "admin_state_up": network.admin_state_up,
        "status": "ACTIVE",
        "subnets": [subnet.id for subnet in subnets],
        "shared": sharing.is_shared(r.snapshot, r.context, network),
        "router:external": network.external,
        "mtu": network.mtu,
        "port_security_enabled": network.port_security_enabled,
        "availability_zone_hints": network.availability_zone_hints,
        "availability_zones": [r.settings.availability_zone],
        "dns_domain": network.dns_domain,
        "ipv4_address_scope": _scope(r.snapshot, subnets, 4),
        "ipv6_address_scope": _scope(r.snapshot, subnets, 6),
        "l2_adjacency": True,
        "qos_policy_id": network.qos_policy_id or None,
    }
    if network.external:
        answer["is_default"] = network.is_default
    if r.context.is_admin:
        answer.update(zip(segments.PROVIDER, provider(network), strict=True))
    return answer


def _scope(snapshot: Snapshot, subnets: list[Subnet], version: int) -> str | None:
    for subnet in subnets:
        if subnet.ip_version == version and subnet.subnetpool_id:
            pool = snapshot.get(SubnetPool, subnet.subnetpool_id)
            return pool.address_scope_id if pool else None
    return None


def visible(snapshot: Snapshot, context: Context, network: Network) -> bool:
    """Shared with the asker's project, or external to it."""
    return any(
        sharing.granted(snapshot, network.id, action, context.project_id)
        for action in (sharing.SHARED, sharing.EXTERNAL)
    )


def may_attach(snapshot: Snapshot, context: Context, network: Network) -> bool:
    """Whether projects other than the owner's may have ports on it."""
    return sharing.granted(snapshot, network.id, sharing.SHARED, context.project_id)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "network", sharing.SHARED, sharing.EXTERNAL)


RESOURCE = Resource(
    member="network",
    collection="networks",
    path="networks",
    model=Network,
    table=TABLE,
    missing=("NetworkNotFound", "Network {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    indexes={"name": "name", "project_id": "project", "provider:segmentation_id": "vni"},
)
