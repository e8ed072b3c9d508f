"""Pods get their ports from the CNI plugin, as a container runtime calls it."""

import json
from pathlib import Path

import pytest
from tests.netns.pods.conftest import Scene

from polpo.testing.pods import addresses, finished
from polpo.testing.waiting import until

pytestmark = pytest.mark.netns


def test_pods_of_two_hosts_reach_each_other_over_both_families(scene: Scene) -> None:
    one, two = scene.pod("one"), scene.pod("two")
    scene.h1.add(one)
    result = scene.h2.add(two)
    four, six = addresses(result)
    assert one.pings(four)
    assert one.pings(six)
    end = result["interfaces"][result["ips"][0]["interface"]]
    assert (end["name"], end["sandbox"]) == ("eth0", f"/var/run/netns/{two.netns}")
    assert result["ips"][0]["gateway"] == "10.100.0.1"
    assert "default via 10.100.0.1 dev eth0" in two.run("ip", "route")
    assert f"link/ether {end['mac']}" in two.run("ip", "link", "show", "eth0")
    until(lambda: scene.pods("h2").get(two.sandbox) == "default/two", "the controller knows it")


def test_add_again_is_the_same_and_delete_again_is_no_error(scene: Scene) -> None:
    pod = scene.pod()
    first = scene.h1.add(pod)
    assert scene.h1.add(pod) == first
    assert scene.h1.call("CHECK", pod, prevResult=first) is None
    scene.h1.delete(pod)
    assert "eth0" not in pod.run("ip", "link")
    assert scene.h1.call("CHECK", pod, prevResult=first)["code"] == 3
    scene.h1.delete(pod)
    until(lambda: pod.sandbox not in scene.pods("h1"), "its port is freed")


def test_a_changed_address_is_seen_by_check(scene: Scene) -> None:
    pod = scene.pod()
    said = scene.h1.add(pod)
    said["ips"][0]["address"] = "10.100.99.99/16"
    assert scene.h1.call("CHECK", pod, prevResult=said)["code"] == 100
    scene.h1.delete(pod)


def test_fifty_pods_at_once_have_addresses_of_their_own(scene: Scene) -> None:
    pods = [scene.pod(f"crowd-{number}") for number in range(50)]
    results = [finished(p) for p in [scene.h1.start("ADD", pod) for pod in pods]]
    assert not [r for r in results if "code" in r]
    found = [address for result in results for address in addresses(result)]
    assert len(set(found)) == 100
    witness = scene.pod("witness")
    scene.h2.add(witness)
    assert all(witness.pings(addresses(result)[0]) for result in results[::10])
    until(lambda: {p.sandbox for p in pods} <= scene.pods("h1").keys(), "the controller knows")
    for process in [scene.h1.start("DEL", pod) for pod in pods]:
        assert finished(process) is None
    until(lambda: not {p.sandbox for p in pods} & scene.pods("h1").keys(), "all are freed")
    until(lambda: 8 <= len(scene.waiting("h1")) <= 16, "those that nobody needs are given back")


def test_a_pod_of_the_same_name_at_once_is_another(scene: Scene) -> None:
    old, new = scene.pod("again"), scene.pod("again")
    first = scene.h1.add(old)
    leaving = scene.h1.start("DEL", old)
    second = scene.h1.add(new)
    assert finished(leaving) is None
    assert not set(addresses(first)) & set(addresses(second))
    until(lambda: scene.pods("h1").get(new.sandbox) == "default/again", "the new one is known")
    until(lambda: old.sandbox not in scene.pods("h1"), "the old one is not")
    scene.h1.delete(new)


def test_pods_start_and_end_while_the_controller_is_away(scene: Scene) -> None:
    old, pods = scene.pod("old"), [scene.pod(f"alone-{number}") for number in range(6)]
    scene.h1.add(old)
    until(lambda: len(scene.waiting("h1")) >= 8, "ports wait")
    scene.cloud.converge()
    scene.running.processes.stop("controller")
    try:
        for pod in pods:
            scene.h1.add(pod)
        assert scene.h1.call("STATUS") is None
        scene.h1.delete(old)
        last = scene.pod("last")
        four = addresses(scene.h1.add(last))[0]
        assert pods[0].pings(four)
    finally:
        scene.revive()
    names = {pod.sandbox: f"default/{pod.name}" for pod in [*pods, last]}
    until(lambda: names.items() <= scene.pods("h1").items(), "it hears of all of them")
    until(lambda: old.sandbox not in scene.pods("h1"), "and of the one that ended")
    for pod in [*pods, last]:
        scene.h1.delete(pod)


def test_an_agent_killed_in_the_middle_of_add_doubles_and_leaks_nothing(scene: Scene) -> None:
    broken, whole = scene.pod("killed"), scene.pod("killed")
    plugs = scene.h1.host.runtime / "plugs.json"
    adding = scene.h1.start("ADD", broken)
    until(lambda: adding.poll() is not None or broken.sandbox in written(plugs), "it has begun")
    scene.kill_agent("h1")
    said = finished(adding)
    assert said.get("code", 11) == 11
    assert scene.h1.call("STATUS")["code"] == 50
    scene.revive()
    result = scene.h1.add(whole)
    scene.h1.delete(broken)
    witness = scene.pod("witness")
    scene.h2.add(witness)
    assert witness.pings(addresses(result)[0])
    until(lambda: whole.sandbox in scene.pods("h1"), "the new one is known")
    until(lambda: broken.sandbox not in scene.pods("h1"), "the broken one is freed")
    scene.h1.delete(whole)


def test_what_no_runtime_knows_any_more_is_freed(scene: Scene) -> None:
    kept, forgotten, gone = (scene.pod(name) for name in ("kept", "forgotten", "gone"))
    for pod in (kept, forgotten, gone):
        scene.h1.add(pod)
    until(lambda: gone.sandbox in scene.pods("h1"), "the controller knows them")
    valid = [{"containerID": pod.sandbox, "ifname": "eth0"} for pod in (kept, gone)]
    assert scene.h1.call("GC", None, **{"cni.dev/valid-attachments": valid}) is None
    assert "eth0" not in forgotten.run("ip", "link")
    gone.end()
    until(lambda: gone.sandbox not in scene.pods("h1"), "its namespace is gone, and so is it")
    until(lambda: kept.sandbox in scene.pods("h1"), "the other one stays")
    scene.h1.delete(kept)


def test_what_cannot_be_done_is_said_in_cnis_own_shape(scene: Scene) -> None:
    pod = scene.pod()
    assert scene.h1.call("ADD", pod, cluster="other")["code"] == 7
    assert scene.h1.call("ADD", pod, cniVersion="9.9.9")["code"] == 1
    assert scene.h1.call("GC")["code"] == 7
    pod.end()
    refused = scene.h1.call("ADD", pod)
    assert refused["code"] == 3
    assert pod.netns in refused["msg"]
    assert scene.h1.call("VERSION")["supportedVersions"][-1] == "1.1.0"


def test_a_plugin_before_us_keeps_what_it_made(scene: Scene) -> None:
    pod = scene.pod()
    before = {"interfaces": [{"name": "other0"}], "ips": [], "dns": {"nameservers": ["10.0.0.1"]}}
    result = scene.h1.add(pod, cniVersion="1.1.0", prevResult=before)
    assert [x["name"] for x in result["interfaces"]][::2] == ["other0", "eth0"]
    assert result["interfaces"][2]["mtu"] == 1450
    assert result["dns"] == {"nameservers": ["10.0.0.1"]}
    assert json.dumps(result)
    scene.h1.delete(pod)


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""
