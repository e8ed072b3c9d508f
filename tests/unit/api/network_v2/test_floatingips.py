"""Floating IPs and port forwardings: taken, tied to ports, let go."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused

MISSING = "11111111-1111-4111-8111-111111111111"


async def _refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


class Site:
    """A router of mia's between 10.0.0.0/24 and an external network, and a port inside.

    Addresses from 10.0.0.100 are nobody's unless a test says so.
    """

    external: Any
    network: Any
    router: Any
    port: Any

    @classmethod
    async def build(cls, cloud: NetworkCloud) -> "Site":
        site = cls()
        site.external = await cloud.external("203.0.113.0/24")
        network = await cloud.make("network")
        wish = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
        pool = {"start": "10.0.0.10", "end": "10.0.0.99"}
        await cloud.make("subnet", **wish, allocation_pools=[pool])
        site.network = await cloud.show("network", network["id"])
        info = {"network_id": site.external["id"]}
        site.router = await cloud.make("router", external_gateway_info=info)
        await cloud.join(site.router["id"], subnet_id=site.network["subnets"][0])
        site.port = await cloud.make("port", network_id=site.network["id"], name="p")
        return site

    async def fip(self, cloud: NetworkCloud, who: str = "mia", **more: Any) -> Any:
        return await cloud.make("floatingip", who, floating_network_id=self.external["id"], **more)


async def test_a_new_floating_ip_stands_for_nobody(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24")
    fip = await cloud.make("floatingip", floating_network_id=external["id"], description="d")
    shop = cloud.identity.project_id("shop")
    assert fip == {
        "id": fip["id"],
        "project_id": shop,
        "tenant_id": shop,
        "description": "d",
        "floating_network_id": external["id"],
        "floating_ip_address": fip["floating_ip_address"],
        "port_id": None,
        "fixed_ip_address": None,
        "router_id": None,
        "status": "DOWN",
        "dns_name": "",
        "dns_domain": "",
        "port_details": None,
        "port_forwardings": [],
        "qos_policy_id": None,
        "qos_network_policy_id": None,
        "tags": [],
        "created_at": fip["created_at"],
        "updated_at": fip["updated_at"],
        "revision_number": 0,
    }
    query = f"/ports?network_id={external['id']}"
    (port,) = (await cloud.get(query, "admin"))["ports"]
    assert port["device_owner"] == "network:floatingip"
    assert port["device_id"] == fip["id"]
    assert port["fixed_ips"][0]["ip_address"] == fip["floating_ip_address"]
    assert (await cloud.get(query))["ports"] == []
    deleted = await cloud.raw("admin", "DELETE", f"/ports/{port['id']}")
    assert deleted.json()["NeutronError"]["type"] == "ServicePortInUse"
    await cloud.remove("floatingip", fip["id"])
    assert (await cloud.get(query, "admin"))["ports"] == []


async def test_only_admins_choose_the_address_anybody_the_subnet(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24", "198.51.100.0/24", "2001:db8::/64")
    wish = {"floating_network_id": external["id"]}
    refused = await _refused(cloud.make("floatingip", **wish, floating_ip_address="203.0.113.77"))
    assert refused.status == 403
    fip = await cloud.make("floatingip", "admin", **wish, floating_ip_address="203.0.113.77")
    assert fip["floating_ip_address"] == "203.0.113.77"
    again = cloud.make("floatingip", "admin", **wish, floating_ip_address="203.0.113.77")
    assert (await _refused(again)).type == "IpAddressAlreadyAllocated"
    subnets = {(await cloud.show("subnet", id))["cidr"]: id for id in external["subnets"]}
    fip = await cloud.make("floatingip", **wish, subnet_id=subnets["198.51.100.0/24"])
    assert fip["floating_ip_address"].startswith("198.51.100.")
    refused = await _refused(cloud.make("floatingip", **wish, subnet_id=subnets["2001:db8::/64"]))
    assert (refused.status, refused.type) == (400, "ExternalIpAddressExhausted")
    outside = cloud.make("floatingip", "admin", **wish, floating_ip_address="192.0.2.1")
    assert (await _refused(outside)).type == "InvalidIpForNetwork"


async def test_the_network_must_be_external_and_have_ipv4(cloud: NetworkCloud) -> None:
    internal = await cloud.network()
    six = await cloud.external("2001:db8::/64")
    for id, reason in (
        (internal["id"], "is not a valid external network"),
        (MISSING, "is not a valid external network"),
        (six["id"], "does not contain any IPv4 subnet"),
    ):
        refused = await _refused(cloud.make("floatingip", floating_network_id=id))
        assert (refused.status, refused.type) == (400, "BadRequest")
        assert refused.message == f"Bad floatingip request: Network {id} {reason}."


async def test_it_is_tied_to_a_port_and_let_go(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    fip = await site.fip(cloud, port_id=site.port["id"], dns_name="www", dns_domain="example.org.")
    inside = site.port["fixed_ips"][0]["ip_address"]
    assert (fip["port_id"], fip["fixed_ip_address"]) == (site.port["id"], inside)
    assert fip["router_id"] == site.router["id"]
    assert (fip["dns_name"], fip["dns_domain"]) == ("www", "example.org.")
    assert fip["port_details"] == {
        "name": "p",
        "network_id": site.network["id"],
        "mac_address": site.port["mac_address"],
        "admin_state_up": True,
        "status": "DOWN",
        "device_id": "",
        "device_owner": "",
    }
    second = await site.fip(cloud)
    refused = await _refused(cloud.change("floatingip", second["id"], port_id=site.port["id"]))
    assert (refused.status, refused.type) == (409, "FloatingIPPortAlreadyAssociated")
    assert refused.message == (
        f"Cannot associate floating IP {second['floating_ip_address']} ({second['id']}) with port "
        f"{site.port['id']} using fixed IP {inside}, as that fixed IP already has a floating IP on "
        f"external network {site.external['id']}."
    )
    described = await cloud.change("floatingip", fip["id"], description="still")
    assert described["port_id"] == site.port["id"]
    for query, found in (
        (f"port_id={site.port['id']}", [fip["id"]]),
        (f"router_id={site.router['id']}", [fip["id"]]),
        (f"fixed_ip_address={inside}", [fip["id"]]),
        (f"floating_ip_address={second['floating_ip_address']}", [second["id"]]),
        (
            f"status=DOWN&floating_network_id={site.external['id']}&sort_key=id&sort_dir=asc",
            sorted([fip["id"], second["id"]]),
        ),
    ):
        listed = (await cloud.get(f"/floatingips?{query}"))["floatingips"]
        assert [f["id"] for f in listed] == found, query
    free = await cloud.change("floatingip", fip["id"], port_id=None)
    assert (free["port_id"], free["fixed_ip_address"], free["router_id"]) == (None, None, None)
    moved = await cloud.change("floatingip", second["id"], port_id=site.port["id"])
    assert moved["fixed_ip_address"] == inside


async def test_what_it_may_not_be_tied_to(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    lonely = await cloud.network("10.5.0.0/24")
    far = await cloud.make("port", network_id=lonely["id"])
    refused = await _refused(site.fip(cloud, port_id=far["id"]))
    assert (refused.status, refused.type) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert refused.message == (
        f"External network {site.external['id']} is not reachable from subnet "
        f"{lonely['subnets'][0]}.  Therefore, cannot associate Port {far['id']} with a "
        "Floating IP."
    )
    refused = await _refused(site.fip(cloud, "olaf", port_id=site.port["id"]))
    assert (refused.status, refused.type) == (404, "PortNotFound")
    refused = await _refused(site.fip(cloud, fixed_ip_address="10.0.0.9"))
    assert "fixed_ip_address cannot be specified without a port_id" in refused.message
    subnet = {"subnet_id": site.network["subnets"][0]}
    two = await cloud.make("port", network_id=site.network["id"], fixed_ips=[subnet, subnet])
    refused = await _refused(site.fip(cloud, port_id=two["id"]))
    assert "has multiple fixed IPv4 addresses" in refused.message
    refused = await _refused(site.fip(cloud, port_id=two["id"], fixed_ip_address="10.0.0.250"))
    assert "does not have fixed ip 10.0.0.250" in refused.message
    refused = await _refused(site.fip(cloud, port_id=two["id"], fixed_ip_address="fd00::1"))
    assert "not an IPv4 address" in refused.message
    chosen = two["fixed_ips"][1]["ip_address"]
    fip = await site.fip(cloud, port_id=two["id"], fixed_ip_address=chosen)
    assert fip["fixed_ip_address"] == chosen
    none = await cloud.make("port", network_id=site.network["id"], fixed_ips=[])
    refused = await _refused(site.fip(cloud, port_id=none["id"]))
    assert "has no fixed IPv4 addresses" in refused.message
    assert len((await cloud.get("/floatingips"))["floatingips"]) == 1


async def test_the_subnets_own_gateway_is_preferred(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    info = {"network_id": site.external["id"]}
    for n in range(4):
        other = await cloud.make("router", external_gateway_info=info)
        fixed = [{"ip_address": f"10.0.0.{200 + n}"}]
        port = await cloud.make("port", network_id=site.network["id"], fixed_ips=fixed)
        await cloud.join(other["id"], port_id=port["id"])
    fip = await site.fip(cloud, port_id=site.port["id"])
    assert fip["router_id"] == site.router["id"]


async def test_what_a_floating_ip_needs_stays(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    await site.fip(cloud, port_id=site.port["id"])
    subnet_id = site.network["subnets"][0]
    for asked, status, type in (
        (
            cloud.leave(site.router["id"], subnet_id=subnet_id),
            409,
            "RouterInterfaceInUseByFloatingIP",
        ),
        (
            cloud.change("router", site.router["id"], external_gateway_info=None),
            409,
            "RouterExternalGatewayInUseByFloatingIp",
        ),
        (cloud.remove("network", site.external["id"], "admin"), 409, "NetworkInUse"),
        (
            cloud.change("port", site.port["id"], fixed_ips=[{"ip_address": "10.0.0.250"}]),
            400,
            "BadRequest",
        ),
    ):
        refused = await _refused(asked)
        assert (refused.status, refused.type) == (status, type)


async def test_a_port_that_goes_lets_go(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    fip = await site.fip(cloud, port_id=site.port["id"])
    await cloud.remove("port", site.port["id"])
    free = await cloud.show("floatingip", fip["id"])
    assert (free["port_id"], free["router_id"], free["port_details"]) == (None, None, None)
    port = await cloud.make("port", network_id=site.network["id"])
    theirs = await site.fip(cloud, "admin", port_id=port["id"])
    refused = await _refused(cloud.remove("port", port["id"]))
    assert (refused.status, refused.type) == (409, "FipAssociated")
    assert (await cloud.show("floatingip", theirs["id"], "admin"))["port_id"] == port["id"]


async def test_free_floating_ips_go_with_their_network(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24")
    fip = await cloud.make("floatingip", floating_network_id=external["id"])
    await cloud.remove("network", external["id"], "admin")
    assert (await cloud.raw("mia", "GET", f"/floatingips/{fip['id']}")).status_code == 404


async def test_pools_are_the_subnets_one_may_take_from(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24", "2001:db8::/64")
    await cloud.network("10.0.0.0/24")
    (pool,) = (await cloud.get("/floatingip_pools"))["floatingip_pools"]
    shop = cloud.identity.project_id("shop")
    assert pool == {
        "subnet_id": pool["subnet_id"],
        "subnet_name": "",
        "network_id": external["id"],
        "cidr": "203.0.113.0/24",
        "project_id": shop,
        "tenant_id": shop,
    }
    assert (await cloud.get("/floatingip_pools?cidr=10.0.0.0/24"))["floatingip_pools"] == []
    hidden = await cloud.make("network", "admin")
    policy = {"object_type": "network", "object_id": hidden["id"], "action": "access_as_external"}
    other = cloud.identity.project_id("other")
    await cloud.make("rbac_policy", "admin", **policy, target_tenant=other)
    wish = {"network_id": hidden["id"], "ip_version": 4, "cidr": "198.51.100.0/24"}
    await cloud.make("subnet", "admin", **wish)
    assert len((await cloud.get("/floatingip_pools"))["floatingip_pools"]) == 1
    assert len((await cloud.get("/floatingip_pools", "olaf"))["floatingip_pools"]) == 2


class Forwardings:
    """Of one floating IP of mia's."""

    def __init__(self, cloud: NetworkCloud, fip: Any) -> None:
        self.cloud, self.path = cloud, f"/floatingips/{fip['id']}/port_forwardings"

    async def add(self, **given: Any) -> Any:
        body = {"port_forwarding": {"protocol": "tcp", **given}}
        return (await self.cloud.ask("mia", "POST", self.path, body))["port_forwarding"]

    async def change(self, id: str, **given: Any) -> Any:
        body = {"port_forwarding": given}
        answer = await self.cloud.ask("mia", "PUT", f"{self.path}/{id}", body)
        return answer["port_forwarding"]

    async def listed(self, query: str = "") -> Any:
        return (await self.cloud.get(f"{self.path}?{query}"))["port_forwardings"]


