"""Rows that only one host needs: its ports, their policies, the networks and routers it carries.

Each function gives the row for its key, or None where there is to be none.
"""

from ipaddress import ip_network

from polpo.compiler import qos, transit
from polpo.compiler.instances import instance_of
from polpo.compiler.numbers import Groups, groups_number
from polpo.compiler.routing import external_network
from polpo.compiler.view import View
from polpo.model import port as model
from polpo.model.cluster import has_policies, host_of, made_for, pods_of, services_of
from polpo.target.rows import DhcpOption, Lease, Network, Pair, Policy, Port, Routing


def port_row(view: View, host: str, id: str) -> Port | None:
    port = view.snapshot.get(model.Port, id)
    on, network = view.host(host), view.network(port.network_id) if port is not None else None
    if port is None or port.host != host or on is None or network is None:
        return None
    guards = port.group_set if port.port_security_enabled else ()
    shape = qos.policy_of(view.snapshot, port, network)
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
        instance=instance_of(view, on, port),
        pods_of=pods_of(port),
        host_of=host_of(port),
        services=services_of(port),
        policies=has_policies(port),
        pod=port.device_id if has_policies(port) and port.security_groups else "",
        made_for=made_for(port),
    )


def network_row(view: View, host: str, vni: int) -> Network | None:
    """Of a network with ports, or of a function's transit network, if the host carries it."""
    if view.host(host) is None:
        return None
    network = view.network_of(vni)
    if network is None:
        return _transit_row(view, host, vni)
    if host not in view.carriers(network.id):
        return None
    domain = view.domain(network.id)
    return Network(vni, network.mtu, domain.number if domain is not None else 0)


def _transit_row(view: View, host: str, vni: int) -> Network | None:
    """All hosts that carry the router do; of a load balancer's, those of its instances."""
    router = view.router_of(vni)
    if router is None:
        found = transit.instances(view, transit.function_of(view, vni))
        here = [x.function for x in found if x.placement.host == host]
        return Network(vni, here[0].mtu) if here else None
    outside = external_network(view.snapshot, router)
    if outside is None or host not in view.hosts(view.domain_of(router)):
        return None
    return Network(vni, outside.mtu, view.domain_of(router).number)


def routing_row(view: View, host: str, vni: int) -> Routing | None:
    router = view.router_of(vni)
    if router is None or view.host(host) is None:
        return None
    return Routing(vni) if host in view.hosts(view.domain_of(router)) else None


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
