"""Whoever asks, with whatever address, is told of nobody but themselves."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.netns.metadata.conftest import ADDRESS, URL, URL6, USER_DATA, Scene, asks

from polpo.testing.lab import Guest

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]


def uuid(guest: Guest, url: str = URL) -> str:
    said = asks(guest, "/openstack/latest/meta_data.json", url)
    return str(json.loads(said)["uuid"]) if said else ""


def test_the_same_address_in_two_tenants_networks_is_two_ports(scene: Scene) -> None:
    guests = [scene.mine, scene.theirs, scene.routed]
    assert {guest.address(4) for guest in guests} == {ADDRESS}
    with ThreadPoolExecutor(6) as pool:
        for url in (URL, URL6):
            told = list(pool.map(lambda guest, url=url: uuid(guest, url), guests * 20))
            assert told == [guest.port["id"] for guest in guests] * 20


def test_by_an_ipv6_address_of_its_network_as_well(scene: Scene) -> None:
    for guest in (scene.mine, scene.theirs):
        said = guest.run(
            "curl", "-sfgm", "5", "--interface", "fd01::77", f"{URL6}/openstack/latest/user_data"
        )
        assert said == USER_DATA.format("mine" if guest is scene.mine else "theirs")


def test_what_the_admin_has_put_there_is_told(scene: Scene) -> None:
    assert asks(scene.mine, "/latest/user-data") == USER_DATA.format("mine")
    assert asks(scene.theirs, "/latest/user-data") == USER_DATA.format("theirs")
    assert asks(scene.mine, "/latest/meta-data/public-keys/") == ""
    port, keys = scene.mine.port["id"], {"mia": "ssh-ed25519 AAAA mia"}
    profile = {"binding:profile": {"metadata": {"public_keys": keys}}}
    scene.cloud.admin.change("port", port, **profile)
    scene.cloud.converge()
    key = asks(scene.mine, "/latest/meta-data/public-keys/0/openssh-key")
    assert key == "ssh-ed25519 AAAA mia"
    assert asks(scene.mine, "/latest/user-data") == ""


def test_with_a_router_and_by_way_of_it(scene: Scene) -> None:
    guest = scene.routed
    assert uuid(guest) == guest.port["id"]
    guest.run("ip", "route", "add", "default", "via", "10.1.0.1", "dev", "eth0", "table", "9")
    guest.run("ip", "rule", "add", "to", "169.254.169.254", "lookup", "9")
    assert uuid(guest) == guest.port["id"], "to the router's MAC"


def test_rules_for_what_may_leave_count(scene: Scene) -> None:
    user = scene.cloud.user
    group = user.make("security_group", name="silent")
    for rule in group["security_group_rules"]:
        user.session.network("DELETE", f"/security-group-rules/{rule['id']}")
    before = user.show("port", scene.mine.port["id"])["security_groups"]
    user.change("port", scene.mine.port["id"], security_groups=[group["id"]])
    scene.cloud.converge()
    assert uuid(scene.mine) == uuid(scene.mine, URL6) == ""
    user.make(
        "security_group_rule",
        security_group_id=group["id"],
        direction="egress",
        protocol="tcp",
        port_range_min=80,
        port_range_max=80,
        remote_ip_prefix="169.254.169.254/32",
    )
    scene.cloud.converge()
    assert uuid(scene.mine) == scene.mine.port["id"]
    assert uuid(scene.mine, URL6) == ""
    user.change("port", scene.mine.port["id"], security_groups=before)
    scene.cloud.converge()
    assert uuid(scene.mine, URL6) == scene.mine.port["id"]


def test_without_port_security_a_port_is_still_itself(scene: Scene) -> None:
    """It may say that it is anybody: it is known by its interface."""
    user, port = scene.cloud.user, scene.mine.port["id"]
    user.change("port", port, security_groups=[], port_security_enabled=False)
    scene.cloud.converge()
    guest = scene.mine
    guest.run("ip", "addr", "add", "10.1.0.99/24", "dev", "eth0")
    try:
        said = guest.run(
            "curl", "-sfm", "5", "--interface", "10.1.0.99", f"{URL}/latest/meta-data/instance-id"
        )
        assert said == port
    finally:
        guest.run("ip", "addr", "del", "10.1.0.99/24", "dev", "eth0")
        user.change("port", port, port_security_enabled=True)


def test_a_floating_ip_is_told_when_there_is_one(scene: Scene) -> None:
    user, guest = scene.cloud.user, scene.routed
    assert asks(guest, "/latest/meta-data/public-ipv4") == ""
    external = user.session.network("GET", "/networks", **{"router:external": True})["networks"][0]
    info = {"network_id": external["id"]}
    user.change("router", scene.router, external_gateway_info=info)
    ip = user.make("floatingip", floating_network_id=external["id"], port_id=guest.port["id"])
    scene.cloud.converge()
    assert asks(guest, "/latest/meta-data/public-ipv4") == ip["floating_ip_address"]
    user.session.network("DELETE", f"/floatingips/{ip['id']}")
    scene.cloud.converge()
    assert asks(guest, "/latest/meta-data/public-ipv4") == ""
