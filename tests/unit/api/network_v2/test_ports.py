"""Ports: their addresses, their security, and when switches must hear of them."""

from typing import Any

import pytest

from polpo.api.network_v2.addresses import eui64
from polpo.model.port import Port
from polpo.testing.network import NetworkCloud, Refused


async def test_a_port_has_an_address_a_mac_and_the_default_group(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    assert port["fixed_ips"][0]["subnet_id"] == network["subnets"][0]
    assert port["mac_address"].startswith("fa:16:3e:")
    groups = (await cloud.get("/security-groups?name=default"))["security_groups"]
    assert port["security_groups"] == [groups[0]["id"]]
    assert port["status"] == "DOWN"
    assert "binding:host_id" not in port


async def test_a_port_has_one_ipv4_one_stateful_and_every_automatic_ipv6_address(
    cloud: NetworkCloud,
) -> None:
    network = await cloud.network()
    wish = {"network_id": network["id"], "ip_version": 6}
    slaac = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    stateful = {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    for cidr, modes in (("fd01::/64", slaac), ("fd02::/64", slaac), ("fd03::/64", stateful)):
        await cloud.make("subnet", **wish, cidr=cidr, **modes)
    await cloud.make("subnet", network_id=network["id"], ip_version=4, cidr="10.0.1.0/24")
    port = await cloud.make("port", network_id=network["id"])
    addresses = [fixed["ip_address"] for fixed in port["fixed_ips"]]
    assert len(addresses) == 4
    assert sum("." in a for a in addresses) == 1
    assert eui64("fd01::/64", port["mac_address"]) in addresses
    assert eui64("fd02::/64", port["mac_address"]) in addresses
    assert sum(a.startswith("fd03::") for a in addresses) == 1


async def test_a_new_automatic_subnet_gives_addresses_to_the_ports_there_are(
    cloud: NetworkCloud,
) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    wish = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    subnet = await cloud.make(
        "subnet", network_id=network["id"], ip_version=6, cidr="fd01::/64", **wish
    )
    now = await cloud.show("port", port["id"])
    expected = {"subnet_id": subnet["id"], "ip_address": eui64("fd01::/64", port["mac_address"])}
    assert now["fixed_ips"] == [*port["fixed_ips"], expected]
    await cloud.remove("subnet", subnet["id"])
    assert (await cloud.show("port", port["id"]))["fixed_ips"] == port["fixed_ips"]


async def test_addresses_can_be_asked_for(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    subnet = network["subnets"][0]
    wish: list[dict[str, str]] = [
        {"subnet_id": subnet, "ip_address": "10.0.0.9"},
        {"subnet_id": subnet},
    ]
    port = await cloud.make("port", network_id=network["id"], fixed_ips=wish)
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.9"
    assert len(port["fixed_ips"]) == 2
    none = await cloud.make("port", network_id=network["id"], fixed_ips=[])
    assert none["fixed_ips"] == []
    assert none["ip_allocation"] == "none"


@pytest.mark.parametrize(
    ("wish", "status", "type"),
    [
        ({"ip_address": "10.0.0.9"}, 409, "IpAddressAlreadyAllocated"),
        ({"ip_address": "10.9.0.9"}, 400, "InvalidIpForNetwork"),
        ({"ip_address": "10.0.0.255"}, 400, "InvalidIpForNetwork"),
        ({}, 400, "InvalidInput"),
        ({"subnet_id": "11111111-1111-4111-8111-111111111111"}, 404, "SubnetNotFound"),
    ],
)
async def test_addresses_that_cannot_be_had_are_refused(
    cloud: NetworkCloud, wish: dict[str, str], status: int, type: str
) -> None:
    network = await cloud.network()
    taken = [{"ip_address": "10.0.0.9"}]
    await cloud.make("port", network_id=network["id"], fixed_ips=taken)
    with pytest.raises(Refused) as refused:
        await cloud.make("port", network_id=network["id"], fixed_ips=[wish])
    assert (refused.value.status, refused.value.type) == (status, type)


async def test_a_mac_is_taken_once_a_network(cloud: NetworkCloud) -> None:
    one, other = await cloud.network(), await cloud.network()
    mac = "fa:16:3e:00:00:01"
    await cloud.make("port", network_id=one["id"], mac_address=mac)
    await cloud.make("port", network_id=other["id"], mac_address=mac)
    with pytest.raises(Refused) as refused:
        await cloud.make("port", network_id=one["id"], mac_address=mac)
    assert (refused.value.status, refused.value.type) == (409, "MacAddressInUse")


async def test_a_full_subnet_says_so(cloud: NetworkCloud) -> None:
    network = await cloud.network("10.0.0.0/28")
    body = {"ports": [{"network_id": network["id"]} for _ in range(13)]}
    made = (await cloud.ask("mia", "POST", "/ports", body))["ports"]
    assert len({port["fixed_ips"][0]["ip_address"] for port in made}) == 13
    with pytest.raises(Refused) as refused:
        await cloud.make("port", network_id=network["id"])
    assert (refused.value.status, refused.value.type) == (409, "IpAddressGenerationFailure")
    expected = f"No more IP addresses available on network {network['id']}."
    assert refused.value.message == expected


async def test_a_bulk_is_made_whole_or_not_at_all(cloud: NetworkCloud) -> None:
    network = await cloud.network("10.0.0.0/28")
    body = {"ports": [{"network_id": network["id"]} for _ in range(14)]}
    with pytest.raises(Refused):
        await cloud.ask("mia", "POST", "/ports", body)
    assert (await cloud.get("/ports"))["ports"] == []


async def test_an_update_keeps_the_addresses_that_still_answer_a_wish(
    cloud: NetworkCloud,
) -> None:
    network = await cloud.network()
    subnet = network["subnets"][0]
    port = await cloud.make("port", network_id=network["id"])
    had = port["fixed_ips"][0]["ip_address"]
    wish: list[dict[str, str]] = [{"subnet_id": subnet}, {"ip_address": "10.0.0.99"}]
    now = await cloud.change("port", port["id"], fixed_ips=wish)
    assert {fixed["ip_address"] for fixed in now["fixed_ips"]} == {had, "10.0.0.99"}
    now = await cloud.change("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.99"}])
    assert [fixed["ip_address"] for fixed in now["fixed_ips"]] == ["10.0.0.99"]


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({"name": "x"}, False),
        ({"description": "x"}, False),
        ({"device_id": "x"}, False),
        ({"admin_state_up": True}, False),
        ({"admin_state_up": False}, True),
        ({"security_groups": []}, True),
        ({"fixed_ips": []}, True),
        ({"mac_address": "fa:16:3e:00:00:07"}, True),
        ({"binding:host_id": "h1"}, True),
        ({"allowed_address_pairs": [{"ip_address": "10.0.0.7"}]}, True),
        ({"security_groups": [], "port_security_enabled": False}, True),
    ],
)
async def test_switches_hear_of_what_concerns_them_and_of_nothing_else(
    cloud: NetworkCloud, change: dict[str, Any], heard: bool
) -> None:
    network = await cloud.network(who="admin")
    port = await cloud.make("port", "admin", network_id=network["id"])
    before = cloud.store.snapshot.get(Port, port["id"])
    await cloud.change("port", port["id"], "admin", **change)
    after = cloud.store.snapshot.get(Port, port["id"])
    assert before is not None
    assert after is not None
    assert before.wiring > 0
    assert after.wiring == (after.revision if heard else before.wiring)


