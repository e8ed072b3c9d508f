"""Another project's objects are invisible, and readers only look: every resource and verb."""

from typing import Any

import pytest

from polpo.api.network_v2.routes import RESOURCES
from polpo.api.network_v2.tags import FILTERS
from polpo.testing.network import PATHS, NetworkCloud

MISSING = "11111111-1111-4111-8111-111111111111"


async def _belongings(cloud: NetworkCloud) -> dict[str, Any]:
    """One of each, of shop's."""
    network = await cloud.network(name="n")
    external = await cloud.external("203.0.113.0/24")
    group = await cloud.make("security_group", name="g")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    target = cloud.identity.project_id("shop")
    policy = {"object_type": "network", "object_id": network["id"], "action": "access_as_shared"}
    return {
        "network": network,
        "subnet": await cloud.show("subnet", network["subnets"][0]),
        "port": await cloud.make("port", network_id=network["id"]),
        "security_group": group,
        "security_group_rule": await cloud.make("security_group_rule", **rule),
        "address_group": await cloud.make("address_group", name="b"),
        "address_scope": await cloud.make("address_scope", name="s", ip_version=4),
        "subnetpool": await cloud.make("subnetpool", name="p", prefixes=["10.0.0.0/16"]),
        "rbac_policy": await cloud.make("rbac_policy", **policy, target_tenant=target),
        "router": await cloud.make("router", name="r"),
        "floatingip": await cloud.make("floatingip", floating_network_id=external["id"]),
        "policy": await cloud.make("policy", "admin", project_id=target, name="q"),
    }


WRITES: dict[str, dict[str, Any]] = {
    "rbac_policy": {"target_tenant": MISSING},
    "security_group_rule": {"description": "mine"},
    "floatingip": {"description": "mine"},
}


def _writes(member: str, id: str) -> list[tuple[str, str, Any]]:
    """Every way to write to an object."""
    path = f"/{PATHS[member]}/{id}"
    body = {member: WRITES.get(member, {"name": "mine"})}
    ways: list[tuple[str, str, Any]] = [("PUT", path, body), ("DELETE", path, None)]
    if RESOURCES[PATHS[member]].taggable:
        ways += [
            ("PUT", f"{path}/tags", {"tags": ["mine"]}),
            ("POST", f"{path}/tags", {"tags": ["mine"]}),
            ("DELETE", f"{path}/tags", None),
            ("PUT", f"{path}/tags/mine", None),
            ("DELETE", f"{path}/tags/mine", None),
        ]
    for action, key in _ACTIONS.get(member, ()):
        ways.append(("PUT", f"{path}/{action}", {key: ["10.0.0.0/24"]}))
    for child, body in _CHILDREN.get(member, {}).items():
        ways += [("POST", f"{path}/{child}s", {child: body})]
        ways += [("PUT", f"{path}/{child}s/{MISSING}", {child: {}})]
        ways += [("DELETE", f"{path}/{child}s/{MISSING}", None)]
    if member == "router":
        ways += [("PUT", f"{path}/{verb}_router_interface", BY) for verb in ("add", "remove")]
        ways += [("PUT", f"{path}/{verb}_extraroutes", ROUTES) for verb in ("add", "remove")]
    return ways


