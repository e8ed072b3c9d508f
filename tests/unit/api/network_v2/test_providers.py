"""What a network is on the wire: for admins to say."""

from typing import Any

import pytest

from polpo.testing.network import NetworkCloud, Refused


def provider(
    kind: str, physical: str | None = None, number: int | None = None, external: bool = True
) -> dict[str, Any]:
    named = {"network_type": kind, "physical_network": physical, "segmentation_id": number}
    return {f"provider:{key}": value for key, value in named.items()} | {
        "router:external": external
    }


@pytest.mark.parametrize(
    "given", [provider("flat", "physnet1"), provider("vlan", "physnet1", 7), provider("vxlan")]
)
async def test_external_networks_may_be_the_datacentres_own(
    cloud: NetworkCloud, given: dict[str, Any]
) -> None:
    network = await cloud.make("network", "admin", **given)
    shown = {key: value for key, value in network.items() if key in given}
    if given["provider:network_type"] == "vxlan":
        assert shown.pop("provider:segmentation_id")
    assert shown.items() <= given.items()
    same = {key: value for key, value in network.items() if key.startswith("provider:")}
    await cloud.change("network", network["id"], "admin", **same)
    different: dict[str, Any] = {"provider:segmentation_id": 4711}
    with pytest.raises(Refused, match="does not support updating"):
        await cloud.change("network", network["id"], "admin", **different)


@pytest.mark.parametrize(
    "given",
    [
        provider("flat", "physnet1", external=False),
        provider("flat"),
        provider("flat", "physnet1", 7),
        provider("vlan", "physnet1"),
        provider("vlan", "physnet1", 4095),
        provider("vxlan", "physnet1"),
        provider("vxlan", None, 1 << 24),
        provider("gre"),
    ],
)
async def test_what_cannot_be_is_refused(cloud: NetworkCloud, given: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        await cloud.make("network", "admin", **given)
    assert refused.value.status == 400


async def test_a_vlan_is_taken_once(cloud: NetworkCloud) -> None:
    await cloud.make("network", "admin", **provider("vlan", "physnet1", 7))
    await cloud.make("network", "admin", **provider("vlan", "physnet2", 7))
    with pytest.raises(Refused) as refused:
        await cloud.make("network", "admin", **provider("vlan", "physnet1", 7))
    assert (refused.value.status, refused.value.type) == (409, "VlanIdInUse")


async def test_one_external_network_is_the_default(cloud: NetworkCloud) -> None:
    default: dict[str, Any] = {"router:external": True, "is_default": True}
    await cloud.make("network", "admin", **default)
    with pytest.raises(Refused) as refused:
        await cloud.make("network", "admin", **default)
    assert refused.value.status == 409
    with pytest.raises(Refused) as refused:
        await cloud.make("network", "admin", is_default=True)
    assert refused.value.status == 400


async def test_a_network_is_one_segment(cloud: NetworkCloud) -> None:
    network = await cloud.make("network")
    shown = await cloud.show("network", network["id"], "admin")
    (segment,) = (await cloud.get(f"/segments?network_id={network['id']}", "admin"))["segments"]
    assert segment["segmentation_id"] == shown["provider:segmentation_id"]
    assert segment["network_type"] == "vxlan"
    found = await cloud.get(f"/segments/{segment['id']}", "admin")
    assert found == {"segment": segment}
    assert (await cloud.get("/segments"))["segments"] == []
    for who, method, status in (("mia", "GET", 404), ("admin", "DELETE", 405)):
        response = await cloud.raw(who, method, f"/segments/{segment['id']}")
        assert response.status_code == status
