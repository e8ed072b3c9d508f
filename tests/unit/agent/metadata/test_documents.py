"""What a port is told of itself, path by path, as cloud-init and its like ask for it."""

import base64
import json
from typing import Any

import msgspec
import pytest

from polpo.agent.metadata.documents import document
from polpo.agent.metadata.subject import Subject
from polpo.target.instance import Instance
from polpo.target.rows import Lease, Port, Subnet

KEYS = (("mia", "ssh-ed25519 AAAA mia"), ("rea", "ssh-rsa BBBB rea"))
INSTANCE = Instance(
    id="4f0c1f5e-9a8a-4ed4-a0d4-8b5a9e9a0b01",
    network="c0ffee",
    project="shop",
    zone="east",
    floating=(("10.0.0.5", "203.0.113.5"),),
    user_data=base64.b64encode(b"#cloud-config\n\xff").decode(),
    public_keys=KEYS,
    meta=(("role", "web"),),
)
PORT = Port(
    id="p1",
    vni=7,
    mac="fa:16:3e:00:00:05",
    mtu=1450,
    policy=1,
    name="Web server 1",
    leases=(Lease("10.0.0.5", "s4"), Lease("fd00::5", "s6"), Lease("10.9.0.5", "static")),
    instance=INSTANCE,
)
SUBNETS = {
    "s4": Subnet("s4", "10.0.0.0/24", "10.0.0.1", ("9.9.9.9",), domain="example.org"),
    "s6": Subnet("s6", "fd00::/64", ra_mode="slaac", address_mode="slaac"),
    "static": Subnet(
        "static",
        "10.9.0.0/16",
        "10.9.0.1",
        ("9.9.9.9", "149.112.112.112"),
        (("10.77.0.0/16", "10.9.0.7"),),
        dhcp=False,
    ),
}


def subject(**fields: Any) -> Subject:
    port = msgspec.structs.replace(PORT, **fields)
    assert port.instance
    return Subject(port, port.instance, SUBNETS)


def told(**fields: Any) -> Subject:
    return subject(instance=msgspec.structs.replace(INSTANCE, **fields))


def read(path: str, of: Subject | None = None) -> bytes | None:
    found = document(of or subject(), path, b"random")
    return found.body if found is not None else None


def listed(path: str, of: Subject | None = None) -> list[str]:
    body = read(path, of)
    assert body is not None, path
    return body.decode().split("\n")


def test_versions_of_both_are_listed() -> None:
    assert listed("/openstack")[0] == "2012-08-10"
    assert listed("/openstack/")[-2:] == ["2020-10-14", "latest"]
    assert listed("/")[-2:] == ["2009-04-04", "latest"]
    assert listed("/ec2") == listed("/")


def test_what_there_is_in_a_version() -> None:
    newest = [
        "meta_data.json",
        "user_data",
        "vendor_data.json",
        "network_data.json",
        "vendor_data2.json",
    ]
    assert listed("/openstack/latest") == newest
    assert listed("/openstack/2018-08-27/") == newest
    assert listed("/openstack/2012-08-10") == ["meta_data.json", "user_data"]
    assert listed("/openstack/latest", told(user_data=None))[1] == "vendor_data.json"


def test_who_the_port_is() -> None:
    assert json.loads(read("/openstack/latest/meta_data.json") or b"") == {
        "uuid": INSTANCE.id,
        "name": "Web server 1",
        "hostname": "web-server-1.example.org",
        "availability_zone": "east",
        "project_id": "shop",
        "launch_index": 0,
        "meta": {"role": "web"},
        "public_keys": {name: f"{key}\n" for name, key in KEYS},
        "keys": [{"name": n, "type": "ssh", "data": f"{key}\n"} for n, key in KEYS],
        "devices": [],
        "random_seed": base64.b64encode(b"random").decode(),
    }


