"""openstacksdk's part for load balancers, which Ansible's modules use; and both databases."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("hosts")


@pytest.fixture
def balancers(connection: Any) -> Any:
    return connection.load_balancer


def test_a_tree_is_made_found_changed_and_removed(balancers: Any, sdk: Any) -> None:
    network = sdk.create_network(name="sdk")
    subnet = sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.5.0.0/24")
    made = balancers.create_load_balancer(name="sdk", vip_subnet_id=subnet.id, tags=["a"])
    balancers.wait_for_load_balancer(made.id, interval=1, wait=60)
    listener = balancers.create_listener(
        name="l", load_balancer_id=made.id, protocol="TCP", protocol_port=443
    )
    pool = balancers.create_pool(
        name="p", listener_id=listener.id, protocol="TCP", lb_algorithm="ROUND_ROBIN"
    )
    member = balancers.create_member(pool, name="m", address="10.5.0.9", protocol_port=443)
    monitor = balancers.create_health_monitor(
        pool_id=pool.id, type="TCP", delay=3, timeout=2, max_retries=2, max_retries_down=2
    )
    assert balancers.find_load_balancer("sdk").id == made.id
    assert [found.id for found in balancers.load_balancers(name="sdk")] == [made.id]
    assert [found.id for found in balancers.listeners(load_balancer_id=made.id)] == [listener.id]
    assert [found.id for found in balancers.members(pool)] == [member.id]
    assert balancers.get_pool(pool.id).health_monitor_id == monitor.id
    assert balancers.update_member(member, pool, weight=9).weight == 9
    assert balancers.update_load_balancer(made, description="d").description == "d"
    assert balancers.get_load_balancer_statistics(made.id).bytes_in == 0
    assert balancers.update_load_balancer(made, tags=["b"]).tags == ["b"]
    balancers.delete_health_monitor(monitor)
    balancers.delete_load_balancer(made.id, cascade=True)
    assert balancers.find_load_balancer("sdk") is None
    assert list(sdk.ports(network_id=network.id)) == []
    sdk.delete_network(network)


def test_lists_come_in_pages(balancers: Any, sdk: Any) -> None:
    network = sdk.create_network(name="pages")
    subnet = sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.6.0.0/24")
    made = balancers.create_load_balancer(name="pages", vip_subnet_id=subnet.id)
    for port in range(1, 6):
        balancers.create_listener(
            load_balancer_id=made.id, protocol="TCP", protocol_port=port, name=f"u{port}"
        )
    seen = [found.name for found in balancers.listeners(load_balancer_id=made.id, limit=2)]
    assert sorted(seen) == ["u1", "u2", "u3", "u4", "u5"]
    balancers.delete_load_balancer(made.id, cascade=True)
    sdk.delete_network(network)


def test_flavors_quotas_and_amphorae_are_there(balancers: Any) -> None:
    profile = balancers.create_flavor_profile(name="sdk", provider_name="amphora", flavor_data="{}")
    flavor = balancers.create_flavor(name="sdk", flavor_profile_id=profile.id)
    assert balancers.find_flavor("sdk").id == flavor.id
    balancers.delete_flavor(flavor)
    balancers.delete_flavor_profile(profile)
    assert {provider.name for provider in balancers.providers()} >= {"amphora"}
    assert list(balancers.amphorae()) == []
    assert balancers.get_quota_default().pools == -1
