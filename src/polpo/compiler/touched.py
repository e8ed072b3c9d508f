"""Which rows a change may concern: the dependents of each object, found by the indexes.

Asked of the view before the change and of the view after it, so that what an object no longer
touches is looked at too. A row that turns out the same in both is nobody's news (see changes.py).
Rows of routers, and of what hosts carry, are in touched_domains.py.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from polpo.compiler import host_rows, shared_rows
from polpo.compiler.numbers import Groups, groups_number
from polpo.compiler.probes import probe_row
from polpo.compiler.slices import HOSTS, host_name, network_name
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.probe import Probe
from polpo.model.qos import QosPolicy
from polpo.model.router import FloatingIP
from polpo.model.security_group import AddressGroup, SecurityGroupRule, all_rules
from polpo.target.rows import AnyRow

RowOf: TypeAlias = Callable[[View], AnyRow | None]
Touched: TypeAlias = dict[tuple[str, str], RowOf]
"""(slice, key) -> what computes that row from any view."""


def touched(view: View, change: Change[Any]) -> Touched:
    """The rows that are in `view` because of the object that changed, or of what refers to it."""
    return merged(_touched(view, state) for state in change.states) if _matters(change) else {}


def _touched(view: View, state: Any) -> Touched:
    match state:
        case Port():
            port = view.snapshot.get(Port, state.id)
            return _port(view, port) if port is not None else {}
        case SecurityGroupRule():
            return _group(view, state.security_group_id)
        case AddressGroup():
            return _address_group(view, state.id)
        case Subnet():
            subnet = view.subnet(state.id)
            return _subnet(view, subnet) if subnet is not None else {}
        case Network():
            ports = merged(_port(view, p) for p in view.snapshot.by(Port, "network", state.id))
            subnets = view.snapshot.by(Subnet, "network", state.id)
            return ports | merged(_subnet(view, subnet) for subnet in subnets)
        case Host():
            return _host(view, state.name)
        case QosPolicy():
            return merged(_row(port) for port in _shaped(view, state.id))
        case Probe():
            hosts = {place.host for place in state.places}
            return merged(_probe(host, state.id) for host in hosts)
        case FloatingIP():
            named = view.snapshot.get(Port, state.port_id)
            return _row(named) if named is not None else {}
    return {}


def _matters(change: Change[Any]) -> bool:
    """Whether a switch can see the difference: not if, say, only a name changed."""
    before, after = change.before, change.after
    return before is None or after is None or _seen(before) != _seen(after)


def _seen(state: Any) -> tuple[Any, ...]:
    """What rows take from objects that many rows depend on."""
    match state:
        case Network():
            qos = state.qos_policy_id
            return (state.vni, state.mtu, state.admin_state_up, state.dns_domain, qos)
        case Host():
            return (state.name, state.address, state.availability_zone)
        case AddressGroup():
            return (state.addresses,)
        case QosPolicy():
            return (state.rules,)
        case FloatingIP():
            return (state.port_id, state.fixed_ip_address, state.floating_ip_address)
    return (state,)


def _port(view: View, port: Port) -> Touched:
    """All that a port is part of."""
    return _own(view, port) | _shared(view, port)


def _own(view: View, port: Port) -> Touched:
    """The port's row on its host, and that of what guards it."""
    rows, groups = _row(port), port.group_set
    guarded = rows and port.port_security_enabled and groups
    return rows | _policy(port.host, groups) if guarded else rows


def _row(port: Port) -> Touched:
    """The port's row, if it is bound."""
    if not port.host:
        return {}
    row = partial(host_rows.port_row, host=port.host, id=port.id)
    return {(host_name(port.host), f"port/{port.id}"): row}


def _shaped(view: View, policy: str) -> Iterator[Port]:
    """The ports that a QoS policy is about, by themselves or by their network."""
    yield from view.snapshot.by(Port, "qos_policy", policy)
    for network in view.snapshot.by(Network, "qos_policy", policy):
        yield from view.snapshot.by(Port, "network", network.id)


def _probe(host: str, id: str) -> Touched:
    return {(host_name(host), f"probe/{id}"): partial(probe_row, host=host, id=id)}


def _policy(host: str, groups: Groups) -> Touched:
    row = partial(host_rows.policy_row, host=host, groups=groups)
    return {(host_name(host), f"policy/{groups_number(groups)}"): row}


def _shared(view: View, port: Port) -> Touched:
    """The port's row on every host that carries its network, and its group set's."""
    network = view.network(port.network_id)
    if network is None or not port.host:
        return {}
    slice, groups = network_name(network), port.group_set
    return {
        (slice, f"endpoint/{port.id}"): partial(
            shared_rows.endpoint_row, vni=network.vni, id=port.id
        ),
        (slice, f"groups/{groups_number(groups)}"): partial(
            shared_rows.groups_row, vni=network.vni, groups=groups
        ),
    }


def _subnet(view: View, subnet: Subnet) -> Touched:
    network = view.network(subnet.network_id)
    if network is None:
        return {}
    row = partial(shared_rows.subnet_row, vni=network.vni, id=subnet.id)
    return {(network_name(network), f"subnet/{subnet.id}"): row}


def _group(view: View, group: str) -> Touched:
    """The policies with the group's rules, on the hosts that have them: ports only refer."""
    return merged(_policy(*where) for where in view.snapshot.traits(Port, "guarding", group))


def _address_group(view: View, id: str) -> Touched:
    rules = all_rules(view.snapshot, id, "remote_address_group")
    return merged(_group(view, group) for group in {rule.security_group_id for rule in rules})


def _host(view: View, name: str) -> Touched:
    rows = merged(_port(view, port) for port in view.snapshot.by(Port, "host", name))
    probes = (_probe(name, probe.id) for probe in view.snapshot.by(Probe, "host", name))
    hosts = {(HOSTS, f"host/{name}"): partial(shared_rows.host_row, name=name)}
    return rows | merged(probes) | hosts


def merged(parts: Iterable[Touched]) -> Touched:
    merged: Touched = {}
    for part in parts:
        merged.update(part)
    return merged
