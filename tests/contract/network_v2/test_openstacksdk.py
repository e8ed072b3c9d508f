"""openstacksdk, on each kind of database."""

from typing import Any
from uuid import uuid4

import pytest
from openstack import exceptions


def _name() -> str:
    return uuid4().hex


def test_every_resource_is_made_found_changed_and_deleted(sdk: Any) -> None:
    network = sdk.create_network(name=_name(), description="d")
    made = {
        "network": network,
        "subnet": sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24"),
        "subnet_pool": sdk.create_subnet_pool(name=_name(), prefixes=["10.1.0.0/16"]),
        "address_scope": sdk.create_address_scope(name=_name(), ip_version=6),
        "security_group": sdk.create_security_group(name=_name()),
        "address_group": sdk.create_address_group(name=_name(), addresses=["10.0.0.0/8"]),
    }
    made["port"] = sdk.create_port(
        network_id=network.id, security_groups=[made["security_group"].id]
    )
    for kind, resource in reversed(made.items()):
        changed = getattr(sdk, f"update_{kind}")(resource.id, name="new")
        assert changed.name == "new"
        assert getattr(sdk, f"find_{kind}")(resource.id).id == resource.id
        assert resource.id in [r.id for r in getattr(sdk, f"{kind}s")(name="new")]
        getattr(sdk, f"delete_{kind}")(resource.id, ignore_missing=False)
        with pytest.raises(exceptions.NotFoundException):
            getattr(sdk, f"get_{kind}")(resource.id)


def test_lists_are_read_page_by_page(sdk: Any) -> None:
    tag = _name()
    for _ in range(5):
        network = sdk.create_network(name=_name())
        sdk.set_tags(network, [tag])
    found = list(sdk.networks(limit=2, tags=tag, sort_key="name", sort_dir="desc"))
    names = [network.name for network in found]
    assert len(names) == 5
    assert names == sorted(names, reverse=True)


def test_ports_are_made_in_bulk(sdk: Any) -> None:
    network = sdk.create_network(name=_name())
    sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24")
    ports = sdk.create_ports([{"network_id": network.id, "name": str(n)} for n in range(20)])
    assert len({port.fixed_ips[0]["ip_address"] for port in ports}) == 20


def test_errors_arrive_as_the_sdk_expects_them(sdk: Any) -> None:
    with pytest.raises(exceptions.BadRequestException, match="Invalid input for mtu"):
        sdk.create_network(mtu="x")
    network = sdk.create_network(name=_name())
    sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/30")
    sdk.create_port(network_id=network.id)
    with pytest.raises(exceptions.ConflictException, match="No more IP addresses available"):
        sdk.create_port(network_id=network.id)
    with pytest.raises(exceptions.ConflictException, match="one or more ports still in use"):
        sdk.delete_network(network.id)


def test_rules_policies_quotas_and_extensions(sdk: Any) -> None:
    group = sdk.create_security_group(name=_name())
    rule = sdk.create_security_group_rule(
        security_group_id=group.id,
        direction="ingress",
        protocol="tcp",
        port_range_min=80,
        port_range_max=80,
    )
    assert rule.ether_type == "IPv4"
    with pytest.raises(exceptions.ConflictException):
        sdk.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            protocol=6,
            port_range_min=80,
            port_range_max=80,
        )
    policy = sdk.create_rbac_policy(
        object_type="security_group",
        object_id=group.id,
        action="access_as_shared",
        target_project_id="*",
    )
    assert sdk.get_security_group(group.id).is_shared
    sdk.delete_rbac_policy(policy.id)
    project = group.project_id
    sdk.update_quota(project, ports=7777)
    assert sdk.get_quota(project, details=True).ports["limit"] == 7777
    assert sdk.get_quota_default(project).ports == 500
    sdk.delete_quota(project)
    assert sdk.find_extension("standard-attr-tag")
    assert next(iter(sdk.availability_zones())).name == "nova"
    assert list(sdk.agents()) == []


