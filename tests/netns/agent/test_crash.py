"""Killed (-9) at any kernel or disk write, the next agent gets to the same state."""

import asyncio
import itertools
import os
import re
import signal
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from polpo.agent.assembly import Agent
from polpo.agent.config import Config
from polpo.agent.plugs import Plug
from polpo.agent.purge import purge
from polpo.agent.target_file import snapshot
from polpo.dataplane.tables import ORDER
from polpo.kernel import netns
from polpo.runtime import crash
from polpo.testing.controller import Controller
from polpo.testing.hosts import PREFIX, inside, sh

pytestmark = pytest.mark.netns

HOST, WORKLOAD = f"{PREFIX}crash", f"{PREFIX}crashed"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "token").write_text("")
    return Config(
        host="a",
        controller="http://127.0.0.1:9",
        token_file=str(tmp_path / "token"),
        underlay="192.0.2.1",
        state_dir=str(tmp_path / "state"),
        runtime_dir=f"/run/polpo/{HOST}",
        metrics_listen="",
    )


@pytest.fixture
def target(tmp_path: Path) -> bytes:
    """One local port and one elsewhere."""
    controller = Controller({"a": "192.0.2.1", "b": "192.0.2.2"})
    controller.bound = {controller.add_port(3): "a", controller.add_port(4): "b"}
    asyncio.run(controller.write())
    return b"".join(snapshot(controller.log[-1], 1))


def prepared(config: Config, target: bytes) -> None:
    """A host that knows its target and has nothing of it in the kernel."""
    sh(f"ip netns add {HOST}")
    config.state.mkdir()
    (config.state / "target.jsonl").write_bytes(target)


def removed(config: Config) -> None:
    in_host(lambda: purge(config))
    sh(f"ip netns delete {HOST}")
    assert netns.identity(WORKLOAD) is None


def in_host(work: Callable[[], object]) -> int:
    """In a child process, within the host's namespace; answers how it ended."""
    child = os.fork()
    if child == 0:
        try:
            netns.inside(HOST, work)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def plugged(config: Config, after: int) -> None:
    """What an agent does, as far as the kernel and the disk see it; killed after some writes."""
    crash.arm(after)
    agent = Agent(config)
    (port,) = agent.target.ports()
    agent.plugs.put(Plug(port=port, kind="netns", device="eth0", netns=WORKLOAD, created=True))
    agent.loop.converge()
    assert agent.loop.error() is None
    for name in ORDER:
        assert agent.switch.tables[name].read() == agent.tables.full[name], name


def unplugged(config: Config, after: int) -> None:
    crash.arm(after)
    agent = Agent(config)
    for plug in agent.plugs:
        agent.plugs.put(msgspec.structs.replace(plug, leaving=True))
    agent.loop.converge()
    assert agent.loop.error() is None
    assert not list(agent.plugs)


def seen() -> str:
    """The host's and the workload's state as iproute2 shows it, less what numbers itself."""
    text = inside(HOST, "ip -d addr") + inside(HOST, "tc filter show dev polpo0 ingress")
    if netns.identity(WORKLOAD) is not None:
        text += inside(WORKLOAD, "ip -d addr") + inside(WORKLOAD, "ip route")
        text += inside(WORKLOAD, "ip -6 route") + inside(HOST, "tc qdisc")
    text = re.sub(
        r"(link/ether|permaddr|link-netnsid|ifindex|id|jited|promiscuity|state) \S+", "", text
    )
    text = re.sub(r"NO-CARRIER,|,LOWER_UP", "", text)  # which Linux says up to a second later
    text = re.sub(r"^\d+: |@if\d+", "", text, flags=re.MULTILINE)
    return re.sub(r" inet6 fe80::\S+ .*\n.*\n", "", text)  # comes when duplicates are looked for


@pytest.mark.parametrize("last", [plugged, unplugged])
def test_an_agent_killed_at_any_write_is_mended_by_the_next(
    last: Callable[[Config, int], None], config: Config, target: bytes
) -> None:
    reference, deaths = "", 0
    for after in itertools.count(
        os.getpid() % 2, 2
    ):  # the others at another run: it halves the time
        prepared(config, target)
        try:
            if last is unplugged:
                assert in_host(lambda: plugged(config, -1)) == 0
            ended = in_host(partial(last, config, after))
            if ended == 0:
                assert deaths > 5
                return
            assert ended == -signal.SIGKILL
            deaths += 1
            assert in_host(lambda: last(config, -1)) == 0, f"after write {after}"
            reference = reference or seen()
            assert seen() == reference, f"after write {after}"
        finally:
            removed(config)
