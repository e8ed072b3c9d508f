"""Rows that only one host needs: its ports, the networks it carries, the policies they use.

Each function gives the row for its key, or None where there is to be none.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from polpo.compiler.view import View
from polpo.model import port as model
from polpo.target.rows import Lease, Network, Pair, Policy, Port


def port_row(view: View, host: str, id: str) -> Port | None:
    port = view.snapshot.get(model.Port, id)
    if port is None or port.host != host or view.host(host) is None:
        return None
    network = view.network(port.network_id)
    if network is None:
        return None
    policy = view.policy(port)
    return Port(
        id=port.id,
        vni=network.vni,
        mac=port.mac_address,
        mtu=network.mtu,
        policy=policy.number if policy is not None else 0,
        leases=tuple(_leases(view, port)),
        pairs=_pairs(port) if port.allowed_address_pairs else (),
        port_security=port.port_security_enabled,
        admin_up=port.admin_state_up and network.admin_state_up,
        name=port.name,
    )


def network_row(view: View, host: str, vni: int) -> Network | None:
    network = view.network_of(vni)
    if network is None or view.host(host) is None or not view.carries(host, network.id):
        return None
    ports = view.snapshot.by(model.Port, "wire", f"{host}/{network.id}")
    return Network(vni=network.vni, mtu=network.mtu, since=min(port.wiring for port in ports))


def policy_row(view: View, host: str, number: int) -> Policy | None:
    """The policy if a port of the host has it: usually one of the first that are looked at."""
    if view.host(host) is None:
        return None
    for port in view.snapshot.by(model.Port, "host", host):
        policy = view.policy(port)
        if policy is not None and policy.number == number and view.network(port.network_id):
            return policy
    return None


def _leases(view: View, port: model.Port) -> Iterator[Lease]:
    for fixed in sorted(port.fixed_ips):
        subnet = view.subnet(fixed.subnet_id)
        if subnet is not None:
            yield Lease(
                address=fixed.ip_address,
                prefix_length=view.prefix_length(subnet),
                gateway=subnet.gateway_ip,
                routes=tuple((r.destination, r.nexthop) for r in subnet.host_routes),
                dns_servers=subnet.dns_nameservers,
            )


def _pairs(port: model.Port) -> tuple[Pair, ...]:
    pairs = (_pair(port, pair) for pair in port.allowed_address_pairs)
    return tuple(sorted(pairs, key=lambda pair: (pair.mac, pair.prefix)))


def _pair(port: model.Port, pair: model.AddressPair) -> Pair:
    mac = (pair.mac_address or port.mac_address).lower()
    return Pair(mac=mac, prefix=str(ip_network(pair.ip_address, strict=False)))
