"""A policy lets a pod reach `*.example.com`: of what DNS has answered the first packet passes."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from polpo.dns.wire.message import read_question
from polpo.dns.wire.name import to_text
from polpo.kube.domains import SECRET
from polpo.lab.command import run
from polpo.testing import free
from polpo.testing.dns import DnsProcess
from polpo.testing.hosts import eventually
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import cluster_policy, labelled_pod, namespace
from polpo.testing.lab import LabCloud
from polpo.testing.pods import Pod, Runtime, make_cluster
from polpo.testing.upstream import FakeUpstream, addressed

pytestmark = pytest.mark.netns

PREFIX, CLUSTER = "pt-wd", "k8s"
OUTSIDE = {"www.example.com.": "203.0.113.80", "www.example.net.": "203.0.113.81"}
COREFILE = """
.:PORT {{
    bind 127.0.0.1
    domains {{
        hold 1s
    }}
    prometheus 127.0.0.1:HTTP
    kubernetes cluster.local {{
        endpoint {api}
    }}
    forward . 127.0.0.1:{upstream}
}}
"""
KUBECONFIG = """
current-context: c
contexts: [{{name: c, context: {{cluster: c}}}}]
clusters: [{{name: c, cluster: {{server: "{api}"}}}}]
"""


class Scene:
    """Beyond the pods' router is a guest with all addresses of OUTSIDE."""

    def __init__(self, cloud: LabCloud, folder: Path) -> None:
        self.cloud, self.user, self.folder = cloud, cloud.user, folder
        network = make_cluster(cloud, CLUSTER, "h1", policies=True, security_group_ids=[])
        (router,) = self.user.session.network("GET", "/routers", name="pods")["routers"]
        far = cloud.plug(
            self.user,
            "far",
            "h2",
            network,
            security_groups=[self.user.open_group("open")],
            allowed_address_pairs=[{"ip_address": "203.0.113.0/24"}],
        )
        for address in OUTSIDE.values():
            run("ip", "-netns", far.netns, "address", "add", f"{address}/32", "dev", "lo")
        way = {"destination": "203.0.113.0/24", "nexthop": far.address(4)}
        self.user.change("router", router["id"], routes=[way])
        cloud.converge()
        self.runtime = Runtime(cloud.running.host("h1"), CLUSTER, folder)

    @asynccontextmanager
    async def following(self, api: ApiServer) -> AsyncIterator[None]:
        """`polpo policy`, as on a host."""
        config = self.folder / "kubeconfig"
        config.write_text(KUBECONFIG.format(api=api.address))
        with (self.folder / "policy.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "polpo.apps.policy", "--cluster", CLUSTER),
                *("--kubeconfig", str(config), "--cloud", "polpo"),
                *("--address", "127.0.0.1", "--port", str(free.port())),
                env={"OS_CLIENT_CONFIG_FILE": str(self.cloud.lab.clouds)},
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.terminate()
            await process.wait()
        assert process.returncode == 0, (self.folder / "policy.log").read_text()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    cloud = LabCloud(tmp_path / "lab", PREFIX, "198.18.88", "h2", cluster=CLUSTER)
    try:
        cloud.up()
        yield Scene(cloud, tmp_path)
    finally:
        cloud.down()


def answers(message: bytes, protocol: str) -> bytes | None:
    address = OUTSIDE[to_text(read_question(message).name.lower())]
    return addressed(bytes(map(int, address.split("."))))(message, protocol)


def fill(api: ApiServer, pod: Pod) -> None:
    meta = {"namespace": SECRET[0], "name": SECRET[1]}
    accept = {"action": "Accept", "to": [{"domainNames": ["*.example.com"]}]}
    deny = {"action": "Deny", "to": [{"networks": ["0.0.0.0/0", "::/0"]}]}
    api.put(
        namespace("default"),
        {"kind": "Secret", "apiVersion": "v1", "metadata": meta},
        cluster_policy("wild", egress=[accept, deny]),
        labelled_pod(pod.name),
    )


async def test_the_first_packet_passes_to_what_was_answered_and_none_to_others(
    scene: Scene,
) -> None:
    api, upstream, pod = ApiServer(), FakeUpstream(answers), Pod(PREFIX, "asking")
    await api.start()
    await upstream.start()
    fill(api, pod)
    corefile = COREFILE.format(api=api.address, upstream=upstream.port)
    dns: DnsProcess | None = None

    async def reaches(name: str, patience_s: int) -> bool:
        """By one packet, right after the answer."""
        assert dns is not None
        (record,) = (await asyncio.to_thread(dns.ask, name)).answer
        assert ".".join(map(str, record.data)) == OUTSIDE[f"{name}."]
        return await one_packet(name, patience_s)

    async def one_packet(name: str, patience_s: int) -> bool:
        to = (OUTSIDE[f"{name}."], "-W", str(patience_s))
        return await asyncio.to_thread(pod.pings, *to)

    async def holds() -> bool:
        """DNS knows the policy's names, and whom to tell: before that it does not wait."""
        assert dns is not None
        _, page = await asyncio.to_thread(dns.get, "/metrics")
        counts = dict(line.split() for line in page.splitlines() if not line.startswith("#"))
        wanted = {"patterns": "1", "away": "0"}
        return all(counts.get(f"polpo_dns_domains_{what}") == n for what, n in wanted.items())

    try:
        async with scene.following(api):
            await until(lambda: "data" in api.stored.objects["secrets", *SECRET])
            await asyncio.to_thread(scene.runtime.add, pod)
            dns = DnsProcess(scene.folder, corefile, "-workers", "1")
            await asyncio.to_thread(dns.wait_for, "Running configuration")
            await eventually(holds, "answers wait for hosts")
            assert not await one_packet("www.example.com", 1)
            assert await reaches("www.example.com", 20)
            assert not await reaches("www.example.net", 1)
    finally:
        if dns is not None:
            await asyncio.to_thread(dns.stop)
        pod.end()
        await upstream.stop()
        await api.stop()
