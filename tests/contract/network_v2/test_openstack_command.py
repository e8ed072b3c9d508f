"""The real `openstack` command, from an empty cloud to a port behind rules and back."""

from typing import Any


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
    _, errors = command("network create big --mtu 9000", "router list", "network show frob")
    assert "Requested MTU is too big, maximum is 1450" in errors
    assert "The resource could not be found" in errors
    assert "No Network found for frob" in errors
