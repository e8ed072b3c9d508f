"""Services of type LoadBalancer, asked by the world with real packets."""

from functools import partial
from typing import Any

import pytest

from polpo.cloud import annotations as a
from polpo.testing.exposed import ECHO_PORT, PORT, Exposed
from polpo.testing.kubernetes.objects import Object, service

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

WORLD = "203.0.113.1"


def balanced(name: str, ports: str = "http:tcp:80", **more: Any) -> Object:
    annotations = more.pop("annotations", {})
    made = service(name, ports=ports, type="LoadBalancer", **more)
    made["metadata"]["annotations"] = annotations
    return made


def hears_both(scene: Exposed, address: str, heard: set[str]) -> bool:
    """Members are asked for their health from the first moment on: one may be up before another."""
    heard.add(scene.hears(address).split()[0])
    return heard == {"one", "two"}


def test_both_pods_answer_at_both_families_addresses(scene: Exposed) -> None:
    scene.apply(balanced("web", ipFamilyPolicy="RequireDualStack"))
    scene.apply(*scene.slices("web", f"http:tcp:{PORT}"))
    four, six = scene.shown("web")
    for address in (four, six):
        scene.until(partial(hears_both, scene, address, set()), f"both pods answer at {address}")
    scene.remove("web")
    assert scene.balancers() == []
    scene.until(lambda: scene.ask(four) is None, "nobody is there")


def test_the_clients_address_is_told_by_the_proxy_protocol_and_by_a_header(scene: Exposed) -> None:
    proxied = {a.PROXY_PROTOCOL: "v2"}
    scene.apply(balanced("proxied", annotations=proxied))
    scene.apply(balanced("forwarded", annotations={a.X_FORWARDED_FOR: "true"}))
    for name in ("proxied", "forwarded"):
        scene.apply(*scene.slices(name, f"http:tcp:{PORT}"))
        (address,) = scene.shown(name)
        assert scene.hears(address).split()[-1] == WORLD
        scene.remove(name)


def test_clients_come_back_to_their_pod_and_strangers_do_not_come_in(scene: Exposed) -> None:
    scene.apply(balanced("sticky", sessionAffinity="ClientIP"))
    scene.apply(*scene.slices("sticky", f"http:tcp:{PORT}"))
    (address,) = scene.shown("sticky")
    assert len({scene.hears(address).split()[0] for _ in range(6)}) == 1
    ranges = ["192.0.2.0/24"]
    scene.apply(balanced("sticky", sessionAffinity="ClientIP", loadBalancerSourceRanges=ranges))
    scene.until(lambda: scene.ask(address) is None, "strangers are kept out")
    scene.remove("sticky")


def test_tcp_and_udp_are_answered_at_one_address(scene: Exposed) -> None:
    scene.apply(balanced("mixed", "http:tcp:80 echo:udp:53"))
    scene.apply(*scene.slices("mixed", f"http:tcp:{PORT} echo:udp:{ECHO_PORT}"))
    (address,) = scene.shown("mixed")
    assert scene.hears(address)
    said = scene.until(lambda: scene.datagram(address, 53), "an echo")
    assert said["member"] in ("one", "two")
    assert said["from"] == WORLD
    scene.remove("mixed")


def test_a_pod_that_goes_is_asked_no_more(scene: Exposed) -> None:
    scene.apply(balanced("shrinking"))
    scene.apply(*scene.slices("shrinking", f"http:tcp:{PORT}"))
    (address,) = scene.shown("shrinking")
    scene.hears(address)
    scene.apply(*scene.slices("shrinking", f"http:tcp:{PORT}", "two"))

    def only_two() -> bool:
        return {(scene.ask(address) or "nobody").split()[0] for _ in range(4)} == {"two"}

    scene.until(only_two, "only two is asked")
    scene.remove("shrinking")


def test_while_nobody_leads_all_goes_on_and_then_is_caught_up(scene: Exposed) -> None:
    scene.apply(balanced("steady"))
    scene.apply(*scene.slices("steady", f"http:tcp:{PORT}"))
    (address,) = scene.shown("steady")
    scene.hears(address)
    scene.kill()
    scene.kubectl("delete", "service", "steady", "--wait=false")
    assert scene.hears(address)
    scene.start()
    scene.until(lambda: scene.balancers() == [], "it is removed")
