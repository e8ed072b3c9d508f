"""What Octavia refuses is refused, in its shape, and changes nothing."""

from typing import Any

import pytest

from polpo.testing.load_balancers import LoadBalancerCloud, Refused

REF = "http://cloud/key-manager/v1/containers/x"


async def refused(balancers: LoadBalancerCloud, asked: Any) -> Refused:
    revision = balancers.cloud.store.snapshot.revision
    with pytest.raises(Refused) as refused:
        await asked
    assert balancers.cloud.store.snapshot.revision == revision
    return refused.value


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "SCTP"},
        {"protocol": "GOPHER"},
        {"protocol_port": 0},
        {"protocol_port": 65536},
        {"protocol_port": "http"},
        {"protocol_port": None},
        {"connection_limit": -2},
        {"insert_headers": {"X-Evil": "true"}},
        {"insert_headers": {"X-Forwarded-For": "perhaps"}},
        {"protocol": "TCP", "insert_headers": {"X-Forwarded-For": "true"}},
        {"allowed_cidrs": ["10.0.0.0/33"]},
        {"allowed_cidrs": ["fd00::/8"]},
        {"timeout_client_data": -1},
        {"name": "a\nb"},
        {"name": "x" * 256},
        {"description": 7},
        {"default_pool_id": "x"},
        {"protocol": "TERMINATED_HTTPS"},
        {"default_tls_container_ref": REF},
        {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": f"{REF}\nbind"},
        {
            "protocol": "TERMINATED_HTTPS",
            "default_tls_container_ref": REF,
            "client_authentication": "MANDATORY",
        },
        {
            "protocol": "TERMINATED_HTTPS",
            "default_tls_container_ref": REF,
            "hsts_preload": True,
        },
        {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": REF, "tls_ciphers": "A B"},
        {"protocol": "TERMINATED_HTTPS", "default_tls_container_ref": REF, "tls_versions": ["9"]},
        {"tags": ["a\nb"]},
        {"unknown": 1},
    ],
)
async def test_listeners_that_cannot_be(balancers: LoadBalancerCloud, wrong: Any) -> None:
    balancer = await balancers.balancer()
    asked = {"protocol": "HTTP", "protocol_port": 80, **wrong}
    made = balancers.make("listener", loadbalancer_id=balancer["id"], **asked)
    assert (await refused(balancers, made)).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "SCTP"},
        {"lb_algorithm": "BEST"},
        {"session_persistence": {"type": "APP_COOKIE"}},
        {"session_persistence": {"type": "SOURCE_IP", "cookie_name": "c"}},
        {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "a b"}},
        {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "a\nb"}},
        {"session_persistence": {"type": "SOURCE_IP", "persistence_timeout": 5}},
        {"session_persistence": {"cookie_name": "c"}},
        {"session_persistence": "SOURCE_IP"},
        {"tls_container_ref": "x y"},
        {"alpn_protocols": ["spdy"]},
    ],
)
async def test_pools_that_cannot_be(balancers: LoadBalancerCloud, wrong: Any) -> None:
    balancer = await balancers.balancer()
    assert (await refused(balancers, balancers.pool(balancer, **wrong))).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "nowhere"},
        {"address": "127.0.0.1"},
        {"address": "169.254.169.254"},
        {"address": "169.254.0.3"},
        {"address": "fe80::1"},
        {"address": "::ffff:127.0.0.1"},
        {"address": "224.0.0.1"},
        {"address": "0.0.0.0"},
        {"address": "10.0.0.1", "monitor_address": "127.0.0.1"},
        {"address": "10.0.0.1", "weight": 257},
        {"address": "10.0.0.1", "weight": -1},
        {"address": "10.0.0.1", "subnet_id": "00000000-0000-4000-8000-000000000000"},
        {"address": "10.0.0.1", "backup": "perhaps"},
    ],
)
async def test_members_that_cannot_be(balancers: LoadBalancerCloud, wrong: Any) -> None:
    pool = await balancers.pool(await balancers.balancer())
    assert (await refused(balancers, balancers.member(pool, **wrong))).status == 400


async def test_no_member_is_there_twice(balancers: LoadBalancerCloud) -> None:
    pool = await balancers.pool(await balancers.balancer())
    await balancers.member(pool, "10.0.0.1")
    assert (await refused(balancers, balancers.member(pool, "10.0.0.1"))).status == 409


