"""How the port is to be configured, in the words of OpenStack's network_data.json."""

from ipaddress import ip_network
from typing import Any

from polpo.agent.metadata.subject import Subject
from polpo.target.rows import Lease, Subnet

LINK = "eth0"  # its name in this document only


def network_data(subject: Subject) -> dict[str, Any]:
    port, known = subject.port, subject.leases()
    link = {
        "id": LINK,
        "vif_id": port.id,
        "type": "phy",
        "mtu": port.mtu,
        "ethernet_mac_address": port.mac,
    }
    servers = dict.fromkeys(x for _, subnet in known for x in subnet.dns_servers)
    return {
        "links": [link],
        "networks": [_network(subject, i, *lease) for i, lease in enumerate(known)],
        "services": [{"type": "dns", "address": server} for server in servers],
    }


def _network(subject: Subject, number: int, lease: Lease, subnet: Subnet) -> dict[str, Any]:
    """What DHCP says in full needs no more words here."""
    kind = _kind(subnet)
    network = {
        "id": f"network{number}",
        "type": kind,
        "link": LINK,
        "network_id": subject.instance.network,
    }
    return network if kind.endswith("_dhcp") else network | _static(lease, subnet)


def _kind(subnet: Subnet) -> str:
    version = ip_network(subnet.cidr).version
    if version == 6 and subnet.address_mode:
        return f"ipv6_{subnet.address_mode}"
    return f"ipv{version}_dhcp" if subnet.dhcp else f"ipv{version}"


def _static(lease: Lease, subnet: Subnet) -> dict[str, Any]:
    routes = [_route(to, via) for to, via in subnet.routes]
    if subnet.gateway and subnet.gateway != lease.address:
        everything = "::/0" if ":" in subnet.cidr else "0.0.0.0/0"
        routes = [_route(everything, subnet.gateway), *routes]
    return {
        "ip_address": lease.address,
        "netmask": str(ip_network(subnet.cidr).netmask),
        "routes": routes,
        "services": [{"type": "dns", "address": server} for server in subnet.dns_servers],
    }


def _route(to: str, via: str) -> dict[str, str]:
    prefix = ip_network(to)
    return {
        "network": str(prefix.network_address),
        "netmask": str(prefix.netmask),
        "gateway": via,
    }