_CHILDREN: dict[str, dict[str, Any]] = {
    "floatingip": {
        "port_forwarding": {"protocol": "tcp", "internal_port_id": MISSING, "external_port": 1}
    },
    "policy": {
        "bandwidth_limit_rule": {"max_kbps": 1},
        "dscp_marking_rule": {"dscp_mark": 8},
        "minimum_bandwidth_rule": {"min_kbps": 1},
    },
}
BY = {"subnet_id": MISSING}
ROUTES = {"router": {"routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]}}
_ACTIONS = {
    "address_group": (("add_addresses", "addresses"), ("remove_addresses", "addresses")),
    "subnetpool": (("add_prefixes", "prefixes"), ("remove_prefixes", "prefixes")),
}


@pytest.mark.parametrize("member", PATHS)
async def test_another_projects_objects_are_invisible(cloud: NetworkCloud, member: str) -> None:
    obj = (await _belongings(cloud))[member]
    collection = RESOURCES[PATHS[member]].collection
    path = f"/{PATHS[member]}"
    for query in ("", f"?id={obj['id']}", f"?project_id={obj['project_id']}"):
        listed = (await cloud.get(f"{path}{query}", "olaf"))[collection]
        assert obj["id"] not in [o["id"] for o in listed]
    assert (await cloud.raw("olaf", "GET", f"{path}/{obj['id']}")).status_code == 404
    before = cloud.store.snapshot.revision
    for method, way, body in _writes(member, obj["id"]):
        response = await cloud.raw("olaf", method, way, body)
        assert response.status_code == 404, (method, way, response.text)
    assert cloud.store.snapshot.revision == before


@pytest.mark.parametrize("member", PATHS)
async def test_what_is_invisible_answers_like_what_is_not_there(
    cloud: NetworkCloud, member: str
) -> None:
    obj = (await _belongings(cloud))[member]
    theirs = await cloud.raw("olaf", "GET", f"/{PATHS[member]}/{obj['id']}")
    nobodys = await cloud.raw("olaf", "GET", f"/{PATHS[member]}/{MISSING}")
    assert theirs.text.replace(obj["id"], MISSING) == nobodys.text


@pytest.mark.parametrize("member", PATHS)
async def test_readers_look_and_do_not_touch(cloud: NetworkCloud, member: str) -> None:
    obj = (await _belongings(cloud))[member]
    path = f"/{PATHS[member]}"
    shown = await cloud.raw("rea", "GET", f"{path}/{obj['id']}")
    assert shown.json() == {member: await cloud.show(member, obj["id"])}
    before = cloud.store.snapshot.revision
    for method, way, body in [*_writes(member, obj["id"]), ("POST", path, {member: {}})]:
        response = await cloud.raw("rea", method, way, body)
        assert response.status_code == 403, (method, way, response.text)
    assert cloud.store.snapshot.revision == before


@pytest.mark.parametrize("member", PATHS)
async def test_the_admin_sees_and_removes_everything(cloud: NetworkCloud, member: str) -> None:
    belongings = await _belongings(cloud)
    obj = belongings[member]
    collection = RESOURCES[PATHS[member]].collection
    listed = (await cloud.get(f"/{PATHS[member]}?id={obj['id']}", "admin"))[collection]
    assert [o["id"] for o in listed] == [obj["id"]]
    if member in ("network", "subnet"):
        await cloud.remove("port", belongings["port"]["id"])
    await cloud.remove(member, obj["id"], "admin")
    assert (await cloud.raw("mia", "GET", f"/{PATHS[member]}/{obj['id']}")).status_code == 404


async def test_children_of_what_is_invisible_are_invisible(cloud: NetworkCloud) -> None:
    belongings = await _belongings(cloud)
    for member, children in _CHILDREN.items():
        for child in children:
            path = f"/{PATHS[member]}/{belongings[member]['id']}/{child}s"
            assert (await cloud.get(path)) == {f"{child}s": []}
            assert (await cloud.get(path, "rea")) == {f"{child}s": []}
            assert (await cloud.raw("olaf", "GET", path)).status_code == 404
            assert (await cloud.raw("olaf", "GET", f"{path}/{MISSING}")).status_code == 404


async def test_only_the_admin_makes_policies_and_their_rules(cloud: NetworkCloud) -> None:
    policy = (await _belongings(cloud))["policy"]
    assert (await cloud.raw("mia", "POST", "/qos/policies", {"policy": {}})).status_code == 403
    for method, path, body in _writes("policy", policy["id"]):
        assert (await cloud.raw("mia", method, path, body)).status_code == 403


async def test_nobody_makes_things_for_other_projects_but_the_admin(cloud: NetworkCloud) -> None:
    other = cloud.identity.project_id("other")
    response = await cloud.raw("mia", "POST", "/networks", {"network": {"project_id": other}})
    assert response.status_code == 400
    made = await cloud.make("network", "admin", project_id=other)
    assert made["project_id"] == other
    assert await cloud.show("network", made["id"], "olaf")


async def test_admin_attributes_are_hidden_and_refused(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    for member, id in (("network", network["id"]), ("port", port["id"])):
        table = RESOURCES[PATHS[member]].table.attributes
        hidden = {key for key, a in table.items() if a.hidden}
        assert hidden
        assert hidden <= set(await cloud.show(member, id, "admin"))
        assert not hidden & set(await cloud.show(member, id))
    numbered = await cloud.show("network", network["id"], "admin")
    query = f"/networks?provider:segmentation_id={numbered['provider:segmentation_id']}"
    assert (await cloud.get(query))["networks"] == []
    body = {"port": {"binding:host_id": "h1"}}
    assert (await cloud.raw("mia", "PUT", f"/ports/{port['id']}", body)).status_code == 403


def test_there_is_a_path_for_every_resource() -> None:
    assert set(PATHS.values()) == set(RESOURCES)
    assert set(FILTERS) == {"tags", "tags-any", "not-tags", "not-tags-any"}


@pytest.mark.parametrize("scope", ["unscoped", {"domain": {"id": "default"}}])
async def test_a_token_of_no_project_is_not_the_clouds_own(cloud: NetworkCloud, scope: Any) -> None:
    """Ports of gateways and floating IPs are in no project, and nobody's to see for that."""
    gateway = {"network_id": (await _belongings(cloud))["floatingip"]["floating_network_id"]}
    await cloud.make("router", external_gateway_info=gateway)
    await cloud.identity.assign("mia", "member", "domain/default")
    cloud.tokens["mia"] = await cloud.identity.token("mia", scope=scope)
    paths = [f"/{path}" for path in PATHS.values()] + ["/load-balancer/v2/lbaas/loadbalancers"]
    for path in paths:
        assert (await cloud.raw("mia", "GET", path)).status_code == 403, path
    response = await cloud.raw("mia", "POST", "/networks", {"network": {"name": "n"}})
    assert response.status_code == 403
