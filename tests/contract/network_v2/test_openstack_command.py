"""The real `openstack` command, from an empty cloud to a port behind rules and back."""

import time
from collections.abc import Callable
from typing import Any

import httpx2
from tests.contract import databases

from polpo.testing.controller_process import ControllerProcess

pytestmark = databases.ONE


def test_a_user_makes_a_guarded_port_and_takes_everything_away(command: Any) -> None:
    answers, errors = command(
        "network create shop --mtu 1400 -f json",
        "subnet create --network shop --subnet-range 10.0.0.0/24 v4 -f json",
        "subnet create --network shop --subnet-range fd00::/64 --ip-version 6 "
        "--ipv6-ra-mode slaac --ipv6-address-mode slaac v6 -f json",
        "security group create web -f json",
        "security group rule create web --protocol tcp --dst-port 443 --remote-ip 10.0.0.0/8 "
        "-f json",
        "port create --network shop --fixed-ip subnet=v4,ip-address=10.0.0.77 "
        "--security-group web --tag blue p -f json",
        "port set p --name q --description hi --host h1 --allowed-address ip-address=10.0.0.9",
        "port list --fixed-ip ip-address=10.0.0.77 --tags blue -f json",
        "port show q -f json",
        "port delete q",
        "network delete shop",
        "security group delete web",
        "network list -f json",
    )
    assert errors == ""
    network, v4, v6, group, rule, port, (found,), shown, left = answers
    assert network["mtu"] == 1400
    assert v4["gateway_ip"] == "10.0.0.1"
    assert v6["ipv6_ra_mode"] == "slaac"
    assert (rule["port_range_min"], rule["port_range_max"]) == (443, 443)
    assert {fixed["subnet_id"] for fixed in port["fixed_ips"]} == {v4["id"], v6["id"]}
    assert port["security_group_ids"] == [group["id"]]
    assert port["status"] == "DOWN"
    assert found["Name"] == "q"
    assert shown["binding_host_id"] == "h1"
    assert shown["allowed_address_pairs"][0]["ip_address"] == "10.0.0.9"
    assert left == []


def test_a_user_makes_a_router_with_a_way_out_and_takes_it_away(command: Any) -> None:
    answers, errors = command(
        "network create out --external -f json",
        "subnet create --network out --subnet-range 203.0.113.0/24 --no-dhcp out4 -f json",
        "network create in -f json",
        "subnet create --network in --subnet-range 10.0.0.0/24 in4 -f json",
        "router create r -f json",
        "router add subnet r in4",
        "router set r --external-gateway out --route destination=10.9.0.0/16,gateway=10.0.0.9",
        "router add route r --route destination=10.8.0.0/16,gateway=10.0.0.9 -f json",
        "router remove route r --route destination=10.9.0.0/16,gateway=10.0.0.9 -f json",
        "router show r -f json",
        "router list --name r --long -f json",
        "port create --network in --fixed-ip subnet=in4 inside -f json",
        "floating ip create out --description web -f json",
        "floating ip list -f json",
    )
    assert errors == ""
    out, _, _, in4, router, _, _, shown, (listed,), inside, fip, (found,) = answers
    address = fip["floating_ip_address"]
    assert router["distributed"] is True
    assert shown["external_gateway_info"]["network_id"] == out["id"]
    assert shown["routes"] == [{"destination": "10.8.0.0/16", "nexthop": "10.0.0.9"}]
    assert [i["subnet_id"] for i in shown["interfaces_info"]] == [in4["id"]]
    assert listed["Routes"] == shown["routes"]
    assert found["Floating IP Address"] == address
    answers, errors = command(
        f"floating ip set {address} --port inside",
        f"floating ip show {address} -f json",
        f"floating ip unset {address} --port",
        f"floating ip port forwarding create {address} --port inside --protocol tcp "
        f"--internal-ip-address {inside['fixed_ips'][0]['ip_address']} "
        "--internal-protocol-port 22 --external-protocol-port 2222 --description ssh -f json",
        f"floating ip port forwarding list {address} -f json",
        "router unset r --external-gateway",
        "router remove subnet r in4",
    )
    tied, forwarding, (held,) = answers
    assert (tied["port_id"], tied["router_id"]) == (inside["id"], router["id"])
    assert forwarding["external_port"] == 2222
    assert held["Internal Port"] == 22
    assert "required by one or more floating IPs" in errors
    _, errors = command(
        f"floating ip port forwarding delete {address} {forwarding['id']}",
        f"floating ip delete {address}",
        "router set r --no-route",
        "router unset r --external-gateway",
        "router remove subnet r in4",
        "router delete r",
        "port delete inside",
        "network delete in out",
    )
    assert errors == ""