@pytest.mark.parametrize(
    ("protocol", "wrong"),
    [
        ("HTTP", {"type": "TCP", "url_path": "/x"}),
        ("HTTP", {"url_path": "x"}),
        ("HTTP", {"url_path": "/x y"}),
        ("HTTP", {"url_path": "/x\r\nHost: y"}),
        ("HTTP", {"expected_codes": "600"}),
        ("HTTP", {"expected_codes": "200\n"}),
        ("HTTP", {"http_method": "BREW"}),
        ("HTTP", {"domain_name": "a b", "http_version": 1.1}),
        ("HTTP", {"domain_name": "example.com"}),
        ("HTTP", {"http_version": 2}),
        ("HTTP", {"delay": 0}),
        ("HTTP", {"max_retries": 11}),
    ],
)
async def test_monitors_that_cannot_be(
    balancers: LoadBalancerCloud, protocol: str, wrong: Any
) -> None:
    pool = await balancers.pool(await balancers.balancer(), protocol)
    asked = {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2, **wrong}
    made = balancers.make("healthmonitor", pool_id=pool["id"], **asked)
    assert (await refused(balancers, made)).status == 400


async def test_a_pool_has_one_monitor(balancers: LoadBalancerCloud) -> None:
    pool = await balancers.pool(await balancers.balancer())
    asked = {"type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2, "pool_id": pool["id"]}
    made = await balancers.make("healthmonitor", **asked)
    assert made["http_method"] is made["url_path"] is made["expected_codes"] is None
    again = await refused(balancers, balancers.make("healthmonitor", **asked))
    assert (again.status, again.message) == (409, "This pool already has a health monitor")


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "REDIRECT_TO_URL"},
        {"action": "REDIRECT_TO_POOL"},
        {"action": "REDIRECT_PREFIX", "redirect_url": "http://a/"},
        {"action": "REJECT", "redirect_url": "http://a/"},
        {"action": "REJECT", "redirect_http_code": 301},
        {"action": "REDIRECT_TO_URL", "redirect_url": "javascript:x"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "http://a/\r\nX: y"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "http://a/", "redirect_http_code": 200},
        {"action": "REJECT", "position": 0},
    ],
)
async def test_policies_that_cannot_be(balancers: LoadBalancerCloud, wrong: Any) -> None:
    listener = await balancers.listener(await balancers.balancer())
    made = balancers.make("l7policy", listener_id=listener["id"], **wrong)
    assert (await refused(balancers, made)).status == 400


async def test_policies_are_for_http(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer, "TCP")
    made = balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    assert (await refused(balancers, made)).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "HEADER"},
        {"type": "HEADER", "key": "a b"},
        {"type": "COOKIE", "key": "a\nb"},
        {"key": "k"},
        {"type": "FILE_TYPE", "compare_type": "CONTAINS"},
        {"value": ""},
        {"value": "a\nb"},
        {"value": "a\x00b"},
        {"value": "x" * 256},
        {"compare_type": "REGEX", "value": "("},
        {"compare_type": "REGEX", "value": "(?P<a>x)"},
        {"compare_type": "REGEX", "value": "a\\u0041"},
        {"compare_type": "REGEX", "value": "x{99999999999999999999}"},
        {"type": "SSL_CONN_HAS_CERT", "value": "False"},
        {"type": "SSL_VERIFY_RESULT", "value": "x"},
    ],
)
async def test_rules_that_cannot_be(balancers: LoadBalancerCloud, wrong: Any) -> None:
    listener = await balancers.listener(await balancers.balancer())
    policy = await balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    asked = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x", **wrong}
    made = balancers.make("rule", at=f"l7policies/{policy['id']}/rules", **asked)
    assert (await refused(balancers, made)).status == 400


@pytest.mark.parametrize("value", ["^/a/.*", "(?:a|b)+$", "(?i)x", "a(?=b)", "\\.png$"])
async def test_regular_expressions_that_may_be(balancers: LoadBalancerCloud, value: str) -> None:
    listener = await balancers.listener(await balancers.balancer())
    policy = await balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    asked = {"type": "PATH", "compare_type": "REGEX", "value": value}
    assert await balancers.make("rule", at=f"l7policies/{policy['id']}/rules", **asked)