def test_a_router_and_a_floating_ip(sdk: Any) -> None:
    external = sdk.create_network(name=_name(), is_router_external=True)
    outside = sdk.create_subnet(network_id=external.id, ip_version=4, cidr="203.0.113.0/24")
    network = sdk.create_network(name=_name())
    subnet = sdk.create_subnet(network_id=network.id, ip_version=4, cidr="10.0.0.0/24")
    router = sdk.create_router(name=_name(), external_gateway_info={"network_id": external.id})
    assert router.external_gateway_info["external_fixed_ips"][0]["subnet_id"] == outside.id
    added = sdk.add_interface_to_router(router, subnet_id=subnet.id)
    assert added["subnet_ids"] == [subnet.id]
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}
    assert sdk.add_extra_routes_to_router(router, {"router": {"routes": [route]}}).routes == [route]
    body = {"router": {"routes": [route]}}
    assert sdk.remove_extra_routes_from_router(router, body).routes == []
    assert sdk.find_router(router.name).id == router.id
    assert [r.id for r in sdk.routers(name=router.name)] == [router.id]
    port = sdk.create_port(network_id=network.id)
    fip = sdk.create_ip(floating_network_id=external.id, port_id=port.id)
    assert (fip.router_id, fip.fixed_ip_address) == (router.id, port.fixed_ips[0]["ip_address"])
    assert fip.port_details["network_id"] == network.id
    assert sdk.find_ip(fip.floating_ip_address).id == fip.id
    with pytest.raises(exceptions.ConflictException, match="required by one or more floating IPs"):
        sdk.remove_interface_from_router(router, subnet_id=subnet.id)
    assert sdk.update_ip(fip, port_id=None).port_id is None
    forwarding = sdk.create_floating_ip_port_forwarding(
        fip,
        internal_port_id=port.id,
        internal_ip_address=port.fixed_ips[0]["ip_address"],
        internal_port=22,
        external_port=2222,
        protocol="tcp",
    )
    changed = sdk.update_floating_ip_port_forwarding(fip, forwarding, external_port=2223)
    assert changed.external_port == 2223
    assert [f.id for f in sdk.floating_ip_port_forwardings(fip)] == [forwarding.id]
    sdk.delete_floating_ip_port_forwarding(fip, forwarding, ignore_missing=False)
    sdk.delete_ip(fip, ignore_missing=False)
    sdk.remove_interface_from_router(router, port_id=added["port_id"])
    sdk.set_tags(router, ["blue"])
    assert [r.id for r in sdk.routers(tags="blue")] == [router.id]
    sdk.delete_router(router, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        sdk.get_router(router.id)


def test_qos_policies(sdk: Any) -> None:
    policy = sdk.create_qos_policy(name=_name(), is_shared=True)
    rule = sdk.create_qos_bandwidth_limit_rule(policy, max_kbps=1000, max_burst_kbps=100)
    rule = sdk.update_qos_bandwidth_limit_rule(rule, policy, max_kbps=2000)
    assert rule.max_kbps == 2000
    mark = sdk.create_qos_dscp_marking_rule(policy, dscp_mark=46)
    assert [m.id for m in sdk.qos_dscp_marking_rules(policy)] == [mark.id]
    assert sdk.find_qos_policy(policy.name).id == policy.id
    network = sdk.create_network(name=_name(), qos_policy_id=policy.id)
    with pytest.raises(exceptions.ConflictException, match="is used by network"):
        sdk.delete_qos_policy(policy)
    sdk.delete_network(network)
    sdk.delete_qos_bandwidth_limit_rule(rule, policy, ignore_missing=False)
    sdk.delete_qos_policy(policy, ignore_missing=False)
    assert {t.type for t in sdk.qos_rule_types()} >= {"bandwidth_limit", "dscp_marking"}
    assert sdk.get_qos_rule_type("dscp_marking").drivers[0]["name"] == "polpo"
