"""The guide to Kubernetes, gone by: a cluster that kubeadm makes on a lab's hosts.

`tools/apart tests/conformance/kubeadm.py`; what is done, and in which order, is what
docs/guides/kubernetes.md says. Different from machines of their own: etcd is Debian's and outside
of the cluster, images are made here, and no systemd starts kubelet. Needs root.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from polpo.image import archive
from polpo.image.archive import Image
from polpo.image.layers import Entry, folder, layer
from polpo.lab import outside, secrets, tenants
from polpo.lab.command import CommandFailed, attempt, inside, run
from polpo.lab.kubernetes.image import BOX, POLPO, write_boxes, write_polpo
from polpo.lab.kubernetes.layout import DNS_SERVICE, DOMAIN, PODS, SERVICES, Kubernetes, Node
from polpo.lab.kubernetes.node import containerd_settings, ctr
from polpo.lab.kubernetes.programs import Programs, find
from polpo.lab.running import LabFailed
from polpo.testing.kubernetes.real import etcd_alone
from polpo.testing.lab import LabCloud

CLUSTER, PREFIX, SUBNET = "prod", "pt-kadm", "198.18.77"
VERSION = "v1.36.3"
OF_MASTERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
OWN = ("etc/kubernetes", "var/lib", "var/log")
"""What each node has for itself of the machine's folders."""
UNIT = """
until [ -f /var/lib/kubelet/kubeadm-flags.env ]; do sleep 0.2; done
. /var/lib/kubelet/kubeadm-flags.env
while sleep 0.5; do
  "$0" --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
    --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml \
    $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
done
"""
"""kubelet.service, as kubeadm's packages have it."""
KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": ["none"],
    "failCgroupV1": False,
    "failSwapOn": False,
    "localStorageCapacityIsolation": False,
    "evictionHard": {"memory.available": "0%", "nodefs.available": "0%"},
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
    "volumePluginDir": "/var/lib/kubelet/plugins",
}
ASK = r"""
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
  a=$(nslookup -type=a web.default.svc.cluster.local | awk '/^Name:/{getline; print $2}')
  printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 "$a" 80 | tail -n 1
done
"""
"""By nc: a static wget looks for libraries (NSS) that the image has not."""
PATIENCE_S = 180.0


