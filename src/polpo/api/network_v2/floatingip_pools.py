"""Floating IP pools: the IPv4 subnets of external networks (Neutron's `floatingip-pools`)."""

from urllib.parse import parse_qsl

from polpo.api.network_v2 import network as networks
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.listing import only
from polpo.api.network_v2.query import fields
from polpo.api.network_v2.resource import View
from polpo.model.network import Network, Subnet

_FILTERS = ("subnet_id", "subnet_name", "network_id", "cidr")


async def list_all(call: Call) -> Answer:
    """Of the networks that the asker may see."""
    snapshot = call.reading().snapshot
    pools = [
        _view(call, subnet)
        for network in snapshot.all(Network)
        if network.external and networks.RESOURCE.may_see(snapshot, call.context, network)
        for subnet in snapshot.by(Subnet, "network", network.id)
        if subnet.ip_version == 4
    ]
    for key, value in parse_qsl(call.query):
        if key in _FILTERS:
            pools = [pool for pool in pools if pool[key] == value]
    pools.sort(key=lambda pool: str(pool["subnet_id"]))
    return 200, {"floatingip_pools": only(pools, fields(call.query))}


def _view(call: Call, subnet: Subnet) -> View:
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "network_id": subnet.network_id,
        "cidr": subnet.cidr,
        "project_id": call.context.project_id,
        "tenant_id": call.context.project_id,
    }
