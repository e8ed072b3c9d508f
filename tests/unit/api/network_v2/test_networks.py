"""Networks, subnets, subnet pools and address scopes."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused


async def test_a_network_has_neutrons_defaults(cloud: NetworkCloud) -> None:
    network = await cloud.make("network", name="n")
    assert network["mtu"] == 1450
    assert network["port_security_enabled"] is True
    assert network["shared"] is False
    assert network["router:external"] is False
    assert network["subnets"] == []
    assert network["tenant_id"] == network["project_id"] == cloud.identity.project_id("shop")
    assert "provider:network_type" not in network


async def test_admins_see_what_a_network_is_on_the_wire(cloud: NetworkCloud) -> None:
    network = await cloud.make("network", "admin", **{"provider:segmentation_id": 4711})
    assert network["provider:network_type"] == "vxlan"
    assert network["provider:segmentation_id"] == 4711
    with pytest.raises(Refused) as refused:
        await cloud.make("network", "admin", **{"provider:segmentation_id": 4711})
    assert (refused.value.status, refused.value.type) == (409, "TunnelIdInUse")
    found = await cloud.get("/networks?provider:segmentation_id=4711", "admin")
    assert [n["id"] for n in found["networks"]] == [network["id"]]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mtu": 1451}, "maximum is 1450"),
        ({"mtu": "x"}, "Invalid input for mtu. Reason: 'x' is not an integer."),
        ({"name": 5}, "Invalid input for name. Reason: '5' is not a valid string."),
        ({"colour": "red"}, "Unrecognized attribute(s) 'colour'"),
        ({"status": "UP"}, "Attribute 'status' not allowed in POST"),
        ({"project_id": "x"}, "Specifying 'project_id' other than"),
        ({"admin_state_up": "maybe"}, "'maybe' cannot be converted to boolean"),
    ],
)
async def test_bad_networks_are_refused(
    cloud: NetworkCloud, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused) as refused:
        await cloud.make("network", **given)
    assert refused.value.status == 400
    assert message in refused.value.message
    assert (await cloud.get("/networks"))["networks"] == []


async def test_a_network_with_a_port_stays(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.remove("network", network["id"])
    assert (refused.value.status, refused.value.type) == (409, "NetworkInUse")
    await cloud.remove("port", port["id"])
    await cloud.remove("network", network["id"])
    assert (await cloud.get("/subnets"))["subnets"] == []


async def test_a_subnet_has_neutrons_defaults(cloud: NetworkCloud) -> None:
    network = await cloud.make("network")
    subnet = await cloud.make("subnet", network_id=network["id"], ip_version=4, cidr="10.0.0.9/24")
    assert subnet["cidr"] == "10.0.0.0/24"
    assert subnet["gateway_ip"] == "10.0.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert subnet["enable_dhcp"] is True
    assert subnet["dns_nameservers"] == subnet["host_routes"] == []
    none = await cloud.make(
        "subnet", network_id=network["id"], ip_version=4, cidr="10.0.1.0/24", gateway_ip=None
    )
    assert none["gateway_ip"] is None
    assert none["allocation_pools"] == [{"start": "10.0.1.1", "end": "10.0.1.254"}]


@pytest.mark.parametrize(
    ("given", "status", "type"),
    [
        ({"cidr": "10.0.0.128/25"}, 400, "InvalidInput"),
        ({"cidr": "fd00::/64"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/31"}, 400, "InvalidInput"),
        ({"cidr": "127.0.0.0/24"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0"}, 400, "HTTPBadRequest"),
        ({}, 400, "BadRequest"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "10.1.0.255"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/24", "gateway_ip": "fd00::1"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/24", "ipv6_ra_mode": "slaac"}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/24", "dns_nameservers": ["fd00::1"]}, 400, "InvalidInput"),
        ({"cidr": "10.1.0.0/24", "prefixlen": 24}, 400, "BadRequest"),
        (
            {"cidr": "10.1.0.0/24", "dns_nameservers": [f"10.0.0.{i}" for i in range(6)]},
            400,
            "DNSNameServersExhausted",
        ),
        (
            {"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.2.0.2", "end": "10.2.0.9"}]},
            400,
            "OutOfBoundsAllocationPool",
        ),
        (
            {"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.9", "end": "10.1.0.2"}]},
            400,
            "InvalidAllocationPool",
        ),
        (
            {
                "cidr": "10.1.0.0/24",
                "allocation_pools": [
                    {"start": "10.1.0.2", "end": "10.1.0.9"},
                    {"start": "10.1.0.9", "end": "10.1.0.20"},
                ],
            },
            409,
            "OverlappingAllocationPools",
        ),
        (
            {"cidr": "10.1.0.0/24", "allocation_pools": [{"start": "10.1.0.1", "end": "10.1.0.9"}]},
            409,
            "GatewayConflictWithAllocationPools",
        ),
    ],
)
async def test_bad_subnets_are_refused(
    cloud: NetworkCloud, given: dict[str, Any], status: int, type: str
) -> None:
    network = await cloud.network("10.0.0.0/24")
    with pytest.raises(Refused) as refused:
        await cloud.make("subnet", network_id=network["id"], **{"ip_version": 4, **given})
    assert (refused.value.status, refused.value.type) == (status, type)
    assert len((await cloud.get("/subnets"))["subnets"]) == 1


async def test_a_subnet_changes_what_may_change(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    id = network["subnets"][0]
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}
    changed = await cloud.change("subnet", id, gateway_ip=None, host_routes=[route])
    assert changed["gateway_ip"] is None
    assert changed["host_routes"] == [route]
    assert changed["revision_number"] == 1
    with pytest.raises(Refused) as refused:
        await cloud.change("subnet", id, cidr="10.1.0.0/24")
    assert refused.value.message == "Cannot update read-only attribute cidr"


async def test_a_subnet_whose_addresses_are_in_use_stays(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    await cloud.make("port", network_id=network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.remove("subnet", network["subnets"][0])
    assert (refused.value.status, refused.value.type) == (409, "SubnetInUse")


async def test_subnets_are_cut_from_a_pool_side_by_side(cloud: NetworkCloud) -> None:
    pool = await cloud.make("subnetpool", name="p", prefixes=["10.0.0.0/24"], default_prefixlen=26)
    assert (pool["min_prefixlen"], pool["max_prefixlen"]) == (8, 32)
    cidrs = []
    for _ in range(4):
        network = await cloud.make("network")
        made = await cloud.make(
            "subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"]
        )
        cidrs.append(made["cidr"])
    assert sorted(cidrs) == ["10.0.0.0/26", "10.0.0.128/26", "10.0.0.192/26", "10.0.0.64/26"]
    network = await cloud.make("network")
    with pytest.raises(Refused) as refused:
        await cloud.make("subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"])
    assert (refused.value.status, refused.value.type) == (409, "SubnetAllocationError")
    with pytest.raises(Refused, match="existing allocations"):
        await cloud.remove("subnetpool", pool["id"])


async def test_the_default_pool_is_used_when_asked_for(cloud: NetworkCloud) -> None:
    await cloud.make(
        "subnetpool", "admin", name="p", prefixes=["10.8.0.0/16"], is_default=True, shared=True
    )
    network = await cloud.make("network")
    wish = {"network_id": network["id"], "ip_version": 4, "use_default_subnetpool": True}
    made = await cloud.make("subnet", **wish, prefixlen=24)
    assert made["cidr"] == "10.8.0.0/24"


async def test_pools_of_one_scope_do_not_overlap(cloud: NetworkCloud) -> None:
    scope = await cloud.make("address_scope", name="s", ip_version=4)
    wish = {"name": "p", "address_scope_id": scope["id"]}
    await cloud.make("subnetpool", **wish, prefixes=["10.0.0.0/16"])
    with pytest.raises(Refused) as refused:
        await cloud.make("subnetpool", **wish, prefixes=["10.0.8.0/24"])
    assert refused.value.type == "AddressScopePrefixConflict"
    with pytest.raises(Refused) as refused:
        await cloud.make("subnetpool", **wish, prefixes=["fd00::/48"])
    assert refused.value.type == "IllegalSubnetPoolIpVersionAssociationToAddressScope"
    with pytest.raises(Refused, match="in use on the address scope"):
        await cloud.remove("address_scope", scope["id"])


async def test_a_scope_that_all_may_see_is_not_theirs_to_fill(cloud: NetworkCloud) -> None:
    """Gateways let its addresses out as they are: who chose them would choose anybody's."""
    scope = await cloud.make("address_scope", "admin", name="s", ip_version=4, shared=True)
    wish = {"name": "p", "address_scope_id": scope["id"], "prefixes": ["198.51.100.0/24"]}
    with pytest.raises(Refused) as refused:
        await cloud.make("subnetpool", **wish)
    assert refused.value.status == 400
    assert refused.value.type == "IllegalSubnetPoolAssociationToAddressScope"
    own = await cloud.make("subnetpool", name="p", prefixes=["198.51.100.0/24"])
    with pytest.raises(Refused, match="cannot be associated"):
        await cloud.change("subnetpool", own["id"], address_scope_id=scope["id"])
    assert (await cloud.show("subnetpool", own["id"]))["address_scope_id"] is None
    grant = {"object_type": "address_scope", "object_id": scope["id"]}
    shop = cloud.identity.project_id("shop")
    await cloud.make("rbac_policy", "admin", **grant, action="access_as_shared", target_tenant=shop)
    await cloud.make("subnetpool", **wish)


async def test_prefixes_are_added_to_a_pool_and_taken_away(cloud: NetworkCloud) -> None:
    pool = await cloud.make("subnetpool", name="p", prefixes=["10.0.0.0/24"])
    path = f"/subnetpools/{pool['id']}"
    more = await cloud.ask("mia", "PUT", f"{path}/add_prefixes", {"prefixes": ["10.0.1.0/24"]})
    assert more == {"prefixes": ["10.0.0.0/23"]}
    less = await cloud.ask("mia", "PUT", f"{path}/remove_prefixes", {"prefixes": ["10.0.0.0/25"]})
    assert less == {"prefixes": ["10.0.0.128/25", "10.0.1.0/24"]}
