"""Pods get their ports from the CNI plugin, as a container runtime calls it."""

import json
import re
from pathlib import Path

import pytest
from tests.netns.pods.conftest import Chain, Scene

from polpo.lab.command import attempt, inside, run
from polpo.testing.pods import addresses, finished
from polpo.testing.waiting import until

pytestmark = pytest.mark.netns


def test_pods_of_two_hosts_reach_each_other_over_both_families(scene: Scene) -> None:
    one, two = scene.pod("one"), scene.pod("two")
    scene.h1.add(one)
    result = scene.h2.add(two)
    four, six = addresses(result)
    assert one.reaches(four)
    assert one.reaches(six)
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


def test_fifty_pods_at_once_have_addresses_of_their_own_and_end_without_a_controller(
    scene: Scene,
) -> None:
    pods = [scene.pod(f"crowd-{number}") for number in range(50)]
    results = [finished(p) for p in [scene.h1.start("ADD", pod) for pod in pods]]
    assert not [r for r in results if "code" in r]
    found = [address for result in results for address in addresses(result)]
    assert len(set(found)) == 100
    witness = scene.pod("witness")
    scene.h2.add(witness)
    assert all(witness.reaches(addresses(result)[0]) for result in results[::10])
    until(lambda: {p.sandbox for p in pods} <= scene.pods("h1").keys(), "the controller knows")
    scene.running.processes.stop("controller")
    try:
        for process in [scene.h1.start("DEL", pod) for pod in pods]:
            assert finished(process) is None
    finally:
        scene.revive()
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
        assert pods[0].reaches(four)
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
    assert witness.reaches(addresses(result)[0])
    until(lambda: whole.sandbox in scene.pods("h1"), "the new one is known")
    until(lambda: broken.sandbox not in scene.pods("h1"), "the broken one is freed")
    scene.h1.delete(whole)


def test_after_a_reboot_its_pods_ports_wait_again_and_others_did_not_notice(scene: Scene) -> None:
    lost, far, new = scene.pod("lost"), scene.pod("far"), scene.pod("new")
    former = addresses(scene.h1.add(lost))
    there = addresses(scene.h2.add(far))[0]
    until(lambda: lost.sandbox in scene.pods("h1"), "the controller knows it")
    scene.reboot("h1", lost)
    until(lambda: lost.sandbox not in scene.pods("h1"), "its port is freed")
    result = scene.h1.add(new)
    assert new.reaches(there)
    assert far.reaches(addresses(result)[0])
    held = {tuple(sorted(f["ip_address"] for f in p["fixed_ips"])) for p in scene.ports("h1")}
    assert tuple(sorted(former)) in held  # it waits, and is nobody else's
    own = "h1"  # the host's own port is known by its name
    until(lambda: scene.pods("h1").keys() == {own, new.sandbox}, "there is no other pod")
    scene.h1.delete(new)


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


def test_what_a_pod_may_not_send_is_told_by_its_name(scene: Scene) -> None:
    forger = scene.pod("forger")
    scene.h1.add(forger)
    until(lambda: forger.sandbox in scene.pods("h1"), "the controller knows it")
    forger.run("ip", "address", "add", "10.100.99.1/16", "dev", "eth0")
    known = ("10.100.99.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0")
    forger.run("ip", "neighbour", "add", *known)
    assert not forger.pings("10.100.99.2", "-I", "10.100.99.1", "-W", "1")

    def told() -> list[tuple[str, str]]:
        found = scene.running.admin.hosts("GET", "/denied")["denied"]
        return [(one["port"]["name"], one["reason"]) for one in found]

    until(lambda: ("default/forger", "spoofed_address") in told(), "it is told of")
    scene.h1.delete(forger)


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


ANNOTATIONS = "io.kubernetes.cri.pod-annotations"


def test_a_pods_annotations_choose_its_address_and_its_bandwidth_holds(scene: Scene) -> None:
    chooses = {ANNOTATIONS: {"polpo.dev/address": "10.100.7.1;10.100.7.2"}}
    slow = {"bandwidth": {"egressRate": 8_000, "egressBurst": 8_000}}
    pod, other = scene.pod("db-1"), scene.pod("web")
    result = scene.h1.add(pod, runtimeConfig=chooses | slow)
    assert addresses(result)[0] == "10.100.7.2"
    there = addresses(scene.h2.add(other))[0]
    assert other.reaches("10.100.7.2")
    big = ("ping", "-n", "-q", "-c", "100", "-i", "0.002", "-s", "1400", "-W", "1", there)
    answered = int(re.findall(r"(\d+) received", attempt(*inside(pod.netns, *big))[1])[0])
    assert 20 < answered < 80  # 70 kB at once, and then a kilobyte a second
    again = scene.h2.call("ADD", scene.pod("db-1"), runtimeConfig=chooses)
    assert again["code"] == 11
    assert "10.100.7.2 is another port's" in again["msg"]
    wrong = {ANNOTATIONS: {"polpo.dev/network": "nowhere"}}
    assert "called nowhere" in scene.h1.call("ADD", scene.pod(), runtimeConfig=wrong)["msg"]
    scene.h1.delete(pod)
    until(lambda: "10.100.7.2" not in str(scene.ports("h1")), "the address is free")
    assert addresses(scene.h2.add(scene.pod("db-1"), runtimeConfig=chooses))[0] == "10.100.7.2"


def _rules(scene: Scene) -> str:
    return run(*inside(scene.h1.host.netns, "iptables-save", "-t", "nat"))


@pytest.mark.parametrize("version", ["0.4.0", "1.0.0"])
def test_cnis_own_client_adds_checks_and_deletes(chain: Chain, scene: Scene, version: str) -> None:
    chain.define(version=version)
    pod, other = scene.pod(), scene.pod()
    result = chain.call("add", pod)
    assert result["cniVersion"] == version
    chain.call("check", pod)
    scene.h2.add(other)
    assert other.reaches(addresses(result)[0])
    chain.call("del", pod)
    chain.call("del", pod)
    assert "eth0" not in pod.run("ip", "-o", "link")


def test_portmap_and_tuning_follow_in_a_chain(chain: Chain, scene: Scene) -> None:
    mapped = {"type": "portmap", "capabilities": {"portMappings": True}}
    tuned = {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.log_martians": "1"}}
    chain.define(mapped, tuned)
    pod = scene.pod()
    mappings = [{"hostPort": 8765, "containerPort": 80, "protocol": "tcp"}]
    result = chain.call("add", pod, portMappings=mappings)
    assert f"--dport 8765 -j DNAT --to-destination {addresses(result)[0]}:80" in _rules(scene)
    assert pod.run("cat", "/proc/sys/net/ipv4/conf/eth0/log_martians") == "1\n"
    # no CHECK: portmap 1.1.1 looks for IPv4's rule in IPv6's table, whoever made the addresses
    chain.call("del", pod, portMappings=mappings)
    assert "8765" not in _rules(scene)


def test_bandwidth_follows_in_a_chain(chain: Chain, scene: Scene) -> None:
    limited = {"type": "bandwidth", "capabilities": {"bandwidth": True}}
    chain.define(limited)
    pod = scene.pod()
    rates = {"ingressRate": 1_000_000, "ingressBurst": 1_000_000}
    chain.call("add", pod, bandwidth=rates)
    chain.call("del", pod, bandwidth=rates)
