"""The lab as a user meets it: up, up again, the tools, down; beside the user's own lab."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.lab import probes
from polpo.lab.kubernetes.image import BOX
from polpo.lab.kubernetes.programs import find
from polpo.testing.waiting import until

pytestmark = [pytest.mark.netns, pytest.mark.timeout(600)]

BIN = Path(sys.executable).parent
PREFIX = "pt-lab"
PUBLIC = (".pid", ".crt", ".tar")
SPECS = (
    "Services should serve a basic endpoint from pods",
    "Services should be able to change the type from ExternalName to NodePort",
    "Granular Checks: Pods should function for node-pod communication: udp",
    "DNS should provide DNS for the cluster",
    "EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service",
    "HostPort validates that there is no conflict between pods",
)


def traces() -> dict[str, set[str]]:
    """What a lab could leave behind on this machine."""
    links = json.loads(run("ip", "-json", "link", "show"))
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    runtime = Path("/run/polpo")
    commands = (p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if _readable(p))
    return {
        "namespaces": {p.name for p in Path("/run/netns").glob(f"{PREFIX}*")},
        "devices": {link["ifname"] for link in links if link["ifname"].startswith(PREFIX)},
        "mounts": {m.split()[1] for m in mounts if PREFIX in m},
        "runtime": {p.name for p in runtime.glob(f"{PREFIX}*")} if runtime.exists() else set(),
        "processes": {c.decode(errors="replace") for c in commands if PREFIX.encode() in c},
    }


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def run(*words: str, stdin: str | None = None, **environment: str) -> str:
    exported = os.environ | environment
    done = subprocess.run(
        words, input=stdin, env=exported, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


class UsersLab:
    """The command lines of the README, with another prefix and subnet."""

    def __init__(self, folder: Path) -> None:
        self._where = ("--folder", str(folder), "--prefix", PREFIX, "--subnet", "198.18.77")
        self.clouds = folder / "clouds.yaml"

    def up(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(
            run(str(BIN / "polpo"), "lab", "up", *self._where, "--kubernetes", "--json")
        )
        return report

    def down(self) -> None:
        run(str(BIN / "polpo"), "lab", "down", *self._where)

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """As the cluster's admin."""
        whose = f"--kubeconfig={self.clouds.parent / 'kubeconfig'}"
        return run(find()["kubectl"], whose, *words, stdin=stdin)

    def conform(self, focus: str) -> None:
        """Runs these of upstream's specs against it."""
        run(sys.executable, "-m", "tests.conformance", *self._where, focus)

    def call(self, *words: str, cloud: str = "polpo") -> str:
        """A command of the project's environment, with clouds.yaml exported."""
        exported = {"OS_CLIENT_CONFIG_FILE": str(self.clouds), "OS_CLOUD": cloud}
        return run(str(BIN / words[0]), *words[1:], **exported)

    def openstack(self, *words: str, cloud: str = "polpo") -> Any:
        return json.loads(self.call("openstack", *words, "-f", "json", cloud=cloud))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UsersLab]:
    lab = UsersLab(tmp_path_factory.mktemp("lab") / PREFIX)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
    assert not any(traces().values())


def test_a_second_up_finds_everything_and_proves_it_again(lab: UsersLab) -> None:
    token = next(lab.clouds.parent.rglob("h2/*token*"))
    token.unlink()
    report = lab.up()
    assert token.stat().st_size
    assert [check["what"] for check in report["checks"] if not check["passed"]] == []
    assert len(report["checks"]) >= 13
    of_kubernetes = [c for c in report["checks"] if c["what"].startswith("Kubernetes: ")]
    assert bool(of_kubernetes) == (not find().missing)


def test_upstreams_own_specs_pass(lab: UsersLab) -> None:
    """Quick ones; `make conformance` runs all."""
    programs = Path(__file__).parents[3] / "tools/kubernetes/programs"
    wanted = (str(programs), "--find", "e2e.test", "ginkgo", "agnhost")
    if find().missing or subprocess.run(wanted, capture_output=True, check=False).returncode:
        pytest.skip("e2e.test, ginkgo and agnhost are not here: tools/kubernetes/programs")
    focus = f"--focus=({'|'.join(SPECS)}).*Conformance"
    lab.conform(focus)


