"""Services of type LoadBalancer, from `kubectl apply` to what Octavia and Neutron have of them."""

import asyncio
import json
from typing import Any

import pytest

from polpo.cloud import annotations as a
from polpo.cloud.index import FINALIZER
from polpo.cloud.objects import SERVICES, Service
from polpo.kube.api import Api
from polpo.kube.events import EVENTS
from polpo.kube.resources import ENDPOINT_SLICES, NAMESPACES
from polpo.testing.cloud import Cloud, Start, until
from polpo.testing.kubernetes.objects import Object, endpoints, namespace, service


def balanced(name: str, ports: str = "http:tcp:80", **more: Any) -> Object:
    annotations = more.pop("annotations", None)
    made = service(name, more.pop("namespace", "default"), ports=ports, type="LoadBalancer", **more)
    if annotations:
        made["metadata"]["annotations"] = annotations
    return made


async def shown(api: Api, name: str, namespace: str = "default") -> Service:
    found = await api.get(SERVICES, name, namespace)
    assert found is not None
    return found


async def served(api: Api, name: str, namespace: str = "default") -> Service:
    """When it has an address."""

    async def ready() -> Service | None:
        found = await shown(api, name, namespace)
        return found if found.ingress else None

    found: Service = await until(ready, f"{name} has no address")
    return found


async def told(api: Api, client: Any, name: str, reason: str) -> str:
    """The note of the Event."""

    async def said() -> str | None:
        events = json.loads(await client.call("GET", EVENTS.path()))["items"]
        notes = [e["note"] for e in events if e["regarding"]["name"] == name]
        reasons = [e["reason"] for e in events if e["regarding"]["name"] == name]
        return next((n for n, r in zip(notes, reasons, strict=True) if r == reason), None)

    note: str = await until(said, f"no {reason} of {name}")
    return note


async def removed(api: Api, cloud: Cloud, name: str, namespace: str = "default") -> None:
    await api.delete(SERVICES, name, namespace)

    async def gone() -> bool:
        return await api.get(SERVICES, name, namespace) is None

    await until(gone, f"{name} does not go")


