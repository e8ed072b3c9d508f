"""What a port's row says for the metadata service."""

from typing import Any

import pytest

from polpo.compiler.slices import all_slices
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import FixedIP, Port
from polpo.model.router import FloatingIP
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.target.instance import Instance

HOST = Host(id="H", name="h", address="192.0.2.1", token_hash="t", availability_zone="east")
NETWORK = Network(id="N", vni=7, mtu=1450)


def port(**fields: Any) -> Port:
    return Port(
        id="P",
        project_id="shop",
        network_id="N",
        mac_address="02:00:00:00:00:01",
        fixed_ips=(FixedIP("S", "10.0.0.5"),),
        host="h",
        **fields,
    )


def instance(own: Port, *more: FloatingIP) -> Instance | None:
    found = all_slices(Snapshot.of([HOST, NETWORK, own, *more], 9))["host/h"]["port/P"]
    assert isinstance(found, rows.Port)
    return found.instance


def floating(address: str, **fields: Any) -> FloatingIP:
    return FloatingIP(
        id=address,
        floating_network_id="X",
        floating_ip_address=address,
        floating_port_id="",
        **fields,
    )


def test_a_port_is_what_it_is_attached_to_or_itself() -> None:
    assert instance(port()) == Instance("P", "N", project="shop", zone="east")
    assert instance(port(device_id="vm")) == Instance("vm", "N", project="shop", zone="east")


@pytest.mark.parametrize("owner", ["network:dhcp", "network:router_interface", "neutron:x"])
def test_a_networks_own_ports_have_none(owner: str) -> None:
    assert instance(port(device_owner=owner)) is None


def test_the_profile_says_what_attributes_do_not() -> None:
    metadata = {
        "user_data": "I2Nsb3VkLWNvbmZpZwo=",
        "public_keys": {"mia": "ssh-ed25519 AAAA mia"},
        "meta": {"role": "web"},
    }
    found = instance(port(profile={"metadata": metadata, "others": 1}))
    assert found is not None
    assert found.user_data == "I2Nsb3VkLWNvbmZpZwo="
    assert found.public_keys == (("mia", "ssh-ed25519 AAAA mia"),)
    assert found.meta == (("role", "web"),)


@pytest.mark.parametrize("nonsense", [None, 7, "x", {"meta": [1], "user_data": 3}, {"x": 1}])
def test_nonsense_in_a_profile_is_passed_over(nonsense: Any) -> None:
    assert instance(port(profile={"metadata": nonsense})) == instance(port())


def test_floating_ips_that_stand_for_the_port() -> None:
    own = floating("203.0.113.5", port_id="P", fixed_ip_address="10.0.0.5")
    others = floating("203.0.113.6", port_id="Q", fixed_ip_address="10.0.0.6")
    found = instance(port(), own, others)
    assert found is not None
    assert found.floating == (("10.0.0.5", "203.0.113.5"),)
