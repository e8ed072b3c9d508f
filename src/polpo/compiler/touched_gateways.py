"""Which rows of routers' gateways changes may concern. As in touched_domains.py, of all at once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from polpo.compiler.touched import Touched, merged
from polpo.compiler.touched_transit import touched_transit
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import Network, Subnet, SubnetPool
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.qos import QosPolicy
from polpo.model.router import GATEWAY, INTERFACES, FloatingIP, Router


def touched_gateways(view: View, changes: Sequence[Change[Any]]) -> Touched:
    """The rows in `view` that the gateways have which the changes have to do with."""
    seen = [state for change in changes if _matters(change) for state in change.states]
    ids = {id for state in seen for id in _routers(view, state)}
    routers = filter(None, map(view.router, ids))
    return merged(touched_transit(view, router.id, router.vni) for router in routers)


def _matters(change: Change[Any]) -> bool:
    return _seen(change.before) != _seen(change.after)


def _seen(state: Any) -> object:
    """What gateways take from an object that many have to do with."""
    match state:
        case Network():
            where = (state.physical_network, state.vlan_id)
            return (where, state.vni, state.mtu, state.admin_state_up, state.qos_policy_id)
        case SubnetPool():
            return state.address_scope_id
        case Subnet():
            return (state.network_id, state.cidr, state.gateway_ip, state.subnetpool_id)
        case Host():
            return (state.name, state.address)
        case Port():
            place = (state.network_id, state.device_id, state.device_owner)
            return (place, state.mac_address, state.fixed_ips, state.admin_state_up)
    return state


def _routers(view: View, state: Any) -> Iterator[str]:
    """Ids of the routers whose gateways take something from the object."""
    match state:
        case Router():
            yield state.id
        case Placement(function_id=id) | FloatingIP(router_id=id):
            yield from filter(None, [id])
        case QosPolicy():
            yield from _shaped(view, state.id)
        case Port() if state.device_owner == GATEWAY or state.device_owner in INTERFACES:
            yield state.device_id
        case Network():
            yield from _routers_at(view, state.id)
        case Subnet():
            yield from _routers_at(view, state.network_id)
        case SubnetPool():
            for subnet in view.snapshot.by(Subnet, "subnetpool", state.id):
                yield from _routers_at(view, subnet.network_id)
        case Host():
            yield from (p.function_id for p in view.snapshot.by(Placement, "host", state.name))


def _shaped(view: View, policy_id: str) -> Iterator[str]:
    """Those whose floating IPs have the policy, by themselves or by their network."""
    find = view.snapshot
    yield from (ip.router_id for ip in find.by(FloatingIP, "qos_policy", policy_id) if ip.router_id)
    for network in find.by(Network, "qos_policy", policy_id):
        yield from (r.id for r in find.by(Router, "external_network", network.id))


def _routers_at(view: View, network_id: str) -> Iterator[str]:
    """Those that join the network, or have their gateway in it."""
    inside: Iterable[str] = view.snapshot.traits(Port, "routers", network_id)
    yield from inside
    yield from (r.id for r in view.snapshot.by(Router, "external_network", network_id))