async def test_switching_a_network_off_is_heard_for_its_ports(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    id = (await cloud.make("port", network_id=network["id"]))["id"]
    await cloud.change("network", network["id"], name="other")
    quiet = cloud.store.snapshot.get(Port, id)
    await cloud.change("network", network["id"], admin_state_up=False)
    after = cloud.store.snapshot.get(Port, id)
    assert quiet is not None
    assert after is not None
    assert after.wiring == cloud.store.snapshot.revision > quiet.wiring


async def test_status_is_what_hosts_have_reported(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    cloud.hosts.active.add(port["id"])
    assert (await cloud.show("port", port["id"]))["status"] == "ACTIVE"
    assert len((await cloud.get("/ports?status=ACTIVE"))["ports"]) == 1
    assert (await cloud.get("/ports?status=DOWN"))["ports"] == []


@pytest.mark.parametrize(
    ("given", "status", "type"),
    [
        (
            {"security_groups": ["11111111-1111-4111-8111-111111111111"]},
            404,
            "SecurityGroupNotFound",
        ),
        (
            {"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "10.0.0.1"}]},
            409,
            "AddressPairAndPortSecurityRequired",
        ),
        (
            {"allowed_address_pairs": [{"ip_address": f"10.0.0.{i}"} for i in range(11)]},
            400,
            "AllowedAddressPairExhausted",
        ),
        (
            {"allowed_address_pairs": [{"ip_address": "10.0.0.1"}] * 2},
            400,
            "DuplicateAddressPairInRequest",
        ),
        ({"allowed_address_pairs": [{"mac_address": "fa:16:3e:00:00:01"}]}, 400, "HTTPBadRequest"),
        ({"allowed_address_pairs": [{"ip_address": "224.0.0.1"}]}, 400, "HTTPBadRequest"),
        ({"dns_name": "-x"}, 400, "HTTPBadRequest"),
        ({"dns_name": "a.1"}, 400, "HTTPBadRequest"),
        ({"dns_domain": "shop.example"}, 400, "HTTPBadRequest"),
        ({"mac_address": "x"}, 400, "HTTPBadRequest"),
        ({"binding:host_id": "h1"}, 403, "PolicyNotAuthorized"),
        ({"network_id": "11111111-1111-4111-8111-111111111111"}, 404, "NetworkNotFound"),
    ],
)
async def test_bad_ports_are_refused(
    cloud: NetworkCloud, given: dict[str, Any], status: int, type: str
) -> None:
    network = await cloud.network()
    with pytest.raises(Refused) as refused:
        await cloud.make("port", **{"network_id": network["id"], **given})
    assert (refused.value.status, refused.value.type) == (status, type)


async def test_port_security_goes_only_when_nothing_relies_on_it(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.change("port", port["id"], port_security_enabled=False)
    assert refused.value.type == "PortSecurityPortHasSecurityGroup"
    off = await cloud.change("port", port["id"], port_security_enabled=False, security_groups=[])
    assert off["security_groups"] == []
    on = await cloud.change("port", port["id"], port_security_enabled=True)
    assert on["security_groups"] == port["security_groups"]


async def test_a_network_without_port_security_hands_it_down(cloud: NetworkCloud) -> None:
    network = await cloud.network(port_security_enabled=False)
    port = await cloud.make("port", network_id=network["id"])
    assert port["port_security_enabled"] is False
    assert port["security_groups"] == []


async def test_admins_see_where_a_port_is_bound(cloud: NetworkCloud) -> None:
    network = await cloud.network(who="admin")
    port = await cloud.make("port", "admin", network_id=network["id"], **{"binding:host_id": "h1"})
    assert port["binding:host_id"] == "h1"
    assert port["binding:vif_type"] == "binding_failed"  # there is no such host
    with pytest.raises(Refused) as refused:
        await cloud.change("port", port["id"], "admin", mac_address="fa:16:3e:00:00:07")
    assert refused.value.type == "PortBound"


async def test_dhcp_options_are_merged_and_taken_away_by_null(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    tftp, file = ({"opt_name": n, "opt_value": "x"} for n in ("tftp-server", "bootfile-name"))
    wish = {"network_id": network["id"], "extra_dhcp_opts": [tftp]}
    port = await cloud.make("port", **wish)
    assert port["extra_dhcp_opts"] == [{**tftp, "ip_version": 4}]
    port = await cloud.change("port", port["id"], extra_dhcp_opts=[file])
    assert [o["opt_name"] for o in port["extra_dhcp_opts"]] == ["bootfile-name", "tftp-server"]
    gone = [{"opt_name": "tftp-server", "opt_value": None}, {"opt_name": "unknown"}]
    port = await cloud.change("port", port["id"], extra_dhcp_opts=gone)
    assert [o["opt_name"] for o in port["extra_dhcp_opts"]] == ["bootfile-name"]


async def test_a_null_mac_is_made_anew(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    changed = await cloud.change("port", port["id"], mac_address=None)
    assert changed["mac_address"] != port["mac_address"]
    assert changed["mac_address"].startswith("fa:16:3e:")


async def test_a_name_is_shown_with_what_it_resolves_to(cloud: NetworkCloud) -> None:
    network = await cloud.network(dns_domain="shop.example.")
    port = await cloud.make("port", network_id=network["id"], dns_name="web")
    address = port["fixed_ips"][0]["ip_address"]
    expected = {"hostname": "web", "ip_address": address, "fqdn": "web.shop.example."}
    assert port["dns_assignment"] == [expected]
