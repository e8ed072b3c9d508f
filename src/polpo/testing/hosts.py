"""Hosts as namespaces with a real agent process each, and the means to look at and harm them."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from polpo.testing.controller import TOKEN, Controller

PREFIX = os.environ.get("POLPO_TEST_PREFIX", "pt-ag-")  # another one beside others' tests
UNDERLAY = f"{PREFIX}u"
CONTROLLER = "192.0.2.254"
BEGIN_S = 60.0  # for an agent of a clean checkout, whose modules nobody has compiled yet


def sh(*words: str) -> str:
    """Run, and answer what it printed; AssertionError with its words if it fails."""
    command = [part for word in words for part in word.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout


def unname(netns: str) -> None:
    """`ip netns delete`, and whoever is quick has named it again before that is through."""
    command = ["ip", "netns", "delete", netns]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0 or "busy" in done.stderr, done.stderr


def inside(netns: str, command: str) -> str:
    return sh(f"nsenter --net=/run/netns/{netns} {command}")


async def until(
    true: Callable[[], Any],
    what: str = "",
    deadline_s: float = 30.0,
    said: Callable[[], Any] = str,
) -> None:
    """Wait for a condition, never for a time. `said`: what there is instead, in the message."""
    end = time.monotonic() + deadline_s
    while not true():
        in_time = time.monotonic() < end
        assert in_time, f"not within {deadline_s} s: {what or true} {said()}"
        await asyncio.sleep(0.01)


class HostUnderTest:
    """One namespace, one underlay address, one agent."""

    def __init__(self, name: str, address: str, folder: Path, port: int) -> None:
        self.name, self.address, self.folder = name, address, folder
        self.netns = f"{PREFIX}{name}"
        self.state, self.runtime = folder / "state", Path(f"/run/polpo/{PREFIX}{name}")
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self.log = folder / "log"

    def make(self) -> None:
        """The namespace, joined to the underlay's bridge."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "token").write_text(TOKEN)
        sh(f"ip netns add {self.netns}")
        sh(f"ip -n {UNDERLAY} link add to-{self.name} type veth peer name under netns {self.netns}")
        sh(f"ip -n {UNDERLAY} link set to-{self.name} master switch up")
        sh(f"ip -n {self.netns} address add {self.address}/24 dev under")
        sh(f"ip -n {self.netns} link set under up")
        sh(f"ip -n {self.netns} link set lo up")
        (self.folder / "agent.toml").write_text(
            f'host = "{self.name}"\ncontroller = "http://{CONTROLLER}:{self._port}"\n'
            f'token_file = "{self.folder / "token"}"\nunderlay = "{self.address}"\n'
            f'state_dir = "{self.state}"\nruntime_dir = "{self.runtime}"\n'
        )

    def command(self, *more: str) -> list[str]:
        enter = ["nsenter", f"--net=/run/netns/{self.netns}"]
        agent = [sys.executable, "-m", "polpo.apps.agent", "--config"]
        return [*enter, *agent, str(self.folder / "agent.toml"), *more]

    async def start(self, **environment: str) -> None:
        with self.log.open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(), env=os.environ | environment, stderr=log, stdout=log
            )

    async def started(self) -> None:
        await self.start()
        await until(lambda: self.answers() or not self.running, f"agent of {self.name}", BEGIN_S)
        assert self.running, self.log.read_text()[-3000:]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def cpu_s(self) -> float:
        """Processor time that the agent has used."""
        assert self._process
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def kill(self) -> None:
        assert self._process
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        assert self._process
        self._process.terminate()
        return await self._process.wait()

    async def exited(self) -> int:
        assert self._process
        return await self._process.wait()

    async def remove(self) -> None:
        if self.running:
            await self.kill()
        try:
            sh(*self.command("--purge"))
        finally:
            sh(f"ip netns delete {self.netns}")

    async def ask(self, **request: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.runtime / "agent.sock"))
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
            return answer
        finally:
            writer.close()

    async def plug(self, port: str, netns: str) -> dict[str, Any]:
        answer = await self.ask(do="plug", port=port, netns=netns)
        assert answer["ok"], f"{answer}\n{self.log.read_text()[-3000:]}"
        return answer

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            return link.connect_ex(str(self.runtime / "agent.sock")) == 0

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask(do="status"))["status"]
        return found


class Cloud:
    """Two hosts and their controller: what a test gets."""

    def __init__(self, controller: Controller, a: HostUnderTest, b: HostUnderTest) -> None:
        self.controller, self.a, self.b = controller, a, b

    async def wired(self, host: HostUnderTest, number: int) -> tuple[str, str]:
        """A new port, plugged into a new namespace: (port id, namespace)."""
        port, name = self.controller.add_port(number), f"{PREFIX}w{number}"
        await host.plug(port, name)
        return port, name


async def eventually(
    true: Callable[[], Awaitable[bool]],
    what: str,
    deadline_s: float = 30.0,
    every_s: float = 0.02,
) -> None:
    """The same as `until` for what has to be awaited."""
    end = time.monotonic() + deadline_s
    while not await true():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        await asyncio.sleep(every_s)


def pings(netns: str, address: str, patience_s: int = 1) -> bool:
    """Whether one packet is answered in this time."""
    command = f"nsenter --net=/run/netns/{netns} ping -n -c 1 -W {patience_s} {address}"
    return subprocess.run(command.split(), capture_output=True, check=False).returncode == 0


def reaches(netns: str, address: str) -> bool:
    """The same where one packet has to be answered: a busy machine takes its time."""
    return pings(netns, address, 20)
