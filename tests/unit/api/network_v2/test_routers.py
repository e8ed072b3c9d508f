"""Routers: attributes, interfaces, gateways, routes, and what keeps them from going."""

from typing import Any

import pytest

from polpo.model.router import Router
from polpo.testing.network import NetworkCloud, Refused


async def _subnet(cloud: NetworkCloud, cidr: str, network_id: str = "", **more: Any) -> Any:
    network_id = network_id or (await cloud.make("network"))["id"]
    version = 6 if ":" in cidr else 4
    return await cloud.make("subnet", network_id=network_id, ip_version=version, cidr=cidr, **more)


async def _refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def test_a_new_router_has_neutrons_defaults(cloud: NetworkCloud) -> None:
    made = await cloud.make("router", name="r")
    assert made == {
        "id": made["id"],
        "name": "r",
        "description": "",
        "project_id": cloud.identity.project_id("shop"),
        "tenant_id": cloud.identity.project_id("shop"),
        "admin_state_up": True,
        "status": "ACTIVE",
        "external_gateway_info": None,
        "routes": [],
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "flavor_id": None,
        "tags": [],
        "created_at": made["created_at"],
        "updated_at": made["updated_at"],
        "revision_number": 0,
    }
    seen = await cloud.show("router", made["id"], "admin")
    assert seen == {**made, "distributed": True, "ha": True}


async def test_routers_and_networks_have_numbers_of_one_pool(cloud: NetworkCloud) -> None:
    await cloud.make("network")
    made = await cloud.make("router")
    router = cloud.store.snapshot.get(Router, made["id"])
    assert router is not None
    assert cloud.store.snapshot.holder("vni", str(router.vni)) == made["id"]
    body = {"network": {"provider:network_type": "vxlan", "provider:segmentation_id": router.vni}}
    assert (await cloud.raw("admin", "POST", "/networks", body)).status_code == 409


async def test_how_it_is_made_is_the_admins_and_changes_only_while_it_is_down(
    cloud: NetworkCloud,
) -> None:
    modes: list[dict[str, Any]] = [{"distributed": False}, {"ha": True}]
    for given in modes:
        refused = await _refused(cloud.make("router", **given))
        assert (refused.status, refused.type) == (403, "PolicyNotAuthorized")
    made = await cloud.make("router", "admin", distributed=None, ha=False)
    assert (made["distributed"], made["ha"]) == (True, False)
    refused = await _refused(cloud.change("router", made["id"], "admin", distributed=False))
    assert (refused.status, refused.type) == (400, "BadRequest")
    assert refused.message.startswith("Bad router request: Cannot change the 'distributed'")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    joined = await cloud.join(made["id"], "admin", subnet_id=subnet["id"])
    port = await cloud.show("port", joined["port_id"], "admin")
    assert port["device_owner"] == "network:router_interface_distributed"
    await cloud.change("router", made["id"], "admin", admin_state_up=False, ha=False)
    await cloud.change("router", made["id"], "admin", distributed=False)
    port = await cloud.show("port", joined["port_id"], "admin")
    assert port["device_owner"] == "network:router_interface"
    assert (await _refused(cloud.make("router", flavor_id=made["id"]))).status == 400
    refused = await _refused(cloud.make("router", availability_zone_hints=["moon"]))
    assert (refused.status, refused.type) == (404, "AvailabilityZoneNotFound")


