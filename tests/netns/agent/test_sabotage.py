"""Whatever somebody does to the agent's work is repaired and counted; what is theirs is left."""

from collections.abc import Callable

import pytest
import pytest_asyncio

from polpo.kernel import bpf
from polpo.testing.hosts import Cloud, eventually, inside, pings, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

Damage = Callable[[str, str, str], object]  # host's namespace, device on the host, workload

SABOTAGES: dict[str, tuple[str, Damage]] = {
    "filter detached": ("filter", lambda h, d, w: inside(h, f"tc filter del dev {d} ingress")),
    "qdisc removed": ("filter", lambda h, d, w: inside(h, f"tc qdisc del dev {d} clsact")),
    "link down": ("gate", lambda h, d, w: inside(h, f"ip link set {d} down")),
    "wrong MTU": ("link", lambda h, d, w: inside(h, f"ip link set {d} mtu 900")),
    "link deleted": ("link", lambda h, d, w: inside(h, f"ip link del {d}")),
    "workload's link deleted": ("link", lambda h, d, w: inside(w, "ip link del eth0")),
    "workload's link down": ("workload", lambda h, d, w: inside(w, "ip link set eth0 down")),
    "wrong MAC": ("workload", lambda h, d, w: inside(w, "ip link set eth0 addr 02:00:00:00:00:99")),
    "addresses flushed": ("workload", lambda h, d, w: inside(w, "ip addr flush dev eth0")),
    "route deleted": ("workload", lambda h, d, w: inside(w, "ip route del default")),
    "namespace deleted": ("link", lambda h, d, w: sh(f"ip netns del {w}")),
    "tunnel deleted": ("tunnel", lambda h, d, w: inside(h, "ip link del polpo0")),
    "tunnel down": ("gate", lambda h, d, w: inside(h, "ip link set polpo0 down")),
    "tunnel unguarded": ("filter", lambda h, d, w: inside(h, "tc qdisc del dev polpo0 clsact")),
}


class Scene:
    """A workload on each host; the one on host a is harmed."""

    def __init__(self, cloud: Cloud, port: str, workload: str) -> None:
        self.cloud, self.port, self.workload = cloud, port, workload
        self.device = f"pp{port.replace('-', '')[:11]}"

    async def drift(self, kind: str) -> int:
        return int((await self.cloud.a.status()).get("drift", {}).get(kind, 0))

    async def healthy(self) -> bool:
        status = await self.cloud.a.status()
        return status.get("error") is None and self.port in status.get("ports", ())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(cloud: Cloud) -> Scene:
    await cloud.a.started()
    await cloud.b.started()
    port, workload = await cloud.wired(cloud.a, 11)
    await cloud.wired(cloud.b, 12)
    await until(lambda: pings(workload, "10.7.0.12"))
    return Scene(cloud, port, workload)


@pytest.mark.parametrize("sabotage", SABOTAGES)
async def test_sabotage_is_repaired_and_counted(sabotage: str, scene: Scene) -> None:
    kind, damage = SABOTAGES[sabotage]
    before = await scene.drift(kind)
    damage(scene.cloud.a.netns, scene.device, scene.workload)

    async def repaired() -> bool:
        return await scene.drift(kind) > before and await scene.healthy()

    await eventually(repaired, f"{sabotage} repaired")
    await until(lambda: pings(scene.workload, "10.7.0.12"))
    assert "default via 10.7.0.1" in inside(scene.workload, "ip route")


async def test_rows_deleted_altered_and_added_are_found_by_the_timer(scene: Scene) -> None:
    tables = bpf.load(scene.cloud.a.runtime / "bpf", programs=()).tables
    before = await scene.drift("table")
    first, *_ = tables["fdb"].read().items()
    ports = tables["ports"].read()
    key, value = next(iter(ports.items()))
    tables["fdb"].remove([first[0]])
    tables["ports"].put({key: bytes(len(value))})
    tables["vteps"].put({bytes(15) + b"\x01": b"\x01\0\0\0"})

    async def repaired() -> bool:
        return await scene.drift("table") == before + 3

    await eventually(repaired, "all three rows")
    assert tables["fdb"].get(first[0]) == first[1]
    assert tables["ports"].read() == ports
    await until(lambda: pings(scene.workload, "10.7.0.12"))


async def test_what_others_made_is_not_touched(scene: Scene) -> None:
    host, device = scene.cloud.a.netns, scene.device
    inside(host, "ip link add ppfeedc0ffee type veth peer name pp00000000000")  # names like ours
    inside(host, "tc qdisc add dev ppfeedc0ffee clsact")
    (program,) = (scene.cloud.a.runtime / "bpf").glob("*/program_from_port")
    theirs = f"tc filter add dev {device} ingress pref 30000 bpf da pinned {program}"
    inside(host, theirs)
    inside(scene.workload, "ip addr add 10.7.0.200/32 dev eth0")
    inside(scene.workload, "ip route add 10.77.0.0/16 dev eth0")
    await scene.cloud.a.kill()
    await scene.cloud.a.started()
    port, _ = await scene.cloud.wired(scene.cloud.a, 31)
    await scene.cloud.a.ask(do="unplug", port=port)
    assert "ppfeedc0ffee" in inside(host, "ip link")
    assert "clsact" in inside(host, "tc qdisc show dev ppfeedc0ffee")
    assert "pref 30000" in inside(host, f"tc filter show dev {device} ingress")
    assert "10.7.0.200/32" in inside(scene.workload, "ip addr")
    assert "10.77.0.0/16" in inside(scene.workload, "ip route")
