"""A cluster's hosts h1 and h2 with pods, Services for guests, and a client outside."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polpo.lab.command import attempt, inside, run
from polpo.testing.lab import Guest, LabCloud
from polpo.testing.pods import Pod, Runtime, addresses, make_cluster
from polpo.testing.waiting import until

PREFIX, CLUSTER, SUBNET = "pt-sv", "k8s", "198.18.82"
SHOWN, SHOWN6 = "203.0.113.7", "2001:db8:1::7"
OUTSIDE, OUTSIDE6 = f"{SUBNET}.200", "2001:db8:79::200"
FAR, GATE, FAR6, GATE6 = "203.0.113.200", "203.0.113.201", "2001:db8:80::1", "2001:db8:80::2"
NODAD: dict[str, tuple[str, ...]] = {"ipv4": (), "ipv6": ("nodad",)}
SERVER = """
import socket, sys, threading
name, port = sys.argv[1], int(sys.argv[2])
def datagrams():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(("::", port))
    while True:
        _, peer = sock.recvfrom(9000)
        sock.sendto(said(peer), peer)
def said(peer):
    return f"{name} {peer[0].removeprefix('::ffff:')}".encode()
def serve(sock, peer):
    sock.sendall(said(peer) + b"\\n")
    while data := sock.recv(65536):
        sock.sendall(data)
    sock.close()
threading.Thread(target=datagrams, daemon=True).start()
six = {"family": socket.AF_INET6, "dualstack_ipv6": True}
server = socket.create_server(("::", port), backlog=100, **six)
while True:
    threading.Thread(target=serve, args=server.accept(), daemon=True).start()
"""
CLIENT = """
import os, socket, sys, threading
kind, address, (port, size, times) = sys.argv[1], sys.argv[2], map(int, sys.argv[3:])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
def ask():
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
        sock.settimeout(20 if size else 3)
        sock.connect((address, port))
        if kind == "udp":
            sock.send(b"who?")
            return sock.recv(9000).decode()
        lines, data = sock.makefile("rb"), os.urandom(size)
        said = lines.readline().decode().strip()
        sending = threading.Thread(target=sock.sendall, args=(data,))
        sending.start()
        came = lines.read(size)
        sending.join()
        return said if came == data else "spoilt"
for _ in range(times):
    try:
        print(ask())
    except OSError as error:
        print(type(error).__name__)
"""


class Place:
    """Where a client may be: a namespace."""

    def __init__(self, netns: str) -> None:
        self.netns = netns

    def hears(self, address: str, port: int, kind: str, size: int, times: int) -> list[str]:
        numbers = (str(port), str(size), str(times))
        words = (sys.executable, "-S", "-c", CLIENT, kind, address, *numbers)
        return attempt(*inside(self.netns, *words))[1].splitlines()

    def asks(self, address: str, port: int, kind: str = "tcp", size: int = 0) -> str:
        """What the server says: its name, and the client's address as it sees it; or an error."""
        return " ".join(self.hears(address, port, kind, size, 1))

    def meets(self, address: str, port: int, kind: str = "tcp", times: int = 20) -> set[str]:
        """All that it hears, asking so often."""
        return set(self.hears(address, port, kind, 0, times))