def test_an_admin_limits_what_ports_send(command: Any) -> None:
    answers, errors = command(
        "network qos policy create gold --share -f json",
        "network qos rule create gold --type bandwidth-limit --max-kbps 1000 "
        "--max-burst-kbits 800 --egress -f json",
        "network qos rule create gold --type dscp-marking --dscp-mark 46 -f json",
        "network qos rule create gold --type minimum-bandwidth --min-kbps 10 --egress -f json",
        "network qos rule list gold -f json",
        "network qos rule type list -f json",
        "network qos rule type show bandwidth_limit -f json",
        "network create limited --qos-policy gold -f json",
        "port create --network limited --qos-policy gold plimited -f json",
        "port unset plimited --qos-policy",
        "network set limited --no-qos-policy",
        "network qos policy show gold -f json",
    )
    assert errors == ""
    policy, limit, _, _, rules, types, type, network, port, shown = answers
    assert limit["max_kbps"] == 1000
    assert {rule["Type"] for rule in rules} == {t["Type"] for t in types}
    assert type["rule_type_name"] == "bandwidth_limit"
    assert network["qos_policy_id"] == port["qos_policy_id"] == policy["id"]
    assert len(shown["rules"]) == 3
    _, errors = command(
        f"network qos rule set gold {limit['id']} --max-kbps 2000",
        f"network qos rule delete gold {limit['id']}",
        "port delete plimited",
        "network delete limited",
        "network qos policy delete gold",
    )
    assert errors == ""


def test_the_clouds_own_things_are_listed(command: Any) -> None:
    answers, errors = command(
        "network agent list -f json",
        "availability zone list --network -f json",
        "extension list --network -f json",
        "quota show --network -f json",
        "subnet pool create --pool-prefix 10.8.0.0/16 sp -f json",
        "address group create ag --address 10.0.0.0/24 -f json",
        "network rbac list -f json",
        "ip availability list -f json",
        "default security group rule list -f json",
        "floating ip list -f json",
        "subnet pool delete sp",
        "address group delete ag",
    )
    assert errors == ""
    agents, zones, extensions, _, pool, book, *_ = answers
    assert agents == []
    assert zones[0]["Zone Name"] == "nova"
    assert "security-group" in {extension["Alias"] for extension in extensions}
    assert pool["prefixes"] == ["10.8.0.0/16"]
    assert book["addresses"] == ["10.0.0.0/24"]


def test_what_cannot_be_done_is_said_in_neutrons_words(command: Any) -> None:
    _, errors = command("network create big --mtu 9000", "network trunk list", "network show frob")
    assert "Requested MTU is too big, maximum is 1450" in errors
    assert "The resource could not be found" in errors
    assert "No Network found for frob" in errors


def test_the_admin_sees_where_a_routers_gateway_is(
    command: Any, controller: ControllerProcess
) -> None:
    admin = controller.session()
    for n in (1, 2):
        body = {"host": {"name": f"gw{n}", "address": f"192.0.2.{n}"}}
        token = admin.hosts("POST", "/hosts", body)["host"]["token"]
        httpx2.post(
            f"http://127.0.0.1:{controller.port}/v1/hosts/gw{n}/status",
            json={"revision": 1, "uplinks": {"physnet7": "eth1"}},
            headers={"authorization": f"Bearer {token}"},
        ).raise_for_status()
    answers, errors = command(
        "network create world --external --provider-network-type flat "
        "--provider-physical-network physnet7 -f json",
        "subnet create --network world --subnet-range 198.51.100.0/24 --no-dhcp w4 -f json",
        "router create way -f json",
        "router set way --external-gateway world",
    )
    assert errors == ""
    until(lambda: len(agents(command)) == 2)
    found = agents(command)
    assert {agent["Host"] for agent in found} == {"gw1", "gw2"}
    assert {agent["HA State"] for agent in found} == {"standby"}
    (routers, shown), errors = command(
        f"router list --agent {found[0]['ID']} -f json",
        f"network agent show {found[0]['ID']} -f json",
    )
    assert errors == ""
    assert [router["ID"] for router in routers] == [answers[2]["id"]]
    assert shown["configuration"]["bridge_mappings"] == {"physnet7": "eth1"}
    _, errors = command("router unset way --external-gateway", "router delete way")
    assert errors == ""
    until(lambda: not any(admin.hosts("DELETE", f"/hosts/gw{n}") for n in (1, 2)))


def agents(command: Any) -> list[dict[str, Any]]:
    (found,), errors = command("network agent list --router way --long -f json")
    assert errors == ""
    return list(found)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
