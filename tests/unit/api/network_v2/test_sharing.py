"""Who may use what is another project's: RBAC policies, shared and external networks."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused


async def _share(
    cloud: NetworkCloud, kind: str, id: str, who: str = "mia", to: str = "other"
) -> Any:
    target = "*" if to == "*" else cloud.identity.project_id(to)
    wish = {"object_type": kind, "object_id": id, "action": "access_as_shared"}
    return await cloud.make("rbac_policy", who, **wish, target_tenant=target)


async def test_a_network_shared_with_a_project_is_seen_and_used_there(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    with pytest.raises(Refused):
        await cloud.show("network", network["id"], "olaf")
    policy = await _share(cloud, "network", network["id"])
    seen = await cloud.show("network", network["id"], "olaf")
    assert seen["shared"] is True
    assert (await cloud.show("network", network["id"]))["shared"] is False
    assert len((await cloud.get("/networks", "olaf"))["networks"]) == 1
    assert len((await cloud.get("/subnets", "olaf"))["subnets"]) == 1
    port = await cloud.make("port", "olaf", network_id=network["id"])
    assert len((await cloud.get("/ports"))["ports"]) == 1  # the owner sees it, too
    with pytest.raises(Refused) as refused:
        await cloud.remove("rbac_policy", policy["id"])
    assert (refused.value.status, refused.value.type) == (409, "RbacPolicyInUse")
    await cloud.remove("port", port["id"])  # the network's owner may
    await cloud.remove("rbac_policy", policy["id"])
    with pytest.raises(Refused):
        await cloud.show("network", network["id"], "olaf")


@pytest.mark.parametrize(
    "given",
    [
        {"mac_address": "fa:16:3e:00:00:01"},
        {"fixed_ips": [{"ip_address": "10.0.0.9"}]},
        {"allowed_address_pairs": [{"ip_address": "10.0.0.9"}]},
        {"port_security_enabled": False},
        {"device_owner": "network:dhcp"},
    ],
)
async def test_on_a_shared_network_only_its_owner_may_say_everything(
    cloud: NetworkCloud, given: dict[str, Any]
) -> None:
    network = await cloud.network()
    await _share(cloud, "network", network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.make("port", "olaf", network_id=network["id"], **given)
    assert (refused.value.status, refused.value.type) == (403, "PolicyNotAuthorized")
    await cloud.make("port", "mia", network_id=network["id"], **given)


async def test_others_neither_change_a_shared_network_nor_add_subnets(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    await _share(cloud, "network", network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.change("network", network["id"], "olaf", name="mine")
    assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        await cloud.make(
            "subnet", "olaf", network_id=network["id"], ip_version=4, cidr="10.1.0.0/24"
        )
    assert refused.value.status == 403


async def test_the_admin_shares_with_everybody(cloud: NetworkCloud) -> None:
    network = await cloud.network(who="admin", shared=True)
    assert (await cloud.show("network", network["id"], "olaf"))["shared"] is True
    assert len((await cloud.get("/rbac-policies", "admin"))["rbac_policies"]) == 1
    await cloud.change("network", network["id"], "admin", shared=False)
    with pytest.raises(Refused):
        await cloud.show("network", network["id"], "olaf")
    for attribute in ("shared", "router:external"):
        wish: dict[str, Any] = {attribute: True}
        with pytest.raises(Refused) as refused:
            await cloud.make("network", **wish)
        assert (refused.value.status, refused.value.type) == (403, "PolicyNotAuthorized")
        wish = {attribute: False}
        await cloud.make("network", **wish)


async def test_an_external_network_is_seen_but_not_attached_to(cloud: NetworkCloud) -> None:
    external: dict[str, Any] = {"router:external": True}
    network = await cloud.network(who="admin", **external)
    assert (await cloud.show("network", network["id"]))["router:external"] is True
    found = await cloud.get("/networks?router:external=True")
    assert len(found["networks"]) == 1
    with pytest.raises(Refused) as refused:
        await cloud.make("port", network_id=network["id"])
    assert refused.value.status == 403


async def test_policies_are_made_for_ones_own_objects_and_not_for_all(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    with pytest.raises(Refused) as refused:
        await _share(cloud, "network", network["id"], to="*")
    assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        await _share(cloud, "network", network["id"], "olaf", "other")
    assert refused.value.status == 404
    await _share(cloud, "network", network["id"])
    with pytest.raises(Refused) as refused:
        await _share(cloud, "network", network["id"])
    assert (refused.value.status, refused.value.type) == (409, "DuplicateRbacPolicy")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("security_group", {"name": "g"}),
        ("address_group", {"name": "g"}),
        ("address_scope", {"name": "g", "ip_version": 4}),
        ("subnetpool", {"name": "g", "prefixes": ["10.0.0.0/16"]}),
    ],
)
async def test_other_things_are_shared_the_same_way(
    cloud: NetworkCloud, kind: str, given: dict[str, Any]
) -> None:
    made = await cloud.make(kind, **given)
    with pytest.raises(Refused):
        await cloud.show(kind, made["id"], "olaf")
    policy = await _share(cloud, kind, made["id"])
    assert (await cloud.show(kind, made["id"], "olaf"))["shared"] is True
    with pytest.raises(Refused) as refused:
        await cloud.remove(kind, made["id"], "olaf")
    assert refused.value.status == 403
    await cloud.remove("rbac_policy", policy["id"])
    with pytest.raises(Refused):
        await cloud.show(kind, made["id"], "olaf")


async def test_a_shared_group_guards_others_ports(cloud: NetworkCloud) -> None:
    group = await cloud.make("security_group", name="g")
    network = await cloud.network(who="olaf")
    wish = {"network_id": network["id"], "security_groups": [group["id"]]}
    with pytest.raises(Refused) as refused:
        await cloud.make("port", "olaf", **wish)
    assert refused.value.status == 404
    await _share(cloud, "security_group", group["id"])
    port = await cloud.make("port", "olaf", **wish)
    assert port["security_groups"] == [group["id"]]
    (policy,) = (await cloud.get("/rbac-policies"))["rbac_policies"]
    with pytest.raises(Refused) as refused:
        await cloud.remove("rbac_policy", policy["id"])
    assert (refused.value.status, refused.value.type) == (409, "RbacPolicyInUse")


async def test_a_network_that_others_use_stays_shared(cloud: NetworkCloud) -> None:
    network = await cloud.network(who="admin", shared=True)
    port = await cloud.make("port", network_id=network["id"])
    with pytest.raises(Refused) as refused:
        await cloud.change("network", network["id"], "admin", shared=False)
    assert (refused.value.status, refused.value.type) == (409, "InvalidSharedSetting")
    assert (await cloud.show("network", network["id"]))["shared"] is True
    await cloud.remove("port", port["id"])
    await cloud.change("network", network["id"], "admin", shared=False)


async def test_a_network_that_anothers_router_has_joined_stays_shared(cloud: NetworkCloud) -> None:
    network = await cloud.network("10.0.0.0/24")
    grant = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    other = cloud.identity.project_id("other")
    policy = await cloud.make("rbac_policy", **grant, target_tenant=other)
    router = await cloud.make("router", "olaf")
    await cloud.join(router["id"], "olaf", subnet_id=network["subnets"][0])
    with pytest.raises(Refused) as refused:
        await cloud.remove("rbac_policy", policy["id"])
    assert (refused.value.status, refused.value.type) == (409, "RbacPolicyInUse")
    await cloud.leave(router["id"], "olaf", subnet_id=network["subnets"][0])
    await cloud.remove("rbac_policy", policy["id"])
