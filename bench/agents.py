"""Many simulated agents in one process: the real feed and status API, no switch behind them.

`python -m bench.agents FILE` reads hosts from a JSON file, then commands from its standard input
({"stop": 50}, {"go": true}), and tells on its standard output, one JSON object a line, when all
agents that are not stopped have first heard a revision: {"revision": 7, "at": <monotonic>}.
Each keeps to the real agent's ways: a report at each revision and every 5 s, the same back-off.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any, cast

import uvloop

MARK = b'{"revision":'
PERIOD_S, FIRST_S, LAST_S = 5.0, 0.1, 5.0


class Feed(asyncio.Protocol):
    """Looks for revisions and for nothing else: what rows say is not this bench's."""

    def __init__(self, agent: "Agent") -> None:
        self._agent, self._tail = agent, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._agent.feed = transport = cast(asyncio.Transport, transport)
        transport.write(self._agent.request("GET", f"target?since={self._agent.revision}"))

    def data_received(self, data: bytes) -> None:
        text = self._tail + data
        self._agent.heard_bytes += len(data)
        at = text.rfind(MARK)
        end = text.find(b"}", at)
        if at >= 0 and end > 0:
            self._agent.reach(int(text[at + len(MARK) : end]))
        self._tail = text[-40:] if at < 0 or end > 0 else text[at:]

    def connection_lost(self, _error: Exception | None) -> None:
        self._agent.feed = None


class Reports(asyncio.Protocol):
    """A connection that is kept for reports; their answers are not looked at."""

    def __init__(self, agent: "Agent") -> None:
        self._agent = agent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._agent.reports = cast(asyncio.Transport, transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._agent.reports = None


class Agent:
    def __init__(self, swarm: "Swarm", name: str, token: str, ports: list[str]) -> None:
        self._swarm, self._name, self._token = swarm, name, token
        self._ports = json.dumps(ports)
        self.feed: asyncio.Transport | None = None
        self.reports: asyncio.Transport | None = None
        self.revision, self.heard_bytes, self.stopped = 0, 0, False
        self.heard_from = 0  # which of the swarm's controllers has spoken last

    async def run(self) -> None:
        loop, wait_s = asyncio.get_running_loop(), FIRST_S
        while True:
            try:
                if self.feed is None:
                    await loop.create_connection(lambda: Feed(self), *self._swarm.address)
                if self.reports is None:
                    await loop.create_connection(lambda: Reports(self), *self._swarm.address)
                    self.report()
                wait_s = FIRST_S
                await asyncio.sleep(0.1 if self.feed is None else 0.5)
            except OSError:
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
                wait_s = min(LAST_S, 2 * wait_s)

    async def repeat(self) -> None:
        await asyncio.sleep(random.uniform(0, PERIOD_S))
        while True:
            self.report()
            await asyncio.sleep(PERIOD_S)

    def reach(self, revision: int) -> None:
        if revision > self.revision:
            self.revision = revision
            self.report()
            self._swarm.reached(self)
        self._swarm.spoken(self)

    def report(self) -> None:
        if self.reports is not None and not self.stopped:
            body = f'{{"revision":{self.revision},"ports":{self._ports}}}'.encode()
            self.reports.write(self.request("POST", "status", body))

    def request(self, method: str, what: str, body: bytes = b"") -> bytes:
        return (
            f"{method} /v1/hosts/{self._name}/{what} HTTP/1.1\r\nHost: bench\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    def stop(self) -> None:
        """As SIGSTOP does: nothing is read, nothing is said, the connections stay."""
        self.stopped = True
        if self.feed is not None:
            self.feed.pause_reading()

    def go(self) -> None:
        self.stopped = False
        if self.feed is not None:
            self.feed.resume_reading()


class Swarm:
    def __init__(self, address: tuple[str, int], hosts: list[dict[str, Any]]) -> None:
        self.address = address
        self._agents = [Agent(self, h["name"], h["token"], h["ports"]) for h in hosts]
        self._told = self._epoch = 0
        self._silent: set[Agent] = set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for agent in self._agents:
                group.create_task(agent.run())
                group.create_task(agent.repeat())
            group.create_task(self._obey())

    def reached(self, _agent: Agent) -> None:
        """Tell how far the last is, when that is further than before."""
        lowest = min(agent.revision for agent in self._agents if not agent.stopped)
        if lowest > self._told:
            self._told = lowest
            heard = sum(agent.heard_bytes for agent in self._agents)
            say(revision=lowest, at=time.monotonic(), heard_bytes=heard)

    def spoken(self, agent: Agent) -> None:
        """After a restart: tell when every agent has heard the new controller."""
        if agent in self._silent:
            self._silent.discard(agent)
            if not self._silent:
                say(all_heard=True, at=time.monotonic())

    async def _obey(self) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async for line in reader:
            command = json.loads(line)
            if "stop" in command:
                for agent in self._agents[-command["stop"] :]:
                    agent.stop()
            if "go" in command:
                for agent in self._agents:
                    agent.go()
            if "await_all" in command:
                self._silent = set(self._agents)
            say(done=command)
        raise SystemExit


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    swarm = Swarm(("127.0.0.1", told["port"]), told["hosts"])
    uvloop.run(swarm.run())


if __name__ == "__main__":
    main()
