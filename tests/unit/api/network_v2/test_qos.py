"""QoS policies, their rules, and who may use them."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused

MISSING = "11111111-1111-4111-8111-111111111111"


async def _refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def _rule(cloud: NetworkCloud, policy: Any, type: str, **given: Any) -> Any:
    path = f"/qos/policies/{policy['id']}/{type}_rules"
    return (await cloud.ask("admin", "POST", path, {f"{type}_rule": given}))[f"{type}_rule"]


async def test_a_policy_has_rules(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin", name="q")
    assert (policy["rules"], policy["shared"], policy["is_default"]) == ([], False, False)
    limit = await _rule(cloud, policy, "bandwidth_limit", max_kbps=1000)
    assert limit == {
        "id": limit["id"],
        "max_kbps": 1000,
        "max_burst_kbps": 0,
        "direction": "egress",
    }
    mark = await _rule(cloud, policy, "dscp_marking", dscp_mark="46")
    least = await _rule(cloud, policy, "minimum_bandwidth", min_kbps=10, direction="ingress")
    after = await cloud.show("policy", policy["id"], "admin")
    assert after["revision_number"] > policy["revision_number"]
    assert after["rules"] == [
        {**limit, "type": "bandwidth_limit", "qos_policy_id": policy["id"]},
        {"id": mark["id"], "dscp_mark": 46, "type": "dscp_marking", "qos_policy_id": policy["id"]},
        {**least, "type": "minimum_bandwidth", "qos_policy_id": policy["id"]},
    ]
    path = f"/qos/policies/{policy['id']}/bandwidth_limit_rules"
    assert await cloud.get(f"{path}?max_kbps=1000", "admin") == {"bandwidth_limit_rules": [limit]}
    assert await cloud.get(f"{path}?max_kbps=7", "admin") == {"bandwidth_limit_rules": []}
    body = {"bandwidth_limit_rule": {"max_kbps": 2000}}
    changed = await cloud.ask("admin", "PUT", f"{path}/{limit['id']}", body)
    assert changed["bandwidth_limit_rule"] == {**limit, "max_kbps": 2000}
    alias = f"/qos/alias_bandwidth_limit_rules/{limit['id']}"
    assert await cloud.get(alias, "admin") == changed
    await cloud.ask("admin", "DELETE", alias)
    for gone in (alias, f"{path}/{limit['id']}"):
        response = await cloud.raw("admin", "GET", gone)
        assert response.json()["NeutronError"]["type"] == "QosRuleNotFound"
    assert (await cloud.raw("admin", "GET", f"{path}/{mark['id']}")).status_code == 404


async def test_rules_agree_with_each_other(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin")
    await _rule(cloud, policy, "bandwidth_limit", max_kbps=1000)
    await _rule(cloud, policy, "bandwidth_limit", max_kbps=10, direction="ingress")
    await _rule(cloud, policy, "dscp_marking", dscp_mark=8)
    for type, given, error in (
        ("bandwidth_limit", {"max_kbps": 5}, "QoSRulesConflict"),
        ("dscp_marking", {"dscp_mark": 10}, "QoSRulesConflict"),
        ("minimum_bandwidth", {"min_kbps": 1001}, "QoSRuleParameterConflict"),
        ("minimum_bandwidth", {"min_kbps": 11, "direction": "ingress"}, "QoSRuleParameterConflict"),
    ):
        refused = await _refused(_rule(cloud, policy, type, **given))
        assert (refused.status, refused.type) == (409, error)
    await _rule(cloud, policy, "minimum_bandwidth", min_kbps=1000)
    bad: list[tuple[str, dict[str, Any]]] = [
        ("bandwidth_limit", {}),
        ("bandwidth_limit", {"max_kbps": -1}),
        ("bandwidth_limit", {"max_kbps": 1, "direction": "up"}),
        ("dscp_marking", {"dscp_mark": 7}),
        ("dscp_marking", {"dscp_mark": "x"}),
        ("minimum_bandwidth", {"min_kbps": 1, "frob": 1}),
    ]
    for type, given in bad:
        assert (await _refused(_rule(cloud, policy, type, **given))).status == 400


async def test_a_policy_is_given_to_ports_networks_and_floating_ips(cloud: NetworkCloud) -> None:
    shop = cloud.identity.project_id("shop")
    policy = await cloud.make("policy", "admin", project_id=shop)
    chosen = {"qos_policy_id": policy["id"]}
    network = await cloud.network(**chosen)
    external = await cloud.external()
    port = await cloud.make("port", network_id=network["id"])
    assert port["qos_policy_id"] is None
    assert port["qos_network_policy_id"] == policy["id"]
    fip = await cloud.make("floatingip", floating_network_id=external["id"], **chosen)
    await cloud.change("port", port["id"], **chosen)
    made = {"network": network, "port": port, "floatingip": fip}
    for member, obj in made.items():
        assert (await cloud.show(member, obj["id"]))["qos_policy_id"] == policy["id"]
        refused = await _refused(cloud.remove("policy", policy["id"], "admin"))
        assert (refused.status, refused.type) == (409, "QosPolicyInUse")
        refused = await _refused(cloud.change(member, obj["id"], qos_policy_id=MISSING))
        assert (refused.status, refused.type) == (404, "QosPolicyNotFound")
        after = await cloud.change(member, obj["id"], qos_policy_id=None)
        assert after["qos_policy_id"] is None
    await cloud.remove("policy", policy["id"], "admin")


async def test_others_use_what_is_shared_with_them(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin", name="q")
    refused = await _refused(cloud.make("network", qos_policy_id=policy["id"]))
    assert (refused.status, refused.type) == (404, "QosPolicyNotFound")
    await cloud.change("policy", policy["id"], "admin", shared=True)
    assert (await cloud.show("policy", policy["id"]))["shared"] is True
    network = await cloud.make("network", qos_policy_id=policy["id"])
    refused = await _refused(cloud.change("policy", policy["id"], "admin", shared=False))
    assert (refused.status, refused.type) == (409, "InvalidSharedSetting")
    await cloud.remove("network", network["id"])
    await cloud.change("policy", policy["id"], "admin", shared=False)
    policies = (await cloud.get("/qos/policies"))["policies"]
    assert policies == []
    grant = {"object_type": "qos_policy", "object_id": policy["id"], "action": "access_as_shared"}
    shop = cloud.identity.project_id("shop")
    await cloud.make("rbac_policy", "admin", **grant, target_tenant=shop)
    assert [p["name"] for p in (await cloud.get("/qos/policies"))["policies"]] == ["q"]
    assert (await cloud.get("/qos/policies", "olaf"))["policies"] == []


async def test_a_project_has_one_default_policy_and_new_networks_get_it(
    cloud: NetworkCloud,
) -> None:
    shop = cloud.identity.project_id("shop")
    first = await cloud.make("policy", "admin", project_id=shop, is_default=True)
    refused = await _refused(cloud.make("policy", "admin", project_id=shop, is_default=True))
    assert (refused.status, refused.type) == (409, "QoSPolicyDefaultAlreadyExists")
    assert (await cloud.make("network"))["qos_policy_id"] == first["id"]
    assert (await cloud.make("network", "olaf"))["qos_policy_id"] is None
    second = await cloud.make("policy", "admin", project_id=shop)
    assert (await cloud.make("network", qos_policy_id=second["id"]))["qos_policy_id"] == second[
        "id"
    ]
    refused = await _refused(cloud.change("policy", second["id"], "admin", is_default=True))
    assert refused.status == 409


async def test_rule_types_are_listed(cloud: NetworkCloud) -> None:
    for query in ("", "?all_rules=True", "?all_supported=True"):
        types = (await cloud.get(f"/qos/rule-types{query}"))["rule_types"]
        assert [t["type"] for t in types] == [
            "bandwidth_limit",
            "dscp_marking",
            "minimum_bandwidth",
        ]
    shown = (await cloud.get("/qos/rule-types/bandwidth_limit", "admin"))["rule_type"]
    (driver,) = shown["drivers"]
    assert driver["supported_parameters"][0] == {
        "parameter_name": "max_kbps",
        "parameter_type": "range",
        "parameter_values": {"start": 0, "end": 2147483647},
    }
    for who, path, status in (
        ("mia", "/qos/rule-types/bandwidth_limit", 403),
        ("admin", "/qos/rule-types/frob", 404),
        ("admin", "/qos/frob", 404),
        ("admin", "/qos", 404),
        ("admin", "/qos/policies/x/frob_rules", 404),
    ):
        assert (await cloud.raw(who, "GET", path)).status_code == status


async def test_policies_have_tags(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin")
    path = f"/qos/policies/{policy['id']}/tags"
    await cloud.ask("admin", "PUT", path, {"tags": ["gold"]})
    await cloud.ask("admin", "PUT", f"{path}/a%2Fb")
    found = (await cloud.get("/qos/policies?tags=gold", "admin"))["policies"]
    assert [p["tags"] for p in found] == [["a/b", "gold"]]


async def test_what_the_admin_gave_the_admin_takes(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin")
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    await cloud.change("port", port["id"], "admin", qos_policy_id=policy["id"])
    refused = await _refused(cloud.change("port", port["id"], qos_policy_id=None))
    assert (refused.status, refused.type) == (403, "PolicyRemoveAuthorizationError")
    named = await cloud.change("port", port["id"], name="p")
    assert named["qos_policy_id"] == policy["id"]
    await cloud.change("port", port["id"], "admin", qos_policy_id=None)


async def test_a_rule_by_its_id_alone_is_as_invisible_as_its_policy(cloud: NetworkCloud) -> None:
    policy = await cloud.make("policy", "admin")
    rule = await _rule(cloud, policy, "dscp_marking", dscp_mark=8)
    path = "/qos/alias_dscp_marking_rules"
    theirs = await cloud.raw("mia", "GET", f"{path}/{rule['id']}")
    nobodys = await cloud.raw("mia", "GET", f"{path}/{MISSING}")
    assert theirs.text.replace(rule["id"], MISSING) == nobodys.text
    assert theirs.status_code == 404