async def test_a_subnet_is_joined_by_its_gateway_address(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    joined = await cloud.join(router["id"], subnet_id=subnet["id"])
    assert joined == {
        "id": router["id"],
        "project_id": router["project_id"],
        "tenant_id": router["project_id"],
        "port_id": joined["port_id"],
        "network_id": subnet["network_id"],
        "subnet_id": subnet["id"],
        "subnet_ids": [subnet["id"]],
    }
    port = await cloud.show("port", joined["port_id"])
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    assert port["device_id"] == router["id"]
    assert port["security_groups"] == []
    assert port["port_security_enabled"] is False
    after = await cloud.show("router", router["id"])
    assert after["revision_number"] > router["revision_number"]
    left = await cloud.leave(router["id"], subnet_id=subnet["id"])
    assert left == joined
    assert (await cloud.raw("mia", "GET", f"/ports/{port['id']}")).status_code == 404


async def test_ipv6_subnets_of_a_network_share_a_port(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    first = await _subnet(cloud, "fd00:1::/64")
    slaac = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    second = await _subnet(cloud, "fd00:2::/64", first["network_id"], **slaac)
    four = await _subnet(cloud, "10.0.0.0/24", first["network_id"])
    joined = [
        await cloud.join(router["id"], subnet_id=subnet["id"]) for subnet in (first, second, four)
    ]
    ports = [j["port_id"] for j in joined]
    assert ports[0] == ports[1] != ports[2]
    port = await cloud.show("port", ports[0])
    assert [f["ip_address"] for f in port["fixed_ips"]] == ["fd00:1::1", "fd00:2::1"]
    third = await _subnet(cloud, "fd00:3::/64", first["network_id"])
    own = [{"subnet_id": third["id"]}]
    mine = await cloud.make("port", network_id=third["network_id"], fixed_ips=own)
    refused = await _refused(cloud.join(router["id"], port_id=mine["id"]))
    assert "Router already contains IPv6 port" in refused.message
    await cloud.leave(router["id"], subnet_id=first["id"])
    port = await cloud.show("port", ports[0])
    assert [f["ip_address"] for f in port["fixed_ips"]] == ["fd00:2::1"]
    left = await cloud.leave(router["id"], port_id=ports[0])
    assert left["subnet_ids"] == [second["id"]]


async def test_a_port_of_ones_own_becomes_an_interface(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    network = await cloud.network("10.0.0.0/24")
    port = await cloud.make("port", network_id=network["id"])
    joined = await cloud.join(router["id"], port_id=port["id"])
    assert joined["subnet_ids"] == network["subnets"]
    shown = await cloud.show("port", port["id"])
    assert shown["device_id"] == router["id"]
    assert shown["fixed_ips"] == port["fixed_ips"]
    refused = await _refused(cloud.join(router["id"], port_id=port["id"]))
    assert (refused.status, refused.type) == (409, "PortInUse")
    bare = await cloud.make("port", network_id=network["id"], fixed_ips=[])
    refused = await _refused(cloud.join(router["id"], port_id=bare["id"]))
    assert "must have at least one fixed IP" in refused.message
    other = (await _subnet(cloud, "10.9.0.0/24"))["id"]
    refused = await _refused(cloud.leave(router["id"], port_id=port["id"], subnet_id=other))
    assert (refused.status, refused.type) == (409, "SubnetMismatchForPort")
    await cloud.leave(router["id"], port_id=port["id"], subnet_id=network["subnets"][0])


async def test_a_port_in_anothers_subnet_must_be_of_its_pool(cloud: NetworkCloud) -> None:
    network = await cloud.make("network", "olaf")
    wish = {"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}
    pool = {"start": "10.0.0.10", "end": "10.0.0.20"}
    await cloud.make("subnet", "olaf", **wish, allocation_pools=[pool])
    shop = cloud.identity.project_id("shop")
    grant = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    await cloud.make("rbac_policy", "olaf", **grant, target_tenant=shop)
    router = await cloud.make("router")
    outside = {"network_id": network["id"], "project_id": shop}
    fixed = [{"ip_address": "10.0.0.77"}]
    port = await cloud.make("port", "admin", **outside, fixed_ips=fixed)
    refused = await _refused(cloud.join(router["id"], port_id=port["id"]))
    assert "has an IP address out of the allocation pool" in refused.message
    inside = await cloud.make("port", network_id=network["id"])
    await cloud.join(router["id"], port_id=inside["id"])


async def test_anothers_port_on_ones_own_network_is_no_interface(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    grant = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    await cloud.make("rbac_policy", **grant, target_tenant=cloud.identity.project_id("other"))
    port = await cloud.make("port", "olaf", network_id=network["id"])
    router = await cloud.make("router")
    refused = await _refused(cloud.join(router["id"], port_id=port["id"]))
    assert (refused.status, refused.type) == (400, "BadRequest")
    assert "is not owned by project" in refused.message
    assert await cloud.show("port", port["id"], "olaf") == port


async def test_two_ipv4_subnets_need_two_ports(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    first = await _subnet(cloud, "10.0.0.0/24")
    second = await _subnet(cloud, "10.0.1.0/24", first["network_id"])
    both = [{"subnet_id": first["id"]}, {"subnet_id": second["id"]}]
    port = await cloud.make("port", network_id=first["network_id"], fixed_ips=both)
    refused = await _refused(cloud.join(router["id"], port_id=port["id"]))
    assert refused.message == (
        "Bad router request: Cannot have multiple IPv4 subnets on router port."
    )
    assert (await cloud.show("port", port["id"]))["device_id"] == ""


async def test_overlapping_subnets_do_not_meet_in_a_router(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    wide, narrow = await _subnet(cloud, "10.0.0.0/16"), await _subnet(cloud, "10.0.7.0/24")
    await cloud.join(router["id"], subnet_id=wide["id"])
    refused = await _refused(cloud.join(router["id"], subnet_id=narrow["id"]))
    assert refused.message == (
        f"Bad router request: Cidr 10.0.7.0/24 of subnet {narrow['id']} overlaps with cidr "
        f"10.0.0.0/16 of subnet {wide['id']}."
    )
    refused = await _refused(cloud.join(router["id"], subnet_id=wide["id"]))
    assert refused.message == (
        f"Bad router request: Router already has a port on subnet {wide['id']}."
    )
    external = await cloud.external("10.0.8.0/24")
    info = {"network_id": external["id"]}
    refused = await _refused(cloud.change("router", router["id"], external_gateway_info=info))
    assert "overlaps" in refused.message
    second = await cloud.make("router")
    refused = await _refused(cloud.join(second["id"], subnet_id=wide["id"]))
    assert (refused.status, refused.type) == (409, "IpAddressAlreadyAllocated")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "Either subnet_id or port_id must be specified"),
        ({}, "Either subnet_id or port_id must be specified"),
        ([], "Either subnet_id or port_id must be specified"),
        ({"subnet_id": "x"}, "'x' is not a valid UUID"),
        ({"port_id": None}, "'None' is not a valid UUID"),
    ],
)
async def test_what_is_no_interface_is_refused(
    cloud: NetworkCloud, body: Any, message: str
) -> None:
    router = await cloud.make("router")
    for verb in ("add", "remove"):
        path = f"/routers/{router['id']}/{verb}_router_interface"
        refused = await _refused(cloud.ask("mia", "PUT", path, body))
        assert (refused.status, refused.type) == (400, "BadRequest")
        assert refused.message == f"Bad router request: {message}."


async def test_only_subnets_with_a_gateway_address_of_ones_own_are_joined(
    cloud: NetworkCloud,
) -> None:
    router = await cloud.make("router")
    bare = await _subnet(cloud, "10.0.0.0/24", gateway_ip=None)
    refused = await _refused(cloud.join(router["id"], subnet_id=bare["id"]))
    assert "Subnet for router interface must have a gateway IP" in refused.message
    foreign = await _subnet(cloud, "fd00::/64", ipv6_address_mode="slaac")
    refused = await _refused(cloud.join(router["id"], subnet_id=foreign["id"]))
    assert "configured to receive RAs from an external router" in refused.message
    shared = await cloud.network("10.7.0.0/24", "admin", shared=True)
    refused = await _refused(cloud.join(router["id"], subnet_id=shared["subnets"][0]))
    assert "is not owned by project making the request" in refused.message
    theirs = await cloud.network("10.8.0.0/24", "olaf")
    refused = await _refused(cloud.join(router["id"], subnet_id=theirs["subnets"][0]))
    assert (refused.status, refused.type) == (404, "SubnetNotFound")
    await cloud.make(
        "rbac_policy",
        "olaf",
        object_type="network",
        object_id=theirs["id"],
        action="access_as_shared",
        target_tenant=cloud.identity.project_id("shop"),
    )
    await cloud.join(router["id"], subnet_id=theirs["subnets"][0])


async def test_what_is_not_joined_cannot_be_left(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    refused = await _refused(cloud.leave(router["id"], subnet_id=subnet["id"]))
    assert (refused.status, refused.type) == (404, "RouterInterfaceNotFoundForSubnet")
    assert refused.message == f"Router {router['id']} has no interface on subnet {subnet['id']}"
    refused = await _refused(cloud.leave(router["id"], port_id=subnet["id"]))
    assert (refused.status, refused.type) == (404, "RouterInterfaceNotFound")


async def test_a_joined_subnet_stays_as_it_is(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    joined = await cloud.join(router["id"], subnet_id=subnet["id"])
    port = f"/ports/{joined['port_id']}"
    for asked, status, type in (
        (cloud.remove("router", router["id"]), 409, "RouterInUse"),
        (cloud.remove("subnet", subnet["id"]), 409, "SubnetInUse"),
        (cloud.remove("network", subnet["network_id"]), 409, "NetworkInUse"),
        (cloud.change("subnet", subnet["id"], gateway_ip="10.0.0.2"), 409, "GatewayIpInUse"),
        (cloud.ask("mia", "DELETE", port), 409, "ServicePortInUse"),
        (cloud.ask("admin", "DELETE", port), 409, "ServicePortInUse"),
        (cloud.change("port", joined["port_id"], fixed_ips=[]), 400, "BadRequest"),
        (cloud.change("port", joined["port_id"], device_id=""), 409, "PortInUse"),
        (cloud.change("port", joined["port_id"], device_owner=""), 409, "PortInUse"),
    ):
        refused = await _refused(asked)
        assert (refused.status, refused.type) == (status, type)
    named = await cloud.change(
        "port",
        joined["port_id"],
        name="p",
        fixed_ips=[{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}],
    )
    assert named["name"] == "p"
    bound = cloud.change("port", joined["port_id"], "admin", **{"binding:host_id": "h1"})
    assert "Cannot update the binding:host_id" in (await _refused(bound)).message


async def test_nobody_slips_into_a_router_by_way_of_ports(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    network = await cloud.network("10.0.0.0/24", "olaf")
    wish = {
        "network_id": network["id"],
        "device_owner": "network:router_interface",
        "device_id": router["id"],
    }
    refused = await _refused(cloud.make("port", "olaf", **wish))
    assert (refused.status, refused.type) == (409, "DeviceIDNotOwnedByTenant")
    refused = await _refused(cloud.make("port", "admin", **wish))
    assert (refused.status, refused.type) == (409, "UnsupportedPortDeviceOwner")
    port = await cloud.make("port", "olaf", network_id=network["id"])
    del wish["network_id"]
    refused = await _refused(cloud.change("port", port["id"], "olaf", **wish))
    assert (refused.status, refused.type) == (409, "DeviceIDNotOwnedByTenant")


async def test_a_gateway_is_a_port_in_the_external_network(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24", "2001:db8::/64")
    info = {"network_id": external["id"]}
    router = await cloud.make("router", external_gateway_info=info)
    shown = router["external_gateway_info"]
    assert shown["network_id"] == external["id"]
    assert shown["enable_snat"] is True
    assert {f["subnet_id"] for f in shown["external_fixed_ips"]} == set(external["subnets"])
    query = f"/ports?device_id={router['id']}"
    (port,) = (await cloud.get(query, "admin"))["ports"]
    assert port["device_owner"] == "network:router_gateway"
    assert port["project_id"] == ""
    assert port["fixed_ips"] == shown["external_fixed_ips"]
    assert (await cloud.get(query))["ports"] == []
    again = await cloud.change("router", router["id"], external_gateway_info=info)
    assert again["external_gateway_info"] == shown
    refused = await _refused(
        cloud.change("network", external["id"], "admin", **{"router:external": False})
    )
    assert refused.type == "ExternalNetworkInUse"
    none: list[Any] = [None, {}]
    for nothing in none:
        after = await cloud.change("router", router["id"], external_gateway_info=nothing)
        assert after["external_gateway_info"] is None
    assert (await cloud.get(query, "admin"))["ports"] == []


async def test_admins_choose_addresses_and_snat(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24", "198.51.100.0/24")
    info = {"network_id": external["id"]}
    admins: list[dict[str, Any]] = [{"enable_snat": False}, {"external_fixed_ips": []}]
    for extra in admins:
        refused = await _refused(cloud.make("router", external_gateway_info=info | extra))
        assert refused.status == 403
    wishes = [{"ip_address": "203.0.113.9"}, {"ip_address": "198.51.100.9"}]
    chosen = {**info, "enable_snat": False, "external_fixed_ips": wishes}
    router = await cloud.make("router", "admin", external_gateway_info=chosen)
    shown = router["external_gateway_info"]
    assert shown["enable_snat"] is False
    assert {f["ip_address"] for f in shown["external_fixed_ips"]} == {
        "203.0.113.9",
        "198.51.100.9",
    }
    moved = {**info, "external_fixed_ips": [{"ip_address": "203.0.113.10"}]}
    after = await cloud.change("router", router["id"], "admin", external_gateway_info=moved)
    (fixed,) = after["external_gateway_info"]["external_fixed_ips"]
    assert fixed["ip_address"] == "203.0.113.10"
    assert after["external_gateway_info"]["enable_snat"] is True
    theirs = {**info, "external_fixed_ips": [{"ip_address": "203.0.113.1"}]}
    refused = await _refused(
        cloud.change("router", router["id"], "admin", external_gateway_info=theirs)
    )
    assert refused.message == (
        "Bad router request: External IP 203.0.113.1 is the same as the gateway IP."
    )


async def test_a_gateway_needs_an_external_network_one_may_see(cloud: NetworkCloud) -> None:
    internal = await cloud.network("10.0.0.0/24")
    refused = await _refused(
        cloud.make("router", external_gateway_info={"network_id": internal["id"]})
    )
    assert refused.message == (
        f"Bad router request: Network {internal['id']} is not an external network."
    )
    hidden = await cloud.make("network", "admin", **{"router:external": False})
    policy = {"object_type": "network", "object_id": hidden["id"], "action": "access_as_external"}
    other = cloud.identity.project_id("other")
    held = await cloud.make("rbac_policy", "admin", **policy, target_tenant=other)
    info = {"network_id": hidden["id"]}
    refused = await _refused(cloud.make("router", external_gateway_info=info))
    assert (refused.status, refused.type) == (404, "NetworkNotFound")
    await cloud.make("router", "olaf", external_gateway_info=info)
    refused = await _refused(cloud.remove("rbac_policy", held["id"], "admin"))
    assert (refused.status, refused.type) == (409, "RbacPolicyInUse")
    bad: list[Any] = [{"enable_snat": True}, {"network_id": "x"}, {**info, "frob": 1}, 5, []]
    for wrong in bad:
        refused = await _refused(cloud.make("router", external_gateway_info=wrong))
        assert refused.status == 400
        assert "external_gateway_info" in refused.message
    assert (await cloud.get("/routers"))["routers"] == []


async def test_routes_lead_to_neighbours_only(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    await cloud.join(router["id"], subnet_id=subnet["id"])

    def route(destination: str, nexthop: str) -> dict[str, str]:
        return {"destination": destination, "nexthop": nexthop}

    for wrong, reason in (
        (route("10.9.0.0/16", "10.5.0.1"), "the nexthop is not connected with router"),
        (route("10.9.0.0/16", "10.0.0.1"), "the nexthop is used by router"),
        (route("fd00::/64", "10.0.0.7"), "not of the destination's IP version"),
    ):
        refused = await _refused(cloud.change("router", router["id"], routes=[wrong]))
        assert (refused.status, refused.type) == (400, "InvalidRoutes")
        assert reason in refused.message
    good = [route("10.9.0.0/16", "10.0.0.7"), route("10.9.0.0/16", "10.0.0.8")]
    changed = await cloud.change("router", router["id"], routes=good)
    assert changed["routes"] == good
    refused = await _refused(cloud.leave(router["id"], subnet_id=subnet["id"]))
    assert (refused.status, refused.type) == (409, "RouterInterfaceInUseByRoute")
    assert (await _refused(cloud.make("router", routes=good))).message == (
        "Attribute 'routes' not allowed in POST"
    )
    many = [route("10.9.0.0/16", f"10.0.0.{n}") for n in range(10, 19)]
    refused = await _refused(cloud.change("router", router["id"], routes=many))
    assert "more than 8 nexthops for 10.9.0.0/16" in refused.message
    many = [route(f"10.9.{n}.0/24", "10.0.0.7") for n in range(31)]
    refused = await _refused(cloud.change("router", router["id"], routes=many))
    assert refused.message == "Quota exceeded for resources: ['router_route']."
    assert (await cloud.show("router", router["id"]))["routes"] == good
    assert (await cloud.change("router", router["id"], routes=None))["routes"] == []


async def test_routes_are_added_and_removed_at_once(cloud: NetworkCloud) -> None:
    router = await cloud.make("router")
    subnet = await _subnet(cloud, "10.0.0.0/24")
    await cloud.join(router["id"], subnet_id=subnet["id"])
    first, second = ({"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.7"} for n in (8, 9))

    async def act(verb: str, *routes: Any) -> Any:
        body = {"router": {"routes": list(routes)}}
        return await cloud.ask("mia", "PUT", f"/routers/{router['id']}/{verb}_extraroutes", body)

    assert (await act("add", first))["router"]["routes"] == [first]
    assert (await act("add", second, first))["router"]["routes"] == [first, second]
    bad = {"destination": "10.7.0.0/16", "nexthop": "10.5.0.1"}
    assert (await _refused(act("add", bad))).type == "InvalidRoutes"
    assert (await act("remove", first, bad))["router"]["routes"] == [second]
    none: list[Any] = [None, {}, {"router": {}}, {"router": {"routes": [5]}}]
    for body in none:
        path = f"/routers/{router['id']}/add_extraroutes"
        assert (await cloud.raw("mia", "PUT", path, body)).status_code == 400


async def test_a_gateway_that_routes_need_stays(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24")
    info = {"network_id": external["id"]}
    route = {"destination": "10.9.0.0/16", "nexthop": "203.0.113.1"}
    router = await cloud.make("router", external_gateway_info=info)
    await cloud.change("router", router["id"], routes=[route])
    refused = await _refused(cloud.change("router", router["id"], external_gateway_info=None))
    assert refused.type == "InvalidRoutes"
    after = await cloud.change("router", router["id"], external_gateway_info=None, routes=[])
    assert (after["routes"], after["external_gateway_info"]) == ([], None)


async def test_a_router_goes_with_its_gateway(cloud: NetworkCloud) -> None:
    external = await cloud.external("203.0.113.0/24")
    router = await cloud.make("router", external_gateway_info={"network_id": external["id"]})
    await cloud.remove("router", router["id"])
    assert (await cloud.get(f"/ports?network_id={external['id']}", "admin"))["ports"] == []
    await cloud.remove("network", external["id"], "admin")


async def test_routers_count(cloud: NetworkCloud) -> None:
    shop = cloud.identity.project_id("shop")
    await cloud.ask("admin", "PUT", f"/quotas/{shop}", {"quota": {"router": 1}})
    await cloud.make("router")
    refused = await _refused(cloud.make("router"))
    assert refused.message == "Quota exceeded for resources: ['router']."
    details = (await cloud.get(f"/quotas/{shop}/details"))["quota"]
    assert details["router"] == {"limit": 1, "used": 1, "reserved": 0}
    assert details["router_route"] == {"limit": 30, "used": 0, "reserved": 0}