async def test_policies_keep_their_order_without_gaps(balancers: LoadBalancerCloud) -> None:
    listener = await balancers.listener(await balancers.balancer())

    async def add(name: str, **more: Any) -> Any:
        asked = {"action": "REJECT", "name": name, **more}
        return await balancers.make("l7policy", listener_id=listener["id"], **asked)

    async def order() -> str:
        found = (await balancers.get("l7policies?sort=position:asc"))["l7policies"]
        assert [policy["position"] for policy in found] == list(range(1, len(found) + 1))
        return "".join(policy["name"] for policy in found)

    first, _, third = await add("a"), await add("b"), await add("c", position=99)
    assert await order() == "abc"
    await add("d", position=2)
    assert await order() == "adbc"
    await balancers.change("l7policy", first["id"], position=3)
    assert await order() == "dbac"
    await balancers.change("l7policy", third["id"], redirect_url="http://a/")
    assert (await balancers.show("l7policy", third["id"]))["action"] == "REDIRECT_TO_URL"
    await balancers.remove(f"l7policies/{first['id']}")
    assert await order() == "dbc"


async def test_pools_go_only_when_no_policy_leads_to_them(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    listener, pool = await balancers.listener(balancer), await balancers.pool(balancer)
    asked = {"action": "REDIRECT_TO_POOL", "redirect_pool_id": pool["id"]}
    policy = await balancers.make("l7policy", listener_id=listener["id"], **asked)
    held = await refused(balancers, balancers.remove(f"pools/{pool['id']}"))
    assert held.status == 409
    assert (await balancers.show("pool", pool["id"]))["listeners"] == [{"id": listener["id"]}]
    await balancers.remove(f"l7policies/{policy['id']}")
    await balancers.remove(f"pools/{pool['id']}")


async def test_cookies_are_for_those_who_read_requests(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    cookie = {"type": "HTTP_COOKIE"}
    plain = await balancers.pool(balancer)
    kept = await balancers.pool(balancer, session_persistence=cookie)
    asked = balancers.listener(balancer, "TCP", 81, default_pool_id=kept["id"])
    assert (await refused(balancers, asked)).status == 400
    await balancers.listener(balancer, "TCP", 82, default_pool_id=plain["id"])
    changed = balancers.change("pool", plain["id"], session_persistence=cookie)
    assert (await refused(balancers, changed)).status == 400
    asked = balancers.pool(balancer, "TCP", session_persistence=cookie)
    assert (await refused(balancers, asked)).status == 400


async def test_nothing_of_one_load_balancer_is_used_by_another(
    balancers: LoadBalancerCloud,
) -> None:
    one, other = await balancers.balancer(), await balancers.balancer()
    pool = await balancers.pool(other)
    no = await refused(balancers, balancers.listener(one, default_pool_id=pool["id"]))
    assert no.status == 400
    listener = await balancers.listener(one)
    asked = {"listener_id": listener["id"], "action": "REDIRECT_TO_POOL"}
    made = balancers.make("l7policy", redirect_pool_id=pool["id"], **asked)
    assert (await refused(balancers, made)).status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/lbaas/nonsense"),
        ("GET", "/lbaas/loadbalancers/x/y"),
        ("GET", "/lbaas/loadbalancers/x/y/z"),
        ("GET", "/lbaas/members"),
        ("POST", "/lbaas/providers"),
        ("PUT", "/lbaas/loadbalancers"),
        ("DELETE", "/lbaas/pools"),
        ("GET", "/octavia/nonsense"),
        ("GET", "/else"),
    ],
)
async def test_paths_that_are_not_there(
    balancers: LoadBalancerCloud, method: str, path: str
) -> None:
    assert (await refused(balancers, balancers.ask(method, path, {}))).status in (404, 405)


@pytest.mark.parametrize("body", [None, [], "x", {}, {"loadbalancer": None}, {"loadbalancer": []}])
async def test_bodies_that_say_nothing(balancers: LoadBalancerCloud, body: Any) -> None:
    asked = balancers.ask("POST", "/lbaas/loadbalancers", body)
    assert (await refused(balancers, asked)).status == 400


async def test_errors_have_octavias_shape(balancers: LoadBalancerCloud) -> None:
    path = "/load-balancer/v2/lbaas/loadbalancers/x"
    answer = await balancers.cloud.raw("mia", "GET", path)
    assert answer.status_code == 404
    assert answer.json() == {
        "faultcode": "Client",
        "faultstring": "Load Balancer x not found.",
        "debuginfo": None,
    }
    assert (await balancers.cloud.raw("nobody", "GET", path)).status_code == 401
    versions = (await balancers.cloud.raw("nobody", "GET", "/load-balancer/")).json()["versions"]
    assert {version["status"] for version in versions} == {"CURRENT", "SUPPORTED"}
