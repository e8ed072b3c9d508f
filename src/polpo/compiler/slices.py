"""The definition: each slice of the target whole, from one snapshot. Total and sorted by key."""

from collections.abc import Iterable

from polpo.compiler.host_rows import network_row, policy_row, port_row
from polpo.compiler.shared_rows import endpoint_row, groups_row, host_row, subnet_row
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.target.rows import AnyRow, Slices

HOSTS = "hosts"


def host_name(host: str) -> str:
    """The name of the slice of one host."""
    return f"host/{host}"


def network_name(network: Network) -> str:
    """The name of the slice of one network."""
    return f"network/{network.vni}"


def host_slice(view: View, host: str) -> dict[str, AnyRow]:
    """The host's own ports, the networks it carries, the policies that its ports use."""
    find = view.snapshot
    networks = [view.network(id) for id in find.traits(Port, "carries", host)]
    rows: list[AnyRow | None] = [port_row(view, host, p.id) for p in find.by(Port, "host", host)]
    rows += [network_row(view, host, n.vni) for n in networks if n is not None]
    rows += [policy_row(view, host, groups) for groups in find.traits(Port, "guards", host)]
    return _by_key(rows)


def network_slice(view: View, network: Network) -> dict[str, AnyRow]:
    """All bound ports of the network, the sets of groups that they are in, and the subnets."""
    ports = [p for p in view.snapshot.by(Port, "network", network.id) if p.host]
    rows: list[AnyRow | None] = [endpoint_row(view, network.vni, port.id) for port in ports]
    sets = view.snapshot.traits(Port, "group_sets", network.id)
    rows += [groups_row(view, network.vni, groups) for groups in sets]
    subnets = view.snapshot.by(Subnet, "network", network.id)
    rows += [subnet_row(view, network.vni, subnet.id) for subnet in subnets]
    return _by_key(rows)


def hosts_slice(view: View) -> dict[str, AnyRow]:
    """Every host of the cloud."""
    return _by_key(host_row(view, host.name) for host in view.snapshot.all(Host))


def all_slices(snapshot: Snapshot) -> Slices:
    """Every slice there is, empty ones left out."""
    view = View(snapshot)
    slices = {HOSTS: hosts_slice(view)}
    slices |= {host_name(h.name): host_slice(view, h.name) for h in snapshot.all(Host)}
    slices |= {network_name(n): network_slice(view, n) for n in snapshot.all(Network)}
    return {name: rows for name, rows in slices.items() if rows}


def carried(view: View, host: str) -> frozenset[str]:
    """The shared slices that the host needs."""
    networks = map(view.network, view.snapshot.traits(Port, "carries", host))
    return frozenset({HOSTS, *(network_name(n) for n in networks if n is not None)})


def _by_key(rows: Iterable[AnyRow | None]) -> dict[str, AnyRow]:
    return {row.key: row for row in sorted((r for r in rows if r), key=lambda row: row.key)}
