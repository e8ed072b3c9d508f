"""Lists: filters, order, pages, fields, tags."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from polpo.testing.network import NetworkCloud, Refused


async def _names(cloud: NetworkCloud, query: str, path: str = "networks") -> list[str]:
    return [n["name"] for n in (await cloud.get(f"/{path}?{query}"))[path]]


async def _three(cloud: NetworkCloud) -> list[Any]:
    wishes: list[dict[str, Any]] = [
        {"name": "a", "mtu": 1300},
        {"name": "b", "mtu": 1400, "admin_state_up": False},
        {"name": "c", "mtu": 1300},
    ]
    body = {"networks": wishes}
    made: list[Any] = (await cloud.ask("mia", "POST", "/networks", body))["networks"]
    return made


async def test_filters_are_anded_and_their_values_ored(cloud: NetworkCloud) -> None:
    a, b, _ = await _three(cloud)
    assert await _names(cloud, "name=b") == ["b"]
    assert sorted(await _names(cloud, "name=a&name=b")) == ["a", "b"]
    assert await _names(cloud, "name=a&mtu=1400") == []
    assert sorted(await _names(cloud, "mtu=1300")) == ["a", "c"]
    assert await _names(cloud, "admin_state_up=False") == ["b"]
    assert await _names(cloud, f"id={b['id']}") == ["b"]
    assert sorted(await _names(cloud, f"id={a['id']}&id={b['id']}&id=x")) == ["a", "b"]
    assert len(await _names(cloud, f"tenant_id={a['tenant_id']}")) == 3
    assert await _names(cloud, "shared=true") == []


async def test_lists_are_sorted_by_keys_then_by_id(cloud: NetworkCloud) -> None:
    made = await _three(cloud)
    assert await _names(cloud, "sort_key=name&sort_dir=desc") == ["c", "b", "a"]
    by_mtu = "sort_key=mtu&sort_dir=desc&sort_key=name&sort_dir=asc"
    assert await _names(cloud, by_mtu) == ["b", "a", "c"]
    ids = [n["id"] for n in (await cloud.get("/networks"))["networks"]]
    assert ids == sorted(n["id"] for n in made)


async def test_pages_are_linked_both_ways(cloud: NetworkCloud) -> None:
    await _three(cloud)
    order = "sort_key=name&sort_dir=asc"
    first = await cloud.get(f"/networks?limit=2&{order}")
    assert [n["name"] for n in first["networks"]] == ["a", "b"]
    assert [link["rel"] for link in first["networks_links"]] == ["next", "previous"]
    second = await cloud.get(_path(first, "next"))
    assert [n["name"] for n in second["networks"]] == ["c"]
    assert [link["rel"] for link in second["networks_links"]] == ["previous"]
    back = await cloud.get(_path(second, "previous"))
    assert [n["name"] for n in back["networks"]] == ["a", "b"]


def _path(page: Any, rel: str) -> str:
    href = next(link["href"] for link in page["networks_links"] if link["rel"] == rel)
    parts = urlsplit(href)
    return f"{parts.path.removeprefix('/networking/v2.0')}?{parts.query}"


async def test_fields_leave_out_the_rest(cloud: NetworkCloud) -> None:
    made = await _three(cloud)
    page = await cloud.get("/networks?fields=name&fields=id&fields=frob&name=a")
    assert page == {"networks": [{"name": "a", "id": made[0]["id"]}]}
    one = await cloud.get(f"/networks/{made[0]['id']}?fields=name")
    assert one == {"network": {"name": "a"}}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("colour=red", "['colour'] is invalid attribute for filtering"),
        ("sort_key=colour&sort_dir=asc", "['colour'] is invalid attribute for sort_keys"),
        ("sort_key=name", "The number of sort_keys and sort_dirs must be same"),
        ("sort_key=name&sort_dir=up", "is invalid value for sort_dirs"),
        ("limit=-1", "Limit must be an integer 0 or greater and not '-1'"),
        ("limit=x", "Limit must be an integer"),
        ("admin_state_up=maybe", "cannot be converted to boolean"),
        ("mtu=x", "is not an integer"),
    ],
)
async def test_queries_that_mean_nothing_are_refused(
    cloud: NetworkCloud, query: str, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        await cloud.get(f"/networks?{query}")
    assert refused.value.status == 400
    assert message in refused.value.message


async def test_ports_are_found_by_address_group_and_device(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    subnet = network["subnets"][0]
    group = await cloud.make("security_group", name="g")
    for name, address in (("a", "10.0.0.7"), ("b", "10.0.0.8"), ("c", "10.0.0.77")):
        await cloud.make(
            "port",
            network_id=network["id"],
            name=name,
            device_id=f"d-{name}",
            fixed_ips=[{"ip_address": address}],
            security_groups=[group["id"]] if name == "a" else [],
        )

    async def names(query: str) -> list[str]:
        return sorted(await _names(cloud, query, "ports"))

    assert await names("fixed_ips=ip_address=10.0.0.7") == ["a"]
    assert await names("fixed_ips=ip_address=10.0.0.7&fixed_ips=ip_address=10.0.0.8") == ["a", "b"]
    assert await names(f"fixed_ips=subnet_id={subnet}&fixed_ips=ip_address=10.0.0.8") == ["b"]
    assert await names("fixed_ips=ip_address_substr=0.7") == ["a", "c"]
    assert await names(f"security_groups={group['id']}") == ["a"]
    assert await names("device_id=d-c") == ["c"]
    assert await names(f"network_id={network['id']}&name=b") == ["b"]
    assert await names("network_id=11111111-1111-4111-8111-111111111111") == []
    with pytest.raises(Refused, match="is not of the form"):
        await names("fixed_ips=frob")


async def test_tags_are_put_taken_and_found(cloud: NetworkCloud) -> None:
    a, b, _ = await _three(cloud)
    path = f"/networks/{a['id']}/tags"
    assert await cloud.ask("mia", "PUT", path, {"tags": ["red", "blue"]}) == {
        "tags": ["blue", "red"]
    }
    await cloud.ask("mia", "PUT", f"/networks/{b['id']}/tags/red")
    assert await cloud.ask("mia", "GET", f"{path}/red") is None
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "GET", f"{path}/green")
    assert (refused.value.status, refused.value.type) == (404, "TagNotFound")
    assert sorted(await _names(cloud, "tags=red")) == ["a", "b"]
    assert await _names(cloud, "tags=red,blue") == ["a"]
    assert sorted(await _names(cloud, "tags-any=red,green")) == ["a", "b"]
    assert sorted(await _names(cloud, "not-tags=red,blue")) == ["b", "c"]
    assert await _names(cloud, "not-tags-any=red") == ["c"]
    await cloud.ask("mia", "POST", path, {"tags": ["green"]})
    await cloud.ask("mia", "DELETE", f"{path}/red")
    assert await cloud.get(path) == {"tags": ["blue", "green"]}
    await cloud.ask("mia", "DELETE", path)
    assert await cloud.get(path) == {"tags": []}
    with pytest.raises(Refused, match="exceed the per-resource limit of 50"):
        await cloud.ask("mia", "PUT", path, {"tags": [str(n) for n in range(51)]})


async def test_a_write_may_insist_on_a_revision(cloud: NetworkCloud) -> None:
    network = await cloud.make("network", name="a")
    path = f"/networks/{network['id']}"
    body = {"network": {"name": "b"}}
    now = await cloud.ask("mia", "PUT", path, body, If_Match="revision_number=0")
    assert now["network"]["revision_number"] == 1
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "PUT", path, body, If_Match="revision_number=0")
    assert (refused.value.status, refused.value.type) == (412, "RevisionNumberConstraintFailed")
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "DELETE", path, If_Match="revision_number=x")
    assert refused.value.status == 400