async def test_a_service_has_a_load_balancer_with_its_pods_and_an_address_outside(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    await api.create(SERVICES, balanced("web"))
    slices = endpoints("web-1", "web", ports="http:tcp:8080", addresses=["10.100.0.7"])
    await api.create(ENDPOINT_SLICES, slices)
    found = await served(api, "web")
    (balancer,) = cloud.balancers(name="kube_service_lab_default_web")
    (floating,) = cloud.floating(port_id=balancer["vip_port_id"])
    assert [one.ip for one in found.ingress] == [floating["floating_ip_address"]]
    assert found.ingress[0].ip_mode == "VIP"
    assert FINALIZER in found.finalizers
    (listener,) = cloud.listed("listeners", load_balancer_id=balancer["id"])
    assert (listener["protocol"], listener["protocol_port"]) == ("TCP", 80)

    async def member() -> bool:
        members = cloud.members(listener["default_pool_id"])
        return [(m["address"], m["protocol_port"]) for m in members] == [("10.100.0.7", 8080)]

    await until(member, "no member")
    marked = (await shown(api, "web")).metadata.annotations or {}
    assert marked[a.LOAD_BALANCER_ID] == balancer["id"]
    assert marked[a.LOAD_BALANCER_ADDRESS] == floating["floating_ip_address"]
    await removed(api, cloud, "web")
    assert cloud.balancers(name="kube_service_lab_default_web") == []
    assert cloud.floating(port_id=balancer["vip_port_id"]) == []


async def test_what_is_changed_is_changed_in_place(api: Api, cloud: Cloud, start: Start) -> None:
    await start()
    await api.create(SERVICES, balanced("changing"))
    before = (await served(api, "changing")).ingress
    (balancer,) = cloud.balancers(name="kube_service_lab_default_changing")
    ranges = ["192.0.2.0/24"]
    ports = [
        {"name": "http", "port": 80, "protocol": "TCP"},
        {"name": "dns", "port": 53, "protocol": "UDP"},
    ]
    spec = {"loadBalancerSourceRanges": ranges, "sessionAffinity": "ClientIP", "ports": ports}
    notes = {a.CONNECTION_LIMIT: "100", a.HEALTH_MONITOR: "true", a.LB_METHOD: "SOURCE_IP"}
    body = {"metadata": {"annotations": notes}, "spec": spec}
    await api.patch(SERVICES, "changing", "default", body)

    async def changed() -> bool:
        listeners = cloud.listed("listeners", load_balancer_id=balancer["id"])
        return len(listeners) == 2 and len(cloud.listed("healthmonitors")) >= 2

    await until(changed, "no second listener")

    async def all_said() -> bool:
        listeners = cloud.listed("listeners", load_balancer_id=balancer["id"])
        pools = cloud.listed("pools", loadbalancer_id=balancer["id"])
        return (
            all(one["allowed_cidrs"] == ranges for one in listeners)
            and {one["connection_limit"] for one in listeners if one["protocol"] == "TCP"} == {100}
            and all(one["session_persistence"]["type"] == "SOURCE_IP" for one in pools)
            and all(one["lb_algorithm"] == "SOURCE_IP" for one in pools)
        )

    await until(all_said, "listeners are not as asked")
    assert (await shown(api, "changing")).ingress == before
    plain = {"spec": {"type": "ClusterIP", "loadBalancerSourceRanges": None}}
    await api.patch(SERVICES, "changing", "default", plain)

    async def plain_again() -> bool:
        found = await shown(api, "changing")
        return FINALIZER not in found.finalizers and not found.ingress

    await until(plain_again, "it is still held")
    assert cloud.balancers(name="kube_service_lab_default_changing") == []
    await api.delete(SERVICES, "changing", "default")


async def test_an_internal_one_has_no_floating_ip_and_two_families_have_two_addresses(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    await api.create(SERVICES, balanced("inner", annotations={a.INTERNAL: "true"}))
    found = await served(api, "inner")
    (balancer,) = cloud.balancers(name="kube_service_lab_default_inner")
    assert [one.ip for one in found.ingress] == [balancer["vip_address"]]
    await api.patch(SERVICES, "inner", "default", {"metadata": {"annotations": {a.INTERNAL: None}}})

    async def outside() -> bool:
        return (await shown(api, "inner")).ingress[0].ip.startswith("203.0.113.")

    await until(outside, "it stays inside")
    await removed(api, cloud, "inner")


async def test_a_bad_annotation_is_named_and_others_are_served(
    api: Api, client: Any, cloud: Cloud, start: Start
) -> None:
    await start()
    await api.create(SERVICES, balanced("bad", annotations={a.CONNECTION_LIMIT: "many"}))
    await api.create(SERVICES, balanced("good"))
    await served(api, "good")
    note = await told(api, client, "bad", "UnusableService")
    assert a.CONNECTION_LIMIT in note
    assert "a whole number from -1" in note
    right = {"metadata": {"annotations": {a.CONNECTION_LIMIT: "5"}}}
    await api.patch(SERVICES, "bad", "default", right)
    await served(api, "bad")
    for name in ("bad", "good"):
        await removed(api, cloud, name)


async def test_an_address_of_ones_own_is_given_and_stays(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    body = {"floatingip": {"floating_network_id": cloud.outside}}
    own = cloud.session.network("POST", "/floatingips", body)["floatingip"]
    address = own["floating_ip_address"]
    await api.create(SERVICES, balanced("static", loadBalancerIP=address))
    found = await served(api, "static")
    assert [one.ip for one in found.ingress] == [address]
    await removed(api, cloud, "static")
    (left,) = cloud.floating(floating_ip_address=address)
    assert left["port_id"] is None
    cloud.session.network("DELETE", f"/floatingips/{left['id']}")


async def test_two_services_share_a_load_balancer_and_the_last_takes_it_away(
    api: Api, cloud: Cloud, start: Start
) -> None:
    await start()
    await api.create(SERVICES, balanced("first"))
    first = await served(api, "first")
    id = (await _marked(api, "first"))[a.LOAD_BALANCER_ID]
    shares = {a.LOAD_BALANCER_ID: id}
    await api.create(SERVICES, balanced("second", "https:tcp:443", annotations=shares))
    assert (await served(api, "second")).ingress == first.ingress
    ports = {one["protocol_port"] for one in cloud.listed("listeners", load_balancer_id=id)}
    assert ports == {80, 443}
    await removed(api, cloud, "first")
    (left,) = cloud.listed("listeners", load_balancer_id=id)
    assert left["protocol_port"] == 443
    await removed(api, cloud, "second")
    assert [one for one in cloud.balancers() if one["id"] == id] == []


async def _marked(api: Api, name: str) -> dict[str, str]:
    async def marked() -> dict[str, str] | None:
        found = (await shown(api, name)).metadata.annotations or {}
        return found if a.LOAD_BALANCER_ID in found else None

    found: dict[str, str] = await until(marked, "not marked")
    return found


async def test_a_namespace_that_goes_takes_its_load_balancers_with_it(
    api: Api, cloud: Cloud, start: Start
) -> None:
    """Without a controller manager nobody empties a namespace: the test does it."""
    await start()
    await api.create(NAMESPACES, namespace("brief"))
    for number in range(3):
        await api.create(SERVICES, balanced(f"s{number}", namespace="brief"))
    for number in range(3):
        await served(api, f"s{number}", "brief")
    await api.delete(NAMESPACES, "brief")
    for number in range(3):
        await removed(api, cloud, f"s{number}", "brief")
    assert [one for one in cloud.balancers() if "_brief_" in one["name"]] == []


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1, 0.2])
async def test_a_controller_that_is_killed_leaves_none_behind_and_none_doubled(
    api: Api, cloud: Cloud, start: Start, after_s: float
) -> None:
    name = f"killed-{int(after_s * 1000)}"
    task = await start()
    await api.create(SERVICES, balanced(name))
    await asyncio.sleep(after_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await start()
    await served(api, name)
    (balancer,) = cloud.balancers(name=f"kube_service_lab_default_{name}")
    assert len(cloud.floating(port_id=balancer["vip_port_id"])) == 1
    await removed(api, cloud, name)
    assert cloud.balancers() == []
    assert cloud.floating() == []


async def test_what_nobody_owns_any_more_is_removed(api: Api, cloud: Cloud, start: Start) -> None:
    task = await start()
    await api.create(SERVICES, balanced("forced"))
    await served(api, "forced")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await api.patch(SERVICES, "forced", "default", {"metadata": {"finalizers": None}})
    await api.delete(SERVICES, "forced", "default")
    await start()

    async def clean() -> bool:
        return cloud.balancers() == [] and cloud.floating() == []

    await until(clean, "it is still there")


async def test_what_was_deleted_while_nobody_led_goes_when_somebody_does(
    api: Api, cloud: Cloud, start: Start
) -> None:
    task = await start()
    await api.create(SERVICES, balanced("late"))
    await served(api, "late")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await api.delete(SERVICES, "late", "default")
    assert await shown(api, "late")
    await start()

    async def gone() -> bool:
        return await api.get(SERVICES, "late", "default") is None

    await until(gone, "it is held")
    assert cloud.balancers() == []
    assert cloud.floating() == []


async def test_who_took_it_away_in_the_cloud_gets_it_back(
    api: Api, cloud: Cloud, start: Start
) -> None:
    task = await start()
    await api.create(SERVICES, balanced("lost"))
    await served(api, "lost")
    (balancer,) = cloud.balancers(name="kube_service_lab_default_lost")
    path = f"/lbaas/loadbalancers/{balancer['id']}"
    cloud.session.load_balancer("DELETE", path, cascade="true")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await start()

    async def again() -> bool:
        found = cloud.balancers(name="kube_service_lab_default_lost")
        return bool(found) and (await _marked(api, "lost"))[a.LOAD_BALANCER_ID] == found[0]["id"]

    await until(again, "it is not made again")
    await removed(api, cloud, "lost")
    assert cloud.floating() == []


async def test_another_ones_class_is_not_ours(api: Api, cloud: Cloud, start: Start) -> None:
    await start()
    await api.create(SERVICES, balanced("other", loadBalancerClass="example.com/other"))
    await api.create(SERVICES, balanced("ours", loadBalancerClass="polpo.dev/load-balancer"))
    await served(api, "ours")
    assert not (await shown(api, "other")).finalizers
    await removed(api, cloud, "ours")
    await api.delete(SERVICES, "other", "default")