def test_how_the_port_is_to_be_configured() -> None:
    said = json.loads(read("/openstack/latest/network_data.json") or b"")
    assert said["links"] == [
        {
            "id": "eth0",
            "vif_id": "p1",
            "type": "phy",
            "mtu": 1450,
            "ethernet_mac_address": "fa:16:3e:00:00:05",
        }
    ]
    assert [network["type"] for network in said["networks"]] == ["ipv4_dhcp", "ipv6_slaac", "ipv4"]
    assert said["networks"][2] == {
        "id": "network2",
        "type": "ipv4",
        "link": "eth0",
        "network_id": "c0ffee",
        "ip_address": "10.9.0.5",
        "netmask": "255.255.0.0",
        "routes": [
            {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.9.0.1"},
            {"network": "10.77.0.0", "netmask": "255.255.0.0", "gateway": "10.9.0.7"},
        ],
        "services": [
            {"type": "dns", "address": "9.9.9.9"},
            {"type": "dns", "address": "149.112.112.112"},
        ],
    }
    assert [service["address"] for service in said["services"]] == ["9.9.9.9", "149.112.112.112"]


def test_user_data_is_what_was_given() -> None:
    for path in ("/openstack/latest/user_data", "/latest/user-data", "/2009-04-04/user-data"):
        assert read(path) == b"#cloud-config\n\xff"
        assert read(path, told(user_data=None)) is None


def test_vendor_data_is_empty() -> None:
    assert read("/openstack/latest/vendor_data.json") == b"{}"
    assert read("/openstack/latest/vendor_data2.json") == b"{}"


def test_what_ec2_knows() -> None:
    assert listed("/latest") == ["meta-data/", "user-data"]
    known = listed("/latest/meta-data/")
    assert known == sorted(known)
    assert {"placement/", "public-keys/", "instance-id"} <= set(known)
    expected = {
        "instance-id": INSTANCE.id,
        "hostname": "web-server-1.example.org",
        "local-hostname": "web-server-1.example.org",
        "local-ipv4": "10.0.0.5",
        "public-ipv4": "203.0.113.5",
        "mac": "fa:16:3e:00:00:05",
        "placement/availability-zone": "east",
    }
    for name, value in expected.items():
        assert read(f"/latest/meta-data/{name}") == value.encode()
        assert read(f"/2009-04-04/meta-data/{name}") == value.encode()


def test_public_keys_are_numbered() -> None:
    assert listed("/latest/meta-data/public-keys/") == ["0=mia", "1=rea"]
    assert listed("/latest/meta-data/public-keys/0") == ["openssh-key"]
    assert read("/latest/meta-data/public-keys/1/openssh-key") == b"ssh-rsa BBBB rea"
    assert "public-keys/" not in listed("/latest/meta-data", told(public_keys=()))


@pytest.mark.parametrize(
    "path",
    [
        "/openstack/2099-01-01/meta_data.json",
        "/openstack/latest/password",
        "/openstack/latest/meta_data.json/more",
        "/openstack/2012-08-10/network_data.json",
        "/latest/api/token",
        "/2021-03-23/meta-data/instance-id",
        "/latest/meta-data/public-keys/7/openssh-key",
        "/latest/../latest/user-data",
        "/etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "*",
        "/%ff%00",
    ],
)
def test_other_paths_are_not_there(path: str) -> None:
    assert read(path) is None


def test_slashes_and_queries_do_not_matter() -> None:
    assert read("//latest///meta-data/mac?x=/y") == b"fa:16:3e:00:00:05"


@pytest.mark.parametrize(
    ("fields", "hostname"),
    [
        ({"hostname": "www"}, "www.example.org"),
        ({"hostname": "www.shop.example."}, "www.shop.example"),
        ({"name": "---"}, "host-10-0-0-5.example.org"),
        ({"name": ""}, "host-10-0-0-5.example.org"),
        ({"name": "", "leases": (Lease("fd00::5", "s6"),)}, "host-fd00-5.example.org"),
        ({"name": "", "leases": ()}, "host.example.org"),
        ({"name": "x" * 70}, f"{'x' * 63}.example.org"),
    ],
)
def test_a_host_has_a_name_that_it_may_have(fields: dict[str, Any], hostname: str) -> None:
    assert read("/latest/meta-data/hostname", subject(**fields)) == hostname.encode()


def test_a_bad_row_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match=r"."):
        read("/latest/user-data", told(user_data="%%%"))
