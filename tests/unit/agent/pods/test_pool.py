"""Which ports wait for pods: no port is two pods', none is used that was given back."""

from pathlib import Path

import msgspec

from polpo.agent.plugs import Plug, Plugs, Pod
from polpo.agent.pods.pool import Pool
from polpo.target.rows import Port


def port(id: str, cluster: str = "k8s") -> Port:
    return Port(id=id, vni=7, mac="", mtu=1450, policy=0, pods_of=cluster)


class Host:
    def __init__(self, folder: Path, *ids: str) -> None:
        self.ports = {id: port(id) for id in ids}
        self.plugs = Plugs(folder / "plugs.json")
        self.pool = Pool(lambda: self.ports, self.plugs)

    def take(self, id: str, sandbox: str = "s") -> None:
        pod = Pod(cluster="k8s", sandbox=sandbox, name="default/web")
        self.plugs.put(Plug(port=id, kind="netns", netns="n", device="eth0", pod=pod))


def test_ports_of_the_cluster_that_nobody_has_wait(tmp_path: Path) -> None:
    host = Host(tmp_path, "b", "a", "c")
    host.ports |= {"other": port("other", "else"), "vm": port("vm", "")}
    host.take("b")
    assert host.pool.waiting("k8s") == ["a", "c"]
    assert [plug.port for plug in host.pool.taken("k8s")] == ["b"]


def test_the_port_that_was_left_last_is_used_last(tmp_path: Path) -> None:
    host = Host(tmp_path, "a", "b", "c")
    for id in ("b", "a"):
        host.take(id)
        host.plugs.remove(id)
        host.pool.left(id)
    assert host.pool.waiting("k8s") == ["c", "b", "a"]


def test_what_is_given_back_is_no_pods_any_more(tmp_path: Path) -> None:
    host = Host(tmp_path, "a", "b")
    host.pool.release(["a"])
    assert host.pool.waiting("k8s") == ["b"]
    assert host.pool.released == {"a"}
    del host.ports["a"]
    assert host.pool.released == set()


def test_a_pod_is_found_by_its_sandbox_and_device(tmp_path: Path) -> None:
    host = Host(tmp_path, "a")
    host.take("a", "one")
    found = host.pool.plug_of("one", "eth0")
    assert found is not None
    assert found.port == "a"
    assert host.pool.plug_of("one", "eth1") is None
    assert host.pool.plug_of("two", "eth0") is None


def test_a_port_that_is_in_its_last_pods_groups_waits_for_nobody(tmp_path: Path) -> None:
    host = Host(tmp_path, "a", "b")
    host.ports["a"] = msgspec.structs.replace(port("a"), policies=True, pod="gone")
    assert host.pool.waiting("k8s") == ["b"]


def test_a_port_is_in_a_pods_groups_when_its_row_names_the_pod(tmp_path: Path) -> None:
    host = Host(tmp_path, "a")
    host.take("a", "one")
    (plug,) = host.pool.taken("k8s")
    assert host.pool.is_in_its_groups(plug)  # without policies groups are always the same
    for pod, its in (("", False), ("other", False), ("one", True)):
        host.ports["a"] = msgspec.structs.replace(port("a"), policies=True, pod=pod)
        assert host.pool.is_in_its_groups(plug) == its
    del host.ports["a"]
    assert not host.pool.is_in_its_groups(plug)