class Trial:
    def __init__(self, cloud: LabCloud, programs: Programs, kubeadm: str) -> None:
        self.cloud, self.running = cloud, cloud.running
        self._programs, self._kubeadm = programs, kubeadm
        self.nodes = Kubernetes(cloud.lab).nodes
        self._machines: dict[str, int] = {}
        self.config = cloud.lab.folder / "kubeconfig"

    # 1 and 2 of the guide: the pods' network, and hosts

    def make_network(self) -> None:
        session = self.cloud.user.session
        network = tenants.ensure_network(session, "pods", PODS)
        router = tenants.ensure_router(session, "pods", [network])
        admin = self.cloud.admin.session
        world = tenants.ensure_outside(admin, outside.PHYSICAL_NETWORK, outside.SUBNETS)
        out = tenants.ensure_way_out(session, world, "pods")
        outside.route(self.cloud.lab, [PODS[1]], next(a for a in out if ":" in a))
        assert router
        words = ("--network", "pods", "--router", "pods", "--policies")
        cidrs = (word for cidr in SERVICES for word in ("--service-cidr", cidr))
        self.polpo("cluster", "create", CLUSTER, *words, *cidrs)

    def prepare(self, node: Node) -> None:
        """A machine with containerd, images, and the plugin."""
        node.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._raise_machine(node)
        self.polpo(
            *("cni", "install", "--cluster", CLUSTER, "--socket", str(node.host.cni_socket)),
            *("--bin-dir", str(node.plugins), "--conf-dir", str(node.networks)),
        )
        loopback = node.plugins / "loopback"
        loopback.symlink_to(self._programs["loopback"])
        config = node.folder / "containerd.toml"
        config.write_text(containerd_settings(node))
        words = self.at(node, self._programs["containerd"], "--config", str(config))
        self.running.start(f"containerd-{node.name}", words)
        client = ctr(node, self._programs)
        until(lambda: attempt(*client, "version")[0] == 0, f"containerd of {node.name} answers")
        for name in ("boxes", "masters", "polpo"):
            file = self.cloud.lab.folder / f"{name}.tar"
            run(*self.at(node, *client, "images", "import", str(file)), timeout_s=300)
        extra = f"KUBELET_EXTRA_ARGS=--node-ip={node.host.address}"
        words = self.at(node, "env", extra, "sh", "-c", UNIT, self._programs["kubelet"])
        self.running.start(f"kubelet-{node.name}", words)

    def _raise_machine(self, node: Node) -> None:
        """Namespaces of a host of its own: its network, its name, and its own of some folders."""
        binds = []
        for name in OWN:
            own = node.folder / "machine" / name
            own.mkdir(parents=True)
            binds.append(f"mount --bind {own} /{name}")
        text = " && ".join((*binds, f"echo {node.name} >/proc/sys/kernel/hostname"))
        # /run/netns stays shared (`ip netns add` has made it so): the agent sees pods' namespaces
        words = ("unshare", "--mount", "--uts", "--propagation", "unchanged", "sh", "-c")
        name = f"machine-{node.name}"
        self.running.start(name, inside(node.host.netns, *words, f"{text} && exec sleep infinity"))
        pid = self.running.processes.pid(name)
        assert pid
        self._machines[node.name] = pid
        told = ("nsenter", f"--target={pid}", "--uts", "uname", "-n")
        until(lambda: attempt(*told)[1].strip() == node.name, f"{node.name} has its name")

    def at(self, node: Node, *words: str) -> tuple[str, ...]:
        pid = self._machines[node.name]
        return ("nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--", *words)

    # 3: kubeadm

    def init(self) -> None:
        first = self.nodes[0]
        self._start_etcd(first)
        config = first.folder / "kubeadm.yaml"
        config.write_text("---\n".join(json.dumps(part) + "\n" for part in self._config(first)))
        print(
            run(
                *self.at(first, self._kubeadm, "init", f"--config={config}"),
                *("--skip-phases", "addon/kube-proxy,addon/coredns"),
                timeout_s=600,
            )
        )
        made = first.folder / "machine" / "etc/kubernetes/admin.conf"
        shutil.copy(made, self.config)

    def _start_etcd(self, node: Node) -> None:
        client, peer = (f"http://{node.host.address}:{port}" for port in (2379, 2380))
        words = etcd_alone(self._programs["etcd"], node.folder / "etcd", client, peer)
        self.running.start("etcd", self.at(node, *words))

    def _config(self, node: Node) -> Iterator[dict[str, Any]]:
        api = {"apiVersion": "kubeadm.k8s.io/v1beta4"}
        registration = {
            "criSocket": f"unix://{node.socket}",
            "imagePullPolicy": "Never",
            "ignorePreflightErrors": ["all"],
        }
        yield {
            **api,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": node.host.address},
            "nodeRegistration": registration,
        }
        plugins = {"name": "flex-volume-plugin-dir", "value": "/var/lib/kubelet/plugins"}
        yield {
            **api,
            "kind": "ClusterConfiguration",
            "kubernetesVersion": VERSION,
            "networking": {"serviceSubnet": ",".join(SERVICES), "dnsDomain": DOMAIN},
            "controllerManager": {"extraArgs": [plugins]},
            "etcd": {"external": {"endpoints": [f"http://{node.host.address}:2379"]}},
        }
        yield {**KUBELET, "clusterDNS": [DNS_SERVICE], "clusterDomain": DOMAIN}

    def join(self, node: Node) -> None:
        said = run(
            *self.at(self.nodes[0], self._kubeadm, "token", "create", "--print-join-command")
        )
        words = said.split()[1:]
        print(
            run(
                *self.at(node, self._kubeadm, *words, "--ignore-preflight-errors=all"),
                f"--cri-socket=unix://{node.socket}",
                timeout_s=300,
            )
        )

    # 4: what runs in the cluster

    def deploy(self) -> None:
        first = self.nodes[0]
        clouds = secrets.clouds_of(self.cloud.lab, "polpo")
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "polpo-cloud", "namespace": "kube-system"},
            "stringData": {"clouds.yaml": clouds},
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
        server = f"https://{first.host.address}:6443"
        words = ("--image", POLPO, "--api-server", server)
        manifest = self.polpo("cluster", "manifest", CLUSTER, *words)
        print(self.kubectl("apply", "-f", "-", stdin=manifest))
        for name in deployments(manifest):
            self._await_deployment(name)

    def _await_deployment(self, name: str) -> None:
        wait = (f"deployment/{name}", f"--timeout={PATIENCE_S:.0f}s")
        of_system = ("--namespace", "kube-system")
        try:
            said = self.kubectl(*of_system, "rollout", "status", *wait, timeout_s=PATIENCE_S + 10)
        except CommandFailed:
            for words in (("get", "pods", "-o", "wide"), ("describe", "pods"), ("logs", wait[0])):
                print(attempt(*self._kubectl(), *of_system, *words)[1])
            raise
        print(said.splitlines()[-1])

    def polpo(self, *words: str) -> str:
        """As the user of the cluster's project."""
        given = {"OS_CLIENT_CONFIG_FILE": str(self.cloud.lab.clouds), "OS_CLOUD": "polpo"}
        command = [sys.executable, "-m", "polpo.cli.main", *words]
        done = subprocess.run(
            command, env=os.environ | given, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def kubectl(self, *words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        return run(*self._kubectl(), *words, stdin=stdin, timeout_s=timeout_s)

    def _kubectl(self) -> tuple[str, ...]:
        return (self._programs["kubectl"], f"--kubeconfig={self.config}")

    def ready(self) -> set[str]:
        items = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return {
            item["metadata"]["name"]
            for item in items
            for condition in item["status"].get("conditions", ())
            if (condition["type"], condition["status"]) == ("Ready", "True")
        }

    def prove(self) -> None:
        """A Service by its name, from a pod on each node to one on each node."""
        self.kubectl("taint", "nodes", self.nodes[0].name, "node-role.kubernetes.io/control-plane-")
        for node in self.nodes:
            self.kubectl("apply", "-f", "-", stdin=json.dumps(box(node.name)))
        self.kubectl("create", "service", "clusterip", "web", "--tcp=80:8080")
        ready = ("pods", "--selector=app=web", f"--timeout={PATIENCE_S:.0f}s")
        self.kubectl("wait", "--for=condition=Ready", *ready, timeout_s=PATIENCE_S + 10)
        for node in self.nodes:
            until(partial(self._hears_all, node), f"a pod on {node.name} hears both by the name")
        shown = json.loads(self.kubectl("get", "pods", "-A", "-o", "json"))["items"]
        assert not [pod for pod in shown if "kube-proxy" in pod["metadata"]["name"]]
        print(self.kubectl("get", "nodes,pods,services", "-A", "-o", "wide"))

    def _hears_all(self, node: Node) -> bool:
        """By the Service's name, in a dozen questions."""
        words = ("exec", f"box-{node.name}", "--", "sh", "-c", ASK)
        heard = set(attempt(*self._kubectl(), *words)[1].split())
        return {node.name for node in self.nodes} <= heard


def box(node: str) -> dict[str, Any]:
    serve = f"cd /www && echo {node} >index.html && exec httpd -f -p 8080"
    container = {
        "name": "box",
        "image": BOX,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", serve],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"box-{node}", "labels": {"app": "web"}},
        "spec": {"nodeName": node, "containers": [container]},
    }


def deployments(manifest: str) -> list[str]:
    made = yaml.safe_load_all(manifest)
    return [one["metadata"]["name"] for one in made if one["kind"] == "Deployment"]


def write_masters(path: Path, programs: Programs) -> None:
    """Of the names that kubeadm gives its static pods' images."""
    images = []
    for name in OF_MASTERS:
        program = Entry(f"bin/{name}", Path(programs[name]).read_bytes(), mode=0o755)
        files = layer([*map(folder, ("bin", "etc", "tmp", "proc", "sys")), program])
        settings = {"Env": ["PATH=/bin"], "Entrypoint": [f"/bin/{name}"]}
        images.append(Image((f"registry.k8s.io/{name}:{VERSION}",), (files,), settings))
    archive.write(path, images)


def until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise LabFailed(f"after {PATIENCE_S:.0f} s it is not yet so that {what}")
        time.sleep(0.2)


@contextmanager
def step(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"+ {what} ({time.monotonic() - began:.1f} s)", flush=True)


@contextmanager
def folders() -> Iterator[None]:
    """What nodes have their own of is there, and nothing is left of it."""
    made = [Path("/", name) for name in OWN if not Path("/", name).exists()]
    for path in made:
        path.mkdir(parents=True)
    try:
        yield
    finally:
        for path in made:
            path.rmdir()


def main() -> int:
    programs = find()
    tool = Path(__file__).resolve().parents[2] / "tools/kubernetes/programs"
    kubeadm = run(str(tool), "kubeadm", timeout_s=1800).strip()
    if programs.missing:
        print(f"no Kubernetes: there is no {', '.join(programs.missing)} here")
        return 1
    place = Path(tempfile.mkdtemp(prefix="pt-kadm-")) / "lab"
    cloud = LabCloud(place, PREFIX, SUBNET, "h2", "h3", cluster=CLUSTER)
    with ExitStack() as leaving:
        leaving.enter_context(folders())
        leaving.callback(cloud.down)
        with step("a cloud of three hosts"):
            cloud.up()
        trial = Trial(cloud, programs, kubeadm)
        with step("polpo cluster create"):
            trial.make_network()
        with step("images; containerd and polpo cni install on two hosts"):
            write_boxes(place / "boxes.tar", programs["busybox"])
            write_masters(place / "masters.tar", programs)
            write_polpo(place / "polpo.tar")
            for node in trial.nodes:
                trial.prepare(node)
        with step("kubeadm init"):
            trial.init()
        with step("kubeadm join"):
            trial.join(trial.nodes[1])
        with step("nodes Ready"):
            until(lambda: trial.ready() == {node.name for node in trial.nodes}, "nodes are Ready")
        with step("polpo cluster manifest | kubectl apply"):
            trial.deploy()
        with step("pods, a Service, its name"):
            trial.prove()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
