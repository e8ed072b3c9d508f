"""Whatever is in a body is answered, and not with a 500."""

from typing import Any

import pytest

from polpo.api.loadbalancer_v2 import handlers, member
from polpo.api.loadbalancer_v2.l7rule import RESOURCE as RULE
from polpo.api.network_v2.resource import Resource
from polpo.testing.load_balancers import LoadBalancerCloud

VALUES: list[Any] = [
    None,
    "",
    "x",
    "\x00",
    "a\nb",
    "é" * 300,
    0,
    -1,
    1.5,
    1 << 70,
    True,
    [],
    [None],
    [1],
    ["x", "x"],
    {},
    {"type": None},
    {"name": []},
    [{}],
    [[]],
    "00000000-0000-4000-8000-000000000000",
    "10.0.0.1",
    "::1",
]
RESOURCES = {**handlers.RESOURCES, "members": member.RESOURCE, "rules": RULE}


async def whole(balancers: LoadBalancerCloud) -> dict[str, Any]:
    """One of everything: by path, what makes another and where."""
    balancer = await balancers.balancer()
    listener, pool = await balancers.listener(balancer), await balancers.pool(balancer)
    policy = await balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    return {
        "loadbalancers": {"vip_subnet_id": balancer["vip_subnet_id"]},
        "listeners": {
            "loadbalancer_id": balancer["id"],
            "protocol": "HTTP",
            "protocol_port": 8080,
        },
        "pools": {
            "loadbalancer_id": balancer["id"],
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
        },
        "healthmonitors": {
            "pool_id": pool["id"],
            "type": "HTTP",
            "delay": 1,
            "timeout": 1,
            "max_retries": 1,
        },
        "l7policies": {"listener_id": listener["id"], "action": "REJECT"},
        f"pools/{pool['id']}/members": {"address": "10.0.0.3", "protocol_port": 80},
        f"l7policies/{policy['id']}/rules": {
            "type": "PATH",
            "compare_type": "EQUAL_TO",
            "value": "/",
        },
        "flavors": {"name": "f", "flavor_profile_id": pool["id"]},
        "flavorprofiles": {"name": "p", "provider_name": "amphora", "flavor_data": "{}"},
        "availabilityzones": {"name": "z", "availability_zone_profile_id": pool["id"]},
        "availabilityzoneprofiles": {
            "name": "q",
            "provider_name": "amphora",
            "availability_zone_data": "{}",
        },
    }


async def _ask(balancers: LoadBalancerCloud, method: str, path: str, body: Any) -> Any:
    answer = await balancers.cloud.raw("admin", method, f"/load-balancer/v2.0/lbaas/{path}", body)
    assert answer.status_code < 500 or answer.status_code == 501, (method, path, body)
    return answer.json() if answer.content else {}


@pytest.mark.parametrize("kind", sorted(RESOURCES))
async def test_no_value_of_an_attribute_is_too_odd(balancers: LoadBalancerCloud, kind: str) -> None:
    resource: Resource = RESOURCES[kind]
    path, usual = next(
        (path, body)
        for path, body in (await whole(balancers)).items()
        if path.rpartition("/")[2] == kind
    )
    for key in (*resource.table.attributes, "listeners", "pools"):
        for value in VALUES:
            body = {resource.member: {**usual, key: value}}
            made = (await _ask(balancers, "POST", path, body)).get(resource.member)
            if made is not None:
                id = made.get("id", made["name"])
                await _ask(balancers, "PUT", f"{path}/{id}", {resource.member: {key: value}})
                await _ask(balancers, "DELETE", f"{path}/{id}", None)


async def test_no_batch_or_quota_is_too_odd(balancers: LoadBalancerCloud) -> None:
    pool = await balancers.pool(await balancers.balancer())
    for value in VALUES:
        await _ask(balancers, "PUT", f"pools/{pool['id']}/members", {"members": value})
        await _ask(balancers, "PUT", f"pools/{pool['id']}/members", {"members": [value]})
        one = {"address": "10.0.0.1", "protocol_port": 80, "subnet_id": value}
        await _ask(balancers, "PUT", f"pools/{pool['id']}/members", {"members": [one]})
        await _ask(balancers, "PUT", f"quotas/{pool['id']}", {"quota": value})
        await _ask(balancers, "PUT", f"quotas/{pool['id']}", {"quota": {"pool": value}})


@pytest.mark.parametrize(
    "query",
    [
        "limit=x",
        "limit=1&marker=x",
        "sort=x:y",
        "sort=name:desc,id",
        "sort_key=name",
        "fields=id&fields=x",
        "tags=a,b&not-tags=c",
        "provisioning_status=ACTIVE",
        "operating_status=ONLINE&vip_address=x",
        "nonsense=1",
        "project_id=x&tenant_id=y",
        "name=%00",
        "%ff=%ff",
    ],
)
async def test_no_query_is_too_odd(balancers: LoadBalancerCloud, query: str) -> None:
    await whole(balancers)
    for path in (*handlers.RESOURCES, "quotas", "providers"):
        await _ask(balancers, "GET", f"{path}?{query}", None)
    answer = await balancers.cloud.raw(
        "admin", "GET", f"/load-balancer/v2/octavia/amphorae?{query}"
    )
    assert answer.status_code < 500