def test_a_namespace_chooses_the_network_of_its_pods(lab: UsersLab) -> None:
    if find().missing:
        pytest.skip(f"not here: {', '.join(find().missing)}")
    lab.openstack("network", "create", "--tag", "for-pods", "db")
    lab.openstack("subnet", "create", "--network", "db", "--subnet-range", "10.8.0.0/24", "db-4")
    where = ("--api-server", "https://198.18.77.1:6443", "--only", "namespaces")
    manifest = lab.call("polpo", "cluster", "manifest", "lab", *where)
    lab.kubectl("apply", "-f", "-", stdin=manifest)
    lab.kubectl("create", "namespace", "db")
    chosen = "polpo.dev/network"
    lab.kubectl("annotate", "namespace", "db", f"{chosen}=db")
    within = ("--namespace", "db")
    run_db = (*within, "run", "db", f"--image={BOX}")
    try:
        tried = (*run_db, "--dry-run=server", "-o", "json")
        until(lambda: chosen in lab.kubectl(*tried), "pods are given the annotation")
        lab.kubectl(*run_db, "--", "sleep", "1000")
        lab.kubectl(*within, "wait", "--for=condition=Ready", "--timeout=120s", "pod/db")
        address = lab.kubectl(*within, "get", "pod", "db", "-o", "jsonpath={.status.podIP}")
        assert address.startswith("10.8.0.")
    finally:
        lab.kubectl("delete", "namespace", "db", "--timeout=120s")
        lab.kubectl("delete", "-f", "-", stdin=manifest)


def test_passwords_are_for_root_only(lab: UsersLab) -> None:
    folder, secret = lab.clouds.parent, list[Path]()
    for path in [*folder.glob("*"), *folder.glob("[!h]*/**/*"), *folder.glob("h*/*")]:
        secret += [path] if path.is_file() and "log" not in path.name else []
    assert lab.clouds in secret
    nodes = list(folder.glob("h*/kubernetes"))  # here containerd and kubelet do as they like
    assert all(node.stat().st_mode & 0o077 == 0 for node in nodes)
    assert not [p for p in secret if p.suffix not in PUBLIC and told(p)]


def told(path: Path) -> bool:
    """Others than root may do something with it, if it is still there."""
    with contextlib.suppress(FileNotFoundError):
        return bool(path.stat().st_mode & 0o077)
    return False


def test_the_openstack_client_makes_a_port_and_polpo_plugs_it(lab: UsersLab) -> None:
    lab.openstack("network", "create", "n1")
    lab.openstack("subnet", "create", "--network", "n1", "--subnet-range", "10.7.0.0/24", "s1")
    port = lab.openstack("port", "create", "--network", "n1", "p1")
    assert port["status"] == "DOWN"
    group = lab.openstack("security", "group", "create", "g1")
    lab.openstack("security", "group", "rule", "create", "--protocol", "tcp", group["id"])
    lab.call("polpo", "plug", "p1", "--netns", f"{PREFIX}-p1", "--host", f"{PREFIX}-h1")

    def has(status: str) -> bool:
        """The hosts' reports come a moment later."""
        return bool(lab.openstack("port", "show", "p1")["status"] == status)

    try:
        until(lambda: has("ACTIVE"), "the port is ACTIVE")
        here = json.loads(run("ip", "-netns", f"{PREFIX}-p1", "-json", "address", "show", "eth0"))
        assert here[0]["address"] == port["mac_address"]
    finally:
        lab.call("polpo", "unplug", "p1", "--host", f"{PREFIX}-h1")
    assert f"{PREFIX}-p1" not in traces()["namespaces"]
    until(lambda: has("DOWN"), "the port is DOWN")


def test_the_admin_sees_agents_and_status(lab: UsersLab) -> None:
    agents = lab.openstack("network", "agent", "list", cloud="polpo-admin")
    assert len(agents) == 3
    assert all(agent["Alive"] for agent in agents)
    status = json.loads(lab.call("polpo", "status", "--json"))
    assert {host["host"] for host in status["hosts"]} == {"h1", "h2", "h3"}
    assert all(host["revision"] >= 1 and host["alive"] for host in status["hosts"])


