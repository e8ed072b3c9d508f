"""Security groups, their rules, address groups."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused


async def test_looking_finds_the_projects_default_group(cloud: NetworkCloud) -> None:
    (group,) = (await cloud.get("/security-groups"))["security_groups"]
    assert group["name"] == "default"
    rules = {
        (r["direction"], r["ethertype"], r["remote_group_id"])
        for r in group["security_group_rules"]
    }
    assert rules == {
        ("egress", "IPv4", None),
        ("egress", "IPv6", None),
        ("ingress", "IPv4", group["id"]),
        ("ingress", "IPv6", group["id"]),
    }


async def test_the_default_group_stays_and_keeps_its_name(cloud: NetworkCloud) -> None:
    (group,) = (await cloud.get("/security-groups"))["security_groups"]
    with pytest.raises(Refused) as refused:
        await cloud.remove("security_group", group["id"])
    assert (refused.value.status, refused.value.type) == (409, "SecurityGroupCannotRemoveDefault")
    with pytest.raises(Refused) as refused:
        await cloud.change("security_group", group["id"], name="x")
    assert refused.value.type == "SecurityGroupCannotUpdateDefault"
    with pytest.raises(Refused) as refused:
        await cloud.make("security_group", name="Default")
    assert refused.value.type == "SecurityGroupDefaultAlreadyExists"


async def test_a_new_group_lets_everything_out(cloud: NetworkCloud) -> None:
    group = await cloud.make("security_group", name="g")
    rules = {(r["direction"], r["ethertype"]) for r in group["security_group_rules"]}
    assert rules == {("egress", "IPv4"), ("egress", "IPv6")}
    assert group["stateful"] is True


async def test_a_group_in_use_stays(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    group = await cloud.make("security_group", name="g")
    await cloud.make("port", network_id=network["id"], security_groups=[group["id"]])
    with pytest.raises(Refused) as refused:
        await cloud.remove("security_group", group["id"])
    assert (refused.value.status, refused.value.type) == (409, "SecurityGroupInUse")


async def test_a_groups_revision_moves_with_its_rules(cloud: NetworkCloud) -> None:
    group = await cloud.make("security_group", name="g")
    rule = await _rule(cloud, group["id"], protocol="tcp")
    after = await cloud.show("security_group", group["id"])
    assert after["revision_number"] > group["revision_number"]
    await cloud.remove("security_group_rule", rule["id"])
    gone = await cloud.show("security_group", group["id"])
    assert gone["revision_number"] > after["revision_number"]


async def _rule(cloud: NetworkCloud, group: str, **given: Any) -> Any:
    wish = {"direction": "ingress", **given}
    return await cloud.make("security_group_rule", security_group_id=group, **wish)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"protocol": "TCP", "port_range_min": 80, "port_range_max": "90"}, {"protocol": "tcp"}),
        ({"protocol": 6}, {"protocol": "6"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}, {"port_range_max": 0}),
        ({"protocol": "icmp", "ethertype": "IPv6"}, {"protocol": "ipv6-icmp"}),
        ({"protocol": "1", "ethertype": "ipv6"}, {"protocol": "58"}),
        (
            {"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535},
            {"port_range_min": None},
        ),
        ({"remote_ip_prefix": "10.0.0.7"}, {"normalized_cidr": "10.0.0.7/32"}),
        (
            {"remote_ip_prefix": "10.0.0.7/24"},
            {"remote_ip_prefix": "10.0.0.7/24", "normalized_cidr": "10.0.0.0/24"},
        ),
        ({"protocol": "vrrp"}, {"protocol": "vrrp"}),
    ],
)
async def test_rules_are_kept_as_neutron_keeps_them(
    cloud: NetworkCloud, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    group = await cloud.make("security_group", name="g")
    rule = await _rule(cloud, group["id"], **given)
    assert shown.items() <= rule.items()


@pytest.mark.parametrize(
    ("given", "type"),
    [
        ({"port_range_min": 1, "port_range_max": 2}, "SecurityGroupProtocolRequiredWithPorts"),
        (
            {"protocol": "tcp", "port_range_min": 9, "port_range_max": 2},
            "SecurityGroupInvalidPortRange",
        ),
        ({"protocol": "tcp", "port_range_min": 9}, "SecurityGroupInvalidPortRange"),
        (
            {"protocol": "tcp", "port_range_min": 0, "port_range_max": 2},
            "SecurityGroupInvalidPortValue",
        ),
        (
            {"protocol": "tcp", "port_range_min": 0, "port_range_max": 70000},
            "SecurityGroupInvalidPortValue",
        ),
        (
            {"protocol": "gre", "port_range_min": 1, "port_range_max": 2},
            "SecurityGroupInvalidProtocolForPort",
        ),
        ({"protocol": "icmp", "port_range_max": 2}, "SecurityGroupMissingIcmpType"),
        ({"protocol": "icmp", "port_range_min": 256}, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "frob"}, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "256"}, "SecurityGroupRuleInvalidProtocol"),
        ({"ethertype": "IPX"}, "SecurityGroupRuleInvalidEtherType"),
        ({"remote_ip_prefix": "fd00::/64"}, "SecurityGroupRuleParameterConflict"),
        ({"remote_ip_prefix": "x"}, "InvalidCIDR"),
        ({"protocol": "ipv6-frag"}, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"direction": "sideways"}, "HTTPBadRequest"),
    ],
)
async def test_rules_that_mean_nothing_are_refused(
    cloud: NetworkCloud, given: dict[str, Any], type: str
) -> None:
    group = await cloud.make("security_group", name="g")
    with pytest.raises(Refused) as refused:
        await _rule(cloud, group["id"], **given)
    assert (refused.value.status, refused.value.type) == (400, type)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"protocol": "tcp"}, {"protocol": "6"}),
        ({"remote_ip_prefix": "0.0.0.0/0"}, {}),
        ({"protocol": "any"}, {}),
    ],
)
async def test_a_rule_is_in_a_group_once(
    cloud: NetworkCloud, one: dict[str, Any], same: dict[str, Any]
) -> None:
    group = await cloud.make("security_group", name="g")
    first = await _rule(cloud, group["id"], **one)
    with pytest.raises(Refused) as refused:
        await _rule(cloud, group["id"], **same)
    assert (refused.value.status, refused.value.type) == (409, "SecurityGroupRuleExists")
    expected = f"Security group rule already exists. Rule id is {first['id']}."
    assert refused.value.message == expected


async def test_one_remote_at_most(cloud: NetworkCloud) -> None:
    group = await cloud.make("security_group", name="g")
    with pytest.raises(Refused) as refused:
        await _rule(cloud, group["id"], remote_group_id=group["id"], remote_ip_prefix="10.0.0.0/8")
    assert refused.value.type == "SecurityGroupMultipleRemoteEntites"


async def test_an_address_group_gains_and_loses_addresses(cloud: NetworkCloud) -> None:
    book = await cloud.make("address_group", name="b", addresses=["10.0.0.0/24"])
    path = f"/address-groups/{book['id']}"
    more = {"addresses": ["10.0.1.5/24"]}
    changed = await cloud.ask("mia", "PUT", f"{path}/add_addresses", more)
    assert changed["address_group"]["addresses"] == ["10.0.0.0/24", "10.0.1.0/24"]
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "PUT", f"{path}/add_addresses", more)
    assert (refused.value.status, refused.value.type) == (400, "AddressesAlreadyExist")
    changed = await cloud.ask("mia", "PUT", f"{path}/remove_addresses", more)
    assert changed["address_group"]["addresses"] == ["10.0.0.0/24"]
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "PUT", f"{path}/remove_addresses", more)
    assert (refused.value.status, refused.value.type) == (404, "AddressesNotFound")


async def test_an_address_group_that_a_rule_names_stays(cloud: NetworkCloud) -> None:
    book = await cloud.make("address_group", name="b", addresses=["10.0.0.0/24"])
    group = await cloud.make("security_group", name="g")
    await _rule(cloud, group["id"], remote_address_group_id=book["id"])
    with pytest.raises(Refused) as refused:
        await cloud.remove("address_group", book["id"])
    assert (refused.value.status, refused.value.type) == (409, "AddressGroupInUse")