async def test_ports_are_forwarded(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    fip = await site.fip(cloud)
    forwardings = Forwardings(cloud, fip)
    inside = site.port["fixed_ips"][0]["ip_address"]
    to = {"internal_port_id": site.port["id"], "internal_ip_address": inside}
    made = await forwardings.add(**to, external_port=2222, internal_port=22, description="ssh")
    assert made == {
        "id": made["id"],
        "protocol": "tcp",
        "internal_port_id": site.port["id"],
        "internal_ip_address": inside,
        "internal_port": 22,
        "internal_port_range": "22:22",
        "external_port": 2222,
        "external_port_range": "2222:2222",
        "description": "ssh",
    }
    shown = (await cloud.get(f"{forwardings.path}/{made['id']}"))["port_forwarding"]
    assert shown == made
    after = await cloud.show("floatingip", fip["id"])
    assert after["router_id"] == site.router["id"]
    assert after["port_id"] is None
    (held,) = after["port_forwardings"]
    assert held == {key: made[key] for key in made if key != "description"}
    span = await forwardings.add(
        **to, external_port_range="3000:3009", internal_port_range="4000:4009"
    )
    assert (span["external_port"], span["internal_port"]) == (None, None)
    many = await forwardings.add(**to, external_port_range="5000:5009", internal_port=80)
    assert (many["internal_port"], many["internal_port_range"]) == (80, "80:80")
    udp = await forwardings.add(**to, protocol="UDP", external_port=2222, internal_port=22)
    assert udp["protocol"] == "udp"
    assert {f["id"] for f in await forwardings.listed("external_port=2222")} == {
        made["id"],
        udp["id"],
    }
    assert await forwardings.listed("protocol=udp&fields=id") == [{"id": udp["id"]}]
    ports = await forwardings.listed("sort_key=external_port_range&sort_dir=desc&limit=1")
    assert [f["id"] for f in ports] == [many["id"]]


async def test_forwardings_do_not_collide(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    forwardings = Forwardings(cloud, await site.fip(cloud))
    to = {"internal_port_id": site.port["id"]}
    made = await forwardings.add(**to, external_port_range="100:110", internal_port_range="200:210")
    for given, reason in (
        ({"external_port": 105, "internal_port": 9}, "collision with the external_port_range"),
        ({"external_port": 9, "internal_port": 205}, "collision with the internal_port_range"),
        ({"external_port_range": "1:3", "internal_port_range": "1:2"}, "must be N-N or 1-N"),
        ({"external_port": 9}, "Either internal_port or internal_port_range"),
        ({"internal_port": 9}, "Either external_port or external_port_range"),
        (
            {"external_port": 9, "external_port_range": "8:8", "internal_port": 9},
            "are not the same",
        ),
        (
            {"external_port": 9, "internal_port": 9, "internal_ip_address": "10.0.0.250"},
            "is not suitable for internal neutron port",
        ),
    ):
        refused = await _refused(forwardings.add(**to, **given))
        assert (refused.status, refused.type) == (400, "BadRequest")
        assert reason in refused.message
    other = Forwardings(cloud, await site.fip(cloud))
    refused = await _refused(other.add(**to, external_port=1, internal_port=200))
    assert "collision with the internal_port_range" in refused.message
    refused = await _refused(forwardings.change(made["id"], internal_port_range="1:2"))
    assert "must be N-N or 1-N" in refused.message
    changed = await forwardings.change(made["id"], external_port=105, internal_port=205)
    assert (changed["external_port_range"], changed["internal_port"]) == ("105:105", 205)
    refused = await _refused(forwardings.change(MISSING, description="d"))
    assert (refused.status, refused.type) == (404, "PortForwardingNotFound")
    for wrong in ("icmp", "6", ""):
        refused = await _refused(forwardings.add(**to, protocol=wrong, external_port=1))
        assert "Invalid input for protocol" in refused.message
    for span in ("0:1", "5:4", "x", "1:2:3", "1:70000"):
        refused = await _refused(forwardings.add(**to, external_port_range=span, internal_port=1))
        assert "Invalid input for external_port_range" in refused.message


async def test_a_floating_ip_forwards_so_many_ports_and_no_more(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    forwardings = Forwardings(cloud, await site.fip(cloud))
    to = {"internal_port_id": site.port["id"], "internal_port": 80}
    refused = await _refused(forwardings.add(**to, external_port_range="1:65535"))
    assert (refused.status, refused.type) == (400, "BadRequest")
    assert "forwards 1000 ports at most, not 65535" in refused.message
    made = await forwardings.add(**to, external_port_range="1:1000")
    udp = {**to, "protocol": "udp"}
    assert "not 1001" in (await _refused(forwardings.add(**udp, external_port=1))).message
    await forwardings.change(made["id"], external_port_range="1:999")
    await forwardings.add(**udp, external_port=1)


async def test_all_forwardings_of_an_address_go_by_one_router(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    forwardings = Forwardings(cloud, await site.fip(cloud))
    ports = {"external_port": 1, "internal_port": 1}
    await forwardings.add(internal_port_id=site.port["id"], **ports)
    info = {"network_id": site.external["id"]}
    second = await cloud.make("router", external_gateway_info=info)
    far = await cloud.network("10.5.0.0/24")
    port = await cloud.make("port", network_id=far["id"])
    to = {"internal_port_id": port["id"], "external_port": 2, "internal_port": 2}
    assert "is not reachable from subnet" in (await _refused(forwardings.add(**to))).message
    await cloud.join(second["id"], subnet_id=far["subnets"][0])
    refused = await _refused(forwardings.add(**to))
    assert f"had been set on router {site.router['id']}" in refused.message


async def test_a_floating_ip_forwards_or_stands_for_a_port(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    forwarding, standing = await site.fip(cloud), await site.fip(cloud, port_id=site.port["id"])
    other = await cloud.make("port", network_id=site.network["id"])
    forwardings = Forwardings(cloud, forwarding)
    ports = {"external_port": 1, "internal_port": 1}
    refused = await _refused(forwardings.add(internal_port_id=site.port["id"], **ports))
    assert (refused.status, refused.type) == (409, "PortHasBindingFloatingIP")
    refused = await _refused(
        Forwardings(cloud, standing).add(internal_port_id=other["id"], **ports)
    )
    assert (refused.status, refused.type) == (409, "FloatingIPPortAlreadyAssociated")
    made = await forwardings.add(internal_port_id=other["id"], **ports)
    third = await cloud.make("port", network_id=site.network["id"])
    for asked, status, type in (
        (
            cloud.change("floatingip", forwarding["id"], port_id=third["id"]),
            409,
            "FipInUseByPortForwarding",
        ),
        (cloud.remove("floatingip", forwarding["id"]), 409, "FipInUseByPortForwarding"),
        (site.fip(cloud, port_id=other["id"]), 400, "PortHasPortForwarding"),
        (
            cloud.leave(site.router["id"], subnet_id=site.network["subnets"][0]),
            409,
            "RouterInterfaceInUseByFloatingIP",
        ),
    ):
        refused = await _refused(asked)
        assert (refused.status, refused.type) == (status, type)
    await cloud.ask("mia", "DELETE", f"{forwardings.path}/{made['id']}")
    assert (await cloud.show("floatingip", forwarding["id"]))["router_id"] is None
    await cloud.remove("floatingip", forwarding["id"])


async def test_nobody_forwards_to_anothers_port(cloud: NetworkCloud) -> None:
    """Who shares a network sees the ports on it, and neither exposes them nor keeps their owner
    from giving them a floating IP.
    """
    site = await Site.build(cloud)
    grant = {"object_type": "network", "object_id": site.network["id"]}
    other = cloud.identity.project_id("other")
    await cloud.make("rbac_policy", **grant, action="access_as_shared", target_tenant=other)
    theirs = await cloud.make("port", "olaf", network_id=site.network["id"])
    forwardings = Forwardings(cloud, await site.fip(cloud))
    refused = await _refused(
        forwardings.add(internal_port_id=theirs["id"], internal_port=80, external_port=80)
    )
    assert (refused.status, refused.type) == (400, "BadRequest")
    assert "owned by a different tenant" in refused.message
    made = await forwardings.add(
        internal_port_id=site.port["id"], internal_port=80, external_port=80
    )
    refused = await _refused(forwardings.change(made["id"], internal_port_id=theirs["id"]))
    assert "owned by a different tenant" in refused.message
    assert (await site.fip(cloud, "olaf", port_id=theirs["id"]))["port_id"] == theirs["id"]


async def test_forwardings_go_with_the_address_they_lead_to(cloud: NetworkCloud) -> None:
    site = await Site.build(cloud)
    subnet = {"subnet_id": site.network["subnets"][0]}
    port = await cloud.make("port", network_id=site.network["id"], fixed_ips=[subnet, subnet])
    fip = await site.fip(cloud)
    forwardings = Forwardings(cloud, fip)
    for n, fixed in enumerate(port["fixed_ips"]):
        to = {"internal_port_id": port["id"], "internal_ip_address": fixed["ip_address"]}
        await forwardings.add(**to, external_port=100 + n, internal_port=1)
    kept = port["fixed_ips"][0]
    await cloud.change("port", port["id"], fixed_ips=[kept])
    (left,) = await forwardings.listed()
    assert left["internal_ip_address"] == kept["ip_address"]
    await cloud.remove("port", port["id"])
    assert await forwardings.listed() == []
    assert (await cloud.show("floatingip", fip["id"]))["router_id"] is None


async def test_floating_ips_count(cloud: NetworkCloud) -> None:
    shop = cloud.identity.project_id("shop")
    external = await cloud.external("203.0.113.0/24")
    await cloud.ask("admin", "PUT", f"/quotas/{shop}", {"quota": {"floatingip": 1}})
    await cloud.make("floatingip", floating_network_id=external["id"])
    refused = await _refused(cloud.make("floatingip", floating_network_id=external["id"]))
    assert refused.message == "Quota exceeded for resources: ['floatingip']."