class Scene:
    """Pods `one` on h1 and `two` on h2 serve on port 8080."""

    def __init__(self, cloud: LabCloud, folder: Path) -> None:
        self.cloud, self.running, self._folder = cloud, cloud.running, folder
        self.pods: dict[str, Pod] = {}
        self.at: dict[str, list[str]] = {}
        cidrs = ["10.254.0.0/16", "fdfe::/112"]
        make_cluster(cloud, CLUSTER, "h1", "h2", service_cidrs=cidrs)
        for name, host in (("one", "h1"), ("two", "h2")):
            self.start(name, host)
        self.client = Place(f"{PREFIX}-guest")
        self.hosts = {h.name: Place(h.netns) for h in cloud.lab.hosts}
        self.addresses = {h.name: h.address for h in cloud.lab.hosts}
        self._place_client()

    def start(self, name: str, host: str, **runtime: Any) -> None:
        """`runtime` is what a container runtime adds to the plugin's configuration."""
        pod = self.pods[name] = Pod(PREFIX, name)
        result = self._runtime(host).add(pod, runtimeConfig=runtime)
        self.at[name] = addresses(result)
        server = (sys.executable, "-c", SERVER, name, "8080")
        self.cloud.serve(Guest(pod.netns, {}), *server)
        listening = ("ss", "-Hlnt", "sport", "=", ":8080")
        until(lambda: pod.run(*listening).strip(), f"{name} listens")

    def stop(self, name: str, host: str) -> None:
        self._runtime(host).delete(self.pods[name])

    def _runtime(self, host: str) -> Runtime:
        return Runtime(self.running.host(host), CLUSTER, self._folder)

    def _place_client(self) -> None:
        lab, netns = self.cloud.lab, self.client.netns
        run("ip", "netns", "add", netns)
        cable = ("ip", "link", "add", netns, "type", "veth", "peer", "name", "eth0")
        run(*cable, "netns", netns)
        run("ip", "link", "set", netns, "master", lab.bridge, "up")
        inner = ("ip", "-netns", netns)
        run(*inner, "link", "set", "eth0", "up")
        run(*inner, "address", "add", f"{OUTSIDE}/24", "dev", "eth0")
        run(*inner, "address", "add", f"{OUTSIDE6}/64", "dev", "eth0", "nodad")
        for number, host in enumerate(("h1", "h2"), 1):
            six = f"2001:db8:79::{number}/64"
            run(
                "ip",
                "-netns",
                self.hosts[host].netns,
                "address",
                "add",
                six,
                "dev",
                "eth0",
                "nodad",
            )

    @contextmanager
    def narrow_way(self) -> Iterator[Place]:
        """A client beyond the first one, which forwards at most 1280 bytes to it."""
        far, client = Place(f"{PREFIX}-far"), self.client.netns
        run("ip", "netns", "add", far.netns)
        try:
            here, there = ("ip", "-netns", client), ("ip", "-netns", far.netns)
            run(*here, "link", "add", "far", "type", "veth", "peer", "eth0", "netns", far.netns)
            run(*here, "link", "set", "far", "up")
            run(*there, "link", "set", "eth0", "up")
            for own, gateway, kind in ((FAR, GATE, "ipv4"), (FAR6, GATE6, "ipv6")):
                run(*here, "address", "add", gateway, "dev", "far", *NODAD[kind])
                run(*there, "address", "add", own, "dev", "eth0", *NODAD[kind])
                run(*here, "route", "replace", own, "dev", "far", "mtu", "lock", "1280")
                run(*there, "route", "replace", gateway, "dev", "eth0")
                run(*there, "route", "replace", "default", "via", gateway)
                forwards = f"net.{kind}.conf.all.forwarding=1"
                run(*inside(client, "sysctl", "-qw", forwards))
            yield far
        finally:
            run("ip", "netns", "delete", far.netns)

    def leads_to(self, host: str) -> None:
        """From now on the client's packets to addresses of load balancers come to this host."""
        inner = ("ip", "-netns", self.client.netns, "route", "replace")
        run(*inner, SHOWN, "via", self.addresses[host])
        run(*inner, SHOWN6, "via", f"2001:db8:79::{host[1:]}")

    def tell(self, *services: dict[str, Any], remove: tuple[str, ...] = ()) -> None:
        """And wait until every host knows."""
        body = {"put": services, "remove": remove}
        answer = self.cloud.user.session.hosts("POST", f"/clusters/{CLUSTER}/services", body)
        assert not answer["refused"], answer
        self.cloud.converge()

    def service(self, *names: str, **fields: Any) -> dict[str, Any]:
        """At node port 30080, TCP and UDP, with these pods; `fields` as in the API."""
        where = {"one": "h1", "two": "h2"}
        backends = [[a, 8080, where[name]] for name in names for a in self.at[name]]
        ports = [
            {"protocol": p, "port": 80, "backends": backends, "node_port": 30080}
            for p in ("tcp", "udp")
        ]
        given = {"id": "web", "name": "default/web", "addresses": ["10.254.0.5", "fdfe::5"]}
        return given | {"ports": ports, "guests": "cluster"} | fields

    def inner(self, host: str) -> str:
        """The host's address among its pods."""
        said = run(
            "ip", "-netns", self.hosts[host].netns, "-4", "-o", "address", "show", "polpo-pods"
        )
        return said.split()[3].partition("/")[0]

    def end(self) -> None:
        for pod in self.pods.values():
            pod.end()
        attempt("ip", "netns", "delete", self.client.netns)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("services")
    cloud = LabCloud(folder / "lab", PREFIX, SUBNET, "h2", "h3", cluster=CLUSTER)
    scene = None
    try:
        cloud.up()
        scene = Scene(cloud, folder)
        yield scene
    finally:
        if scene is not None:
            scene.end()
        cloud.down()
