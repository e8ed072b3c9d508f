"""`GET /v1/denied`: with which names, and for whom."""

from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.api.hosts_v1.parts import Parts
from polpo.model.port import Port
from polpo.model.security_group import SecurityGroup, TieredRule
from polpo.store.transaction import Transaction
from polpo.target.denial import Denial
from polpo.target.status import Status
from polpo.testing.traced import CLOUD, THEIRS

PLAIN = Denial("a1", "egress", "egress_policy", "10.0.0.11", "10.0.0.12", 6, 25, 7, 100.0, 3)
ISOLATED = Denial("a2", "ingress", "ingress_policy", "10.0.0.11", "10.0.0.12", 17, 53, 7, 101.0)
FORGED = Denial("a1", "egress", "spoofed_address", "9.9.9.9", "10.1.0.21", 1, 8 << 8, 0, 102.0)
FOREIGN = Denial("b1", "ingress", "ingress_policy", "10.0.0.11", "10.1.0.21", 6, 80, 7, 103.0)
POLICIES = (
    "open-egress",
    "policy/shop/nobody/ingress",
    "policy/shop/some/ingress#http:tcp:8080",
    "policy/shop/out/egress",
)


def fill(tx: Transaction) -> None:
    for obj in CLOUD:
        tx.put(obj)
    for key in POLICIES:
        tx.put(SecurityGroup(id=key, name=f"k8s/c/{key}", cluster_id="c", cluster_key=key))
    pod, other = tx.snapshot.get(Port, "a2"), tx.snapshot.get(Port, "b1")
    assert pod is not None
    assert other is not None
    tx.put(replace(pod, name="shop/server", security_groups=POLICIES))
    tx.put(replace(other, project_id=THEIRS))


@pytest_asyncio.fixture(autouse=True)
async def cloud(parts: Parts) -> None:
    await parts.store.write(fill)
    for host, denied in {"h1": (PLAIN, FORGED), "h2": (FOREIGN, ISOLATED)}.items():
        parts.reports.hear(host, msgspec.json.encode(Status(revision=1, denied=denied)))


async def ask(client: httpx2.AsyncClient, role: str = "member", **query: str) -> list[Any]:
    answer = await client.get("/v1/denied", params=query, headers={"x-auth-token": role})
    assert answer.status_code == 200
    return list(answer.json()["denied"])


async def test_policies_that_isolate_a_pod_are_named_in_their_direction(
    client: httpx2.AsyncClient,
) -> None:
    (found,) = await ask(client, port="a2")
    assert found == {
        "at": 101.0,
        "count": 1,
        "port": {"id": "a2", "name": "shop/server"},
        "direction": "ingress",
        "reason": "ingress_policy",
        "source": "10.0.0.11",
        "destination": "10.0.0.12",
        "peer": {"id": "a1", "name": "a1"},
        "protocol": "udp",
        "destination_port": 53,
        "policies": ["shop/nobody", "shop/some"],
        "security_groups": [],
    }


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("admin/no-dns/ingress", "ClusterNetworkPolicy/no-dns"),
        ("admin/AdminNetworkPolicy:no-dns/ingress", "AdminNetworkPolicy/no-dns"),
        ("mine", "mine"),
    ],
)
async def test_who_is_denied_by_a_cluster_policys_rule_is_told_which(
    client: httpx2.AsyncClient, parts: Parts, key: str, told: str
) -> None:
    def deny(tx: Transaction) -> None:
        tx.put(SecurityGroup(id="g", name=key, cluster_id="c", cluster_key=key))
        said = {"tier": "admin", "action": "deny", "order": 5, "protocol": "udp"}
        ends = {"direction": "ingress", "ethertype": "IPv4"}
        tx.put(TieredRule(id="r", security_group_id="g", **ends, **said))  # type: ignore[arg-type]
        pod = tx.snapshot.get(Port, "a2")
        assert pod is not None
        tx.put(replace(pod, security_groups=(*POLICIES, "g")))

    await parts.store.write(deny)
    (found,) = await ask(client, port="a2")
    assert found["policies"] == [told]


async def test_of_other_ports_groups_are_named_and_of_impostors_none(
    client: httpx2.AsyncClient,
) -> None:
    plain, forged = await ask(client, port="a1")
    assert (plain["policies"], plain["security_groups"], plain["count"]) == ([], ["clients"], 3)
    assert (forged["reason"], forged["peer"]) == ("spoofed_address", None)
    assert (forged["icmp_type"], forged["icmp_code"]) == (8, 0)
    assert "policies" not in forged


async def test_others_ports_are_the_admins_to_see_and_so_are_hosts(
    client: httpx2.AsyncClient,
) -> None:
    assert [one["port"]["id"] for one in await ask(client)] == ["a1", "a2", "a1"]
    seen = await ask(client, role="admin")
    assert [(one["port"]["id"], one["host"]) for one in seen[2:]] == [("a1", "h1"), ("b1", "h2")]


async def test_only_what_is_newer_is_told_and_no_time_is_refused(
    client: httpx2.AsyncClient,
) -> None:
    assert [one["at"] for one in await ask(client, since="101.5")] == [102.0]
    for since in ("yesterday", "nan", "inf"):
        answer = await client.get(
            "/v1/denied", params={"since": since}, headers={"x-auth-token": "member"}
        )
        assert answer.status_code == 400
    assert (await client.get("/v1/denied")).status_code == 401
