"""Feed, controller, disk and agent may fail; traffic goes on, and all is made good after."""

import asyncio
import re
import signal
from pathlib import Path

import pytest
import pytest_asyncio

from polpo.target.rows import Endpoint
from polpo.testing.hosts import Cloud, inside, pings, reaches, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(cloud: Cloud) -> tuple[str, str]:
    """Ports on a and on b, plugged; their namespaces."""
    await cloud.a.started()
    await cloud.b.started()
    (_, one), (_, two) = await cloud.wired(cloud.a, 11), await cloud.wired(cloud.b, 12)
    await until(lambda: pings(one, "10.7.0.12"))
    return one, two


async def test_an_agent_without_controller_starts_from_its_disk_and_repairs(
    cloud: Cloud, pair: tuple[str, str]
) -> None:
    cloud.controller.refuse = 503
    try:
        cloud.controller.cut()
        await cloud.a.kill()
        inside(cloud.a.netns, "ip link del polpo0")
        await cloud.a.started()
        await until(lambda: pings(pair[0], "10.7.0.12"))
        inside(pair[0], "ip addr flush dev eth0")
        await until(lambda: pings(pair[0], "10.7.0.12"))
    finally:
        cloud.controller.refuse = 0


async def test_a_cut_feed_is_resumed_where_it_was(cloud: Cloud, pair: tuple[str, str]) -> None:
    """What changed meanwhile is said from there, not from the beginning."""
    await until(lambda: cloud.controller.reading("a"))
    held = cloud.controller.revision
    cloud.controller.cut()
    await cloud.controller.write()
    await until(lambda: cloud.controller.asked["a"] == held)
    await until(lambda: cloud.controller.statuses["a"].revision == cloud.controller.revision)


async def test_a_void_token_is_said_and_tried_again(cloud: Cloud, pair: tuple[str, str]) -> None:
    cloud.controller.refuse = 401
    try:
        cloud.controller.cut()
        await until(lambda: "401" in cloud.b.log.read_text())
    finally:
        cloud.controller.refuse = 0
    assert reaches(pair[0], "10.7.0.12")


async def test_a_half_said_batch_is_not_applied(cloud: Cloud, pair: tuple[str, str]) -> None:
    """The stream ends within a batch that would take everything away."""
    await cloud.a.kill()
    await cloud.a.started()
    await until(lambda: cloud.controller.reading("a"))
    lost = cloud.a.log.read_text().count("feed lost")
    cloud.controller.half_say("a", b'{"slice": "host/a", "full": true}\n')
    await until(lambda: cloud.a.log.read_text().count("feed lost") > lost, "it has noticed")
    await until(lambda: cloud.controller.reading("a"), "reconnected")
    assert reaches(pair[0], "10.7.0.12")


async def test_a_full_disk_is_told_and_made_good(cloud: Cloud, pair: tuple[str, str]) -> None:
    await cloud.a.kill()
    saved = {path.name: path.read_bytes() for path in cloud.a.state.iterdir()}
    sh(f"mount -t tmpfs -o size=64k,mode=700 none {cloud.a.state}")
    try:
        for name, content in saved.items():
            (cloud.a.state / name).write_bytes(content)
        await cloud.a.started()
        _fill(cloud.a.state / "ballast")
        cloud.controller.extra = [_endpoint(number) for number in range(100)]
        await cloud.controller.write()
        await until(lambda: "not on disk" in cloud.a.log.read_text())
        await until(lambda: cloud.controller.statuses["a"].revision == cloud.controller.revision)
        (cloud.a.state / "ballast").unlink()
        last = f'{{"revision":{cloud.controller.revision}}}\n'
        await until(lambda: (cloud.a.state / "target.jsonl").read_text().endswith(last))
    finally:
        await cloud.a.kill()
        sh(f"umount {cloud.a.state}")
    await cloud.a.started()


def _endpoint(number: int) -> Endpoint:
    mac, address = f"fa:16:3f:00:00:{number:02x}", f"10.8.0.{number}"
    return Endpoint(f"remote-{number}", mac, "192.0.2.2", (address,))


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return


async def test_sigterm_leaves_the_switch_forwarding(cloud: Cloud, pair: tuple[str, str]) -> None:
    assert await cloud.a.stop() == 0
    assert await cloud.b.stop() == 0
    assert reaches(pair[0], "10.7.0.12")
    await cloud.a.started()
    await cloud.b.started()


async def test_restarts_lose_no_packet(cloud: Cloud, pair: tuple[str, str], tmp_path: Path) -> None:
    """kill -9, three times, under a ping of 100 packets a second. Only those that are on their way
    at the end are without an answer.
    """
    said = tmp_path / "said"
    with said.open("wb") as file:
        enter = ["nsenter", f"--net=/run/netns/{pair[0]}"]
        ping = await asyncio.create_subprocess_exec(
            *enter, "ping", "-n", "-i", "0.01", "10.7.0.12", stdout=file
        )
    for _ in range(3):
        await cloud.a.kill()
        await cloud.a.started()
        await until(lambda: cloud.controller.reading("a"))
    before = len(answered(said))
    await until(lambda: len(answered(said)) > before + 20, "it goes on")
    ping.send_signal(signal.SIGINT)
    await ping.wait()
    numbers = answered(said)
    assert numbers == list(range(1, len(numbers) + 1)), said.read_text()


def answered(said: Path) -> list[int]:
    """The numbers of the packets that were, by ping's lines so far."""
    found = re.findall(r" icmp_seq=(\d+) ttl=.*\n", said.read_text())
    return sorted(int(number) for number in found)
