"""Rows that only one host needs: its ports, the networks it carries, the policies they use.

Each function gives the row for its key, or None where there is to be none.
"""

from ipaddress import ip_network

from polpo.compiler import qos
from polpo.compiler.numbers import Groups, groups_number
from polpo.compiler.view import View
from polpo.model import port as model
from polpo.target.rows import DhcpOption, Lease, Network, Pair, Policy, Port


def port_row(view: View, host: str, id: str) -> Port | None:
    port = view.snapshot.get(model.Port, id)
    if port is None or port.host != host or view.host(host) is None:
        return None
    network = view.network(port.network_id)
    if network is None:
        return None
    guards = port.group_set if port.port_security_enabled else ()
    shape = qos.policy_of(view, port, network)
    return Port(
        id=port.id,
        vni=network.vni,
        mac=port.mac_address,
        mtu=network.mtu,
        policy=groups_number(guards),
        leases=tuple(Lease(f.ip_address, f.subnet_id) for f in sorted(port.fixed_ips)),
        pairs=_pairs(port) if port.allowed_address_pairs else (),
        port_security=port.port_security_enabled,
        admin_up=port.admin_state_up and network.admin_state_up,
        name=port.name,
        hostname=port.dns_name,
        dhcp_options=tuple(
            DhcpOption(o.opt_name, o.opt_value or "", o.ip_version) for o in port.extra_dhcp_opts
        ),
        ingress=qos.ingress(shape),
        egress=qos.egress(shape),
        dscp=qos.dscp(shape),
    )


def network_row(view: View, host: str, vni: int) -> Network | None:
    network = view.network_of(vni)
    if network is None or view.host(host) is None or not view.carries(host, network.id):
        return None
    return Network(vni=network.vni, mtu=network.mtu)


def policy_row(view: View, host: str, groups: Groups) -> Policy | None:
    """What the groups let pass, as long as a guarded port of the host is in just these."""
    if view.host(host) is None or not view.snapshot.has_trait(model.Port, "guards", host, groups):
        return None
    return view.policy(groups)


def _pairs(port: model.Port) -> tuple[Pair, ...]:
    pairs = (_pair(port, pair) for pair in port.allowed_address_pairs)
    return tuple(sorted(pairs, key=lambda pair: (pair.mac, pair.prefix)))


def _pair(port: model.Port, pair: model.AddressPair) -> Pair:
    mac = (pair.mac_address or port.mac_address).lower()
    return Pair(mac=mac, prefix=str(ip_network(pair.ip_address, strict=False)))
