"""What a container runtime asks, read from what the plugin sends."""

import json
from typing import Any

import pytest

from polpo.agent.plugs import Limits
from polpo.agent.pods.call import CniError, read
from polpo.model.exposed import Exposed
from polpo.target.rows import Limit

GIVEN = {
    "CNI_COMMAND": "ADD",
    "CNI_CONTAINERID": "c0ffee",
    "CNI_NETNS": "/var/run/netns/cni-1",
    "CNI_IFNAME": "eth0",
    "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=u",
}
CONFIG = {"cniVersion": "1.0.0", "name": "polpo", "cluster": "k8s"}


def sent(config: Any = CONFIG, **environment: str) -> bytes:
    given = {name: value for name, value in (GIVEN | environment).items() if value}
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    return b"".join(f"{n}={v}\0".encode() for n, v in given.items()) + b"\0" + text


def test_a_call_says_which_pod_gets_which_device() -> None:
    call = read(sent())
    assert (call.container, call.device, call.netns) == ("c0ffee", "eth0", "cni-1")
    assert (call.pod, call.config.cluster) == ("shop/web-0", "k8s")


def test_what_is_not_of_kubernetes_has_no_pods_name() -> None:
    assert read(sent(CNI_ARGS="")).pod == ""
    assert read(sent(CNI_ARGS="K8S_POD_NAME=alone;x")).pod == ""
    assert (read(sent()).uid, read(sent(CNI_ARGS="")).uid) == ("u", "")


def test_del_needs_no_namespace() -> None:
    assert read(sent(CNI_COMMAND="DEL", CNI_NETNS="")).netns == ""
    assert read(sent(CNI_COMMAND="DEL", CNI_NETNS="/proc/7/ns/net")).path == "/proc/7/ns/net"


def test_ports_of_the_host_are_what_the_runtime_says() -> None:
    mappings = [
        {"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": "127.0.0.1"},
        {"hostPort": 0, "containerPort": 81, "protocol": "tcp"},
        {"HostPort": 53, "ContainerPort": 5353, "Protocol": "udp", "HostIP": ""},  # containerd's
    ]
    call = read(sent(CONFIG | {"runtimeConfig": {"portMappings": mappings}}))
    found = Exposed("tcp", 8080, 80, "127.0.0.1"), Exposed("udp", 53, 5353)
    assert call.config.exposed() == found
    assert read(sent(CONFIG | {"runtimeConfig": {}})).config.exposed() == ()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"protocol": "sctp"}, "sctp"),
        ({"hostPort": 70000}, "70000"),
        ({"hostIP": "here"}, "here"),
        ({"hostPort": "http"}, "hostport"),
    ],
)
def test_ports_that_cannot_be_are_the_configurations_fault(
    wrong: dict[str, object], words: str
) -> None:
    mapping = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"} | wrong
    call = read(sent(CONFIG | {"runtimeConfig": {"portMappings": [mapping]}}))
    with pytest.raises(CniError, match=words) as failed:
        call.config.exposed()
    assert failed.value.code == 7


def test_bandwidth_is_what_the_runtime_says_in_any_case() -> None:
    said = {"ingressRate": 2_000_000, "ingressBurst": 400_000, "egressRate": 0, "egressBurst": 0}
    call = read(sent(CONFIG | {"runtimeConfig": {"bandwidth": said}}))
    assert call.config.limits() == Limits(ingress=Limit(2000, 400))
    by_containerd = {"EgressRate": 10_000_000, "EgressBurst": 2**32 - 1}
    call = read(sent(CONFIG | {"runtimeConfig": {"bandwidth": by_containerd}}))
    assert call.config.limits() == Limits(egress=Limit(10_000, 8_000))
    assert read(sent()).config.limits() == Limits()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ingressRate": 999},
        {"ingressBurst": 5},
        {"egressRate": 5000, "egressBurst": -1},
        {"egressRate": "fast"},
    ],
)
def test_a_bandwidth_that_cannot_be_is_the_configurations_fault(wrong: dict[str, object]) -> None:
    call = read(sent(CONFIG | {"runtimeConfig": {"bandwidth": wrong}}))
    with pytest.raises(CniError, match=r"bandwidth: .*gress") as failed:
        call.config.limits()
    assert failed.value.code == 7


def test_gc_says_what_is_still_there() -> None:
    valid = [{"containerID": "a", "ifname": "eth0"}]
    call = read(sent(CONFIG | {"cni.dev/valid-attachments": valid}, CNI_COMMAND="GC"))
    assert call.config.attachments == tuple(valid)
    assert call.container == ""


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 4),
        (sent(CNI_COMMAND="DANCE"), 4),
        (sent(CNI_CONTAINERID=""), 4),
        (sent(CNI_CONTAINERID="../../etc"), 4),
        (sent(CNI_IFNAME="a/b"), 4),
        (sent(CNI_IFNAME="sixteen-letters."), 4),
        (sent(CNI_NETNS=""), 4),
        (sent(CNI_NETNS="/proc/7/ns/net"), 4),
        (sent(CNI_NETNS="/run/netns/.."), 4),
        (sent(CNI_NETNS="/run/netns/a/b"), 4),
        (sent(b"{"), 6),
        (sent(b"\xff\xfe"), 6),
        (sent(b"[]"), 7),
        (sent(CONFIG | {"cluster": 7}), 7),
        (sent(CONFIG | {"cniVersion": "0.2.0"}), 1),
        (sent({}), 1),
    ],
)
def test_what_makes_no_sense_is_refused_with_cnis_code(raw: bytes, code: int) -> None:
    with pytest.raises(CniError) as refused:
        read(raw)
    assert refused.value.code == code
