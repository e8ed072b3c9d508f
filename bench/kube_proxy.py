"""kube-proxy in nftables mode as a peer: its own program, before the small API server.

`python -m bench.kube_proxy SERVICES MORE`, in a network namespace that nobody else has, writes
seconds: from its start until the last of so many Services answers, and, each of some more, from
the API until it does. A Service is known when a connection to its address is made.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from polpo.lab.command import run
from polpo.lab.kubernetes.programs import find
from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.objects import Object, endpoints, service

NODE, ENDS, PORT = "bench", ("10.77.0.1", "10.77.0.2"), 8080
WITHIN_S = 300.0
"""A first synchronisation of 10,000 Services took 26 to 38 s here; machines are busy."""


def program() -> str | None:
    """Beside Kubernetes' others, or in PATH; None if it is nowhere."""
    known = find().paths.get("kube-apiserver")
    beside = Path(known).with_name("kube-proxy") if known else None
    return str(beside) if beside and beside.exists() else shutil.which("kube-proxy")


def measured(services: int, more: int) -> tuple[float, list[float]]:
    words = (sys.executable, "-m", __name__, str(services), str(more))
    cold, added = json.loads(run("unshare", "--net", *words, timeout_s=2 * WITHIN_S))
    return cold, added


async def _measured(services: int, more: int) -> tuple[float, list[float]]:
    _raise_devices()
    server, folder = ApiServer(), Path(tempfile.mkdtemp(prefix="pt-bkp-"))
    await server.start()
    server.put(_node(), *(made for n in range(services) for made in _one(n, _far(n))))
    server.put(*_one(services, ENDS))
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "0.0.0.0", PORT)
    config = _config(folder, server.address)
    quiet = asyncio.subprocess.DEVNULL
    words = str(program()), f"--config={config}"
    proxy = await asyncio.create_subprocess_exec(*words, stdout=quiet, stderr=quiet)
    try:
        cold_s = await _answers_after(services)
        return cold_s, [await _one_more(server, services + 1 + n) for n in range(more)]
    finally:
        proxy.kill()
        await proxy.wait()
        listening.close()
        shutil.rmtree(folder)


async def _one_more(server: ApiServer, n: int) -> float:
    server.put(*_one(n, ENDS))
    return await _answers_after(n)


async def _answers_after(n: int) -> float:
    begun = time.perf_counter()
    async with asyncio.timeout(WITHIN_S):
        while not await _answers(n):
            pass
    return time.perf_counter() - begun


async def _answers(n: int) -> bool:
    """Each try is a connection of its own; until there are rules nobody answers."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(0.05):
            _, writer = await asyncio.open_connection(_address(n), 80)
            writer.close()
            return True
    await asyncio.sleep(0.005)
    return False


def _raise_devices() -> None:
    """All addresses are somewhere: those of endpoints here, of Services behind a device."""
    for words in ("link set lo up", "link add out type veth peer far", "link set out arp off up"):
        run("ip", *words.split())
    for address in ENDS:
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("ip", "route", "add", "default", "dev", "out", "src", ENDS[0])


def _config(folder: Path, api: str) -> Path:
    """JSON: the small API server has no other tongue."""
    kubeconfig = {
        "clusters": [{"name": "bench", "cluster": {"server": api}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": ""}}],
        "current-context": "bench",
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    json_only = {"contentType": "application/json", "acceptContentTypes": "application/json"}
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "nftables": {"minSyncPeriod": "10ms"},  # a second where nobody says so
        "hostnameOverride": NODE,
        "clientConnection": {"kubeconfig": str(folder / "kubeconfig"), "qps": 50, **json_only},
        "featureGates": {"WatchListClient": False},
        "conntrack": {"maxPerCore": 0, "min": 0},
    }
    (folder / "proxy.json").write_text(json.dumps(settings))
    return folder / "proxy.json"


def _node() -> Object:
    addresses = [{"type": "InternalIP", "address": ENDS[0]}]
    status = {"addresses": addresses}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}, "status": status}


def _one(n: int, ends: tuple[str, ...]) -> tuple[Object, Object]:
    name = f"s{n}"
    made = service(name, "default", _address(n), ports="http:tcp:80")
    made["spec"] |= {"ipFamilies": ["IPv4"], "type": "ClusterIP"}
    return made, endpoints(f"{name}-1", name, ports=f"http:tcp:{PORT}", addresses=ends)


def _far(n: int) -> tuple[str, ...]:
    return tuple(f"10.{100 + i}.{n >> 8}.{n & 255}" for i in (0, 1))


def _address(n: int) -> str:
    return f"10.254.{n >> 8}.{n & 255}"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measured(*map(int, sys.argv[1:])))))