def test_a_trace_says_what_packets_meet(lab: UsersLab) -> None:
    to = ("trace", "--from", "client", "--to", "10.0.0.12")
    found = json.loads(lab.call("polpo", *to, "--tcp", "80", "--json"))
    kinds = [step["step"] for step in found["steps"]]
    assert kinds == ["port", "next hop", "rule", "tunnel", "rule", "deliver"]
    (rule,) = (s["object"]["id"] for s in found["steps"] if s["text"].startswith("lets it in"))
    shown = lab.openstack("security", "group", "rule", "show", rule)
    assert (shown["protocol"], shown["port_range_min"]) == ("tcp", 80)
    lines = lab.call("polpo", *to, "--icmp", "--cloud", "polpo").splitlines()
    assert lines[-2:] == ["deliver\tport web2 gets it", "it is delivered"]
    exported = {"OS_CLIENT_CONFIG_FILE": str(lab.clouds), "OS_CLOUD": "polpo"}
    words = [str(BIN / "polpo"), *to, "--tcp", "81"]
    done = subprocess.run(words, env=os.environ | exported, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout.decode().splitlines()[-1] == "it is dropped: ingress policy"


@pytest.mark.parametrize(
    ("to", "port", "verdict"),
    [
        ("10.0.0.12", 80, "delivered"),
        ("10.0.0.12", 81, "dropped"),
        ("10.0.1.12", 80, "delivered"),
        ("fd00:11::12", 80, "delivered"),
        ("10.0.1.12", 81, "dropped"),
        ("203.0.113.1", 80, "left"),
        ("2001:db8::1", 80, "left"),
        ("203.0.113.12", 80, "delivered"),
        ("10.0.9.9", 80, "left"),
    ],
)
def test_a_trace_is_what_curl_finds(lab: UsersLab, to: str, port: int, verdict: str) -> None:
    """Where it leaves for the outside, there may be nobody."""
    words = [str(BIN / "polpo"), "trace", "--from", "client", "--to", to, "--tcp", str(port)]
    exported = {"OS_CLIENT_CONFIG_FILE": str(lab.clouds), "OS_CLOUD": "polpo"}
    done = subprocess.run(
        [*words, "--json"], env=os.environ | exported, capture_output=True, check=False
    )
    found = json.loads(done.stdout)
    assert found["verdict"] == verdict, found
    expected = verdict != "dropped" and to != "10.0.9.9"
    patience_s = 30 if expected else 1
    served = probes.get(f"{PREFIX}-client", to, port, patience_s).text is not None
    assert served == expected


@pytest.mark.parametrize(
    ("to", "what", "verdict"),
    [
        ("10.0.0.12", ("--tcp", "80"), "delivered"),
        ("10.0.0.11", ("--icmp",), "delivered"),
        ("10.0.0.12", ("--tcp", "81"), "dropped"),
        ("fd00:11::12", ("--tcp", "80"), "delivered"),
        ("10.0.0.1", ("--icmp",), "answered"),
        ("203.0.113.1", ("--udp", "53"), "left"),
        ("203.0.113.12", ("--tcp", "80"), "delivered"),
        ("10.0.1.99", ("--tcp", "80"), "dropped"),
    ],
)
def test_a_packet_that_is_sent_is_seen_where_the_trace_has_it(
    lab: UsersLab, to: str, what: tuple[str, ...], verdict: str
) -> None:
    words = ("trace", "--from", "client", "--to", to, *what, "--live", "--json")
    exported = {"OS_CLIENT_CONFIG_FILE": str(lab.clouds), "OS_CLOUD": "polpo"}
    done = subprocess.run(
        [str(BIN / "polpo"), *words], env=os.environ | exported, capture_output=True, check=False
    )
    found = json.loads(done.stdout)
    assert found["verdict"] == verdict
    assert found["live"]["agrees"], found
    assert False not in [step["seen"] for step in found["steps"]], found
