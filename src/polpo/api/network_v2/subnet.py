"""Subnets (Neutron API reference, "Subnets")."""

from collections.abc import Iterable, Sequence
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import network as networks
from polpo.api.network_v2 import (
    port_addresses,
    quotas,
    subnet_checks,
    subnet_from_pool,
    values,
)
from polpo.api.network_v2.addresses import default_gateway, default_pools, is_automatic
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown, table
from polpo.api.network_v2.errors import bad_resource, conflict, forbidden
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import boolean, integer, list_of, nullable, one_of, record, text
from polpo.model.network import AddressRange, HostRoute, Network, Subnet
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot

MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac", None)

_POOL = record({"start": values.address(), "end": values.address()})
_ROUTE = record({"destination": values.prefix(), "nexthop": values.address()})

TABLE = table(
    "subnet",
    {
        "network_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="network_id"
        ),
        "ip_version": Attribute(
            kind=integer(4, 6), put=False, default=REQUIRED, field="ip_version"
        ),
        "cidr": Attribute(kind=nullable(values.prefix()), put=False, default=None, field="cidr"),
        "prefixlen": Attribute(
            kind=nullable(integer(0, 128)), put=False, default=None, filter=False, sort=False
        ),
        "gateway_ip": Attribute(kind=nullable(values.address()), field="gateway_ip"),
        "allocation_pools": Attribute(
            kind=list_of(_POOL, unique=False, null_is_empty=True), filter=False, sort=False
        ),
        "dns_nameservers": Attribute(
            kind=list_of(values.address(), null_is_empty=True),
            default=(),
            filter=False,
            sort=False,
        ),
        "host_routes": Attribute(
            kind=list_of(_ROUTE, null_is_empty=True), default=(), filter=False, sort=False
        ),
        "enable_dhcp": Attribute(kind=boolean(), default=True, field="enable_dhcp"),
        "ipv6_ra_mode": Attribute(
            kind=one_of(*MODES), put=False, default=None, field="ipv6_ra_mode"
        ),
        "ipv6_address_mode": Attribute(
            kind=one_of(*MODES), put=False, default=None, field="ipv6_address_mode"
        ),
        "subnetpool_id": Attribute(
            kind=nullable(values.uuid()), put=False, default=None, field="subnetpool_id"
        ),
        "use_default_subnetpool": Attribute(
            kind=boolean(), put=False, default=False, filter=False, sort=False
        ),
        "service_types": Attribute(
            kind=list_of(text(255)), default=(), admin=True, filter=False, sort=False
        ),
        "segment_id": Attribute(
            kind=nullable(values.uuid()), default=None, admin=True, hidden=True, field="segment_id"
        ),
        "dns_publish_fixed_ip": Attribute(
            kind=boolean(), default=False, field="dns_publish_fixed_ip"
        ),
        "router:external": shown(boolean(), sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> Subnet:
    network = networks.RESOURCE.find(w.snapshot, w.context, given["network_id"])
    _check_owner(w.context, network)
    quotas.check(w, "subnet", given["project_id"])
    cidr, pool_id = subnet_from_pool.prefix_for(w, network, given)
    fields = {key: given[key] for key in _KEPT}
    fields |= {"cidr": cidr, "subnetpool_id": pool_id}
    fields["gateway_ip"] = given.get("gateway_ip", default_gateway(cidr))
    fields["allocation_pools"] = _pools(given, fields)
    fields["host_routes"] = _routes(given["host_routes"])
    subnet = Subnet(id=new_id(), **fields)
    subnet_checks.check_new(w, network, subnet)
    subnet = w.tx.put(subnet)
    if is_automatic(subnet):
        port_addresses.add_automatic(w, subnet)
    return subnet


_KEPT = (
    "project_id",
    "name",
    "description",
    "network_id",
    "ip_version",
    "dns_nameservers",
    "enable_dhcp",
    "ipv6_ra_mode",
    "ipv6_address_mode",
    "service_types",
    "segment_id",
    "dns_publish_fixed_ip",
)


def update(w: Writing, subnet: Subnet, given: dict[str, Any]) -> Subnet:
    if "allocation_pools" in given:
        given["allocation_pools"] = _ranges(given["allocation_pools"])
    if "host_routes" in given:
        given["host_routes"] = _routes(given["host_routes"])
    after = changed(subnet, given)
    subnet_checks.check_update(w, subnet, after)
    return w.tx.put(after)


def delete(w: Writing, subnet: Subnet) -> None:
    """Ports keep a subnet from being deleted, unless their address of it came by itself."""
    automatic = is_automatic(subnet)
    ports = list(w.snapshot.by(Port, "subnet", subnet.id))
    for port in ports:
        router = port.device_owner.startswith("network:router")
        if port.device_owner not in networks.AUTO_DELETED and (router or not automatic):
            raise conflict(
                "SubnetInUse",
                f"Unable to complete operation on subnet {subnet.id}: "
                "One or more ports have an IP allocation from this subnet.",
            )
    port_addresses.take_away(w, subnet, ports)
    w.tx.remove(subnet)


def _check_owner(context: Context, network: Network) -> None:
    if not context.is_admin and network.project_id != context.project_id:
        raise forbidden("create_subnet")


def _ranges(pools: Iterable[dict[str, str]]) -> tuple[AddressRange, ...]:
    return tuple(AddressRange(**pool) for pool in pools)


def _routes(routes: Iterable[dict[str, str]]) -> tuple[HostRoute, ...]:
    return tuple(HostRoute(**route) for route in routes)


def _pools(given: dict[str, Any], fields: dict[str, Any]) -> tuple[AddressRange, ...]:
    if not given.get("allocation_pools"):
        return default_pools(fields["cidr"], fields["gateway_ip"])
    if given["cidr"] is None:
        raise bad_resource("subnets", "allocation_pools allowed only for specific subnet requests.")
    return _ranges(given["allocation_pools"])


def view(r: Reading, subnets: Sequence[Subnet]) -> list[View]:
    return [_view(r, subnet) for subnet in subnets]


def _view(r: Reading, subnet: Subnet) -> View:
    network = r.snapshot.get(Network, subnet.network_id)
    answer = {
        **standard(subnet),
        "network_id": subnet.network_id,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway_ip,
        "allocation_pools": subnet.allocation_pools,
        "dns_nameservers": subnet.dns_nameservers,
        "host_routes": subnet.host_routes,
        "enable_dhcp": subnet.enable_dhcp,
        "ipv6_ra_mode": subnet.ipv6_ra_mode,
        "ipv6_address_mode": subnet.ipv6_address_mode,
        "subnetpool_id": subnet.subnetpool_id,
        "service_types": subnet.service_types,
        "dns_publish_fixed_ip": subnet.dns_publish_fixed_ip,
        "router:external": network is not None and network.external,
    }
    if r.context.is_admin:
        answer["segment_id"] = subnet.segment_id
    return answer


def visible(snapshot: Snapshot, context: Context, subnet: Subnet) -> bool:
    """Who may see the network may see its subnets."""
    network = snapshot.get(Network, subnet.network_id)
    return network is not None and networks.RESOURCE.may_see(snapshot, context, network)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    own = (n.id for n in snapshot.by(Network, "project", context.project_id))
    for network_id in (*own, *networks.others(snapshot, context)):
        yield from (s.id for s in snapshot.by(Subnet, "network", network_id))


def may_change(snapshot: Snapshot, context: Context, subnet: Subnet) -> bool:
    """Its owner, or its network's."""
    network = snapshot.get(Network, subnet.network_id)
    owners = {subnet.project_id, network.project_id if network else subnet.project_id}
    return context.project_id in owners


RESOURCE = Resource(
    member="subnet",
    collection="subnets",
    path="subnets",
    model=Subnet,
    table=TABLE,
    missing=("SubnetNotFound", "Subnet {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    may_update=may_change,
    may_delete=may_change,
    indexes={
        "name": "name",
        "project_id": "project",
        "network_id": "network",
        "subnetpool_id": "subnetpool",
    },
)
