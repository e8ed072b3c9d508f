"""The feed as an agent meets it: a socket, a real controller process, other agents beside it."""

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.client.session import Session
from polpo.target.wire import FORMAT
from polpo.testing.controller_process import ControllerProcess


class Agent:
    """Reads the feed of its host from a plain socket, when asked to."""

    def __init__(self, port: int, host: dict[str, Any], format: int) -> None:
        path = f"/v1/hosts/{host['name']}/target?since=0&format={format}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {host['token']}\r\nConnection: close\r\n\r\n".encode()
        )
        self._text = b""

    def await_revision(self, revision: int) -> None:
        """Until the feed has said it."""
        while f'{{"revision":{revision}}}'.encode() not in self._text:
            piece = self._socket.recv(65536)
            assert piece, "the stream ended"
            self._text += piece

    def read_to_the_end(self) -> bytes:
        while piece := self._socket.recv(65536):
            self._text += piece
        return self._text

    def hang_up(self) -> None:
        self._socket.close()


Listen = Callable[..., Agent]


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ControllerProcess]:
    folder = tmp_path / "controller"
    folder.mkdir()
    made = ControllerProcess(folder)
    yield made
    made.stop()


@pytest.fixture
def listen(controller: ControllerProcess) -> Iterator[Listen]:
    """A new agent of a host; all of them hang up in the end."""
    agents: list[Agent] = []

    def begin(host: dict[str, Any], format: int = FORMAT) -> Agent:
        agents.append(Agent(controller.port, host, format))
        return agents[-1]

    yield begin
    for agent in agents:
        agent.hang_up()


def enrol(session: Session, number: int) -> dict[str, Any]:
    body = {"host": {"name": f"h{number}", "address": f"192.0.2.{number}"}}
    return dict(session.hosts("POST", "/hosts", body)["host"])


def streams(controller: ControllerProcess) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{controller.port}/metrics") as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("polpo_feed_streams"))


def test_an_agent_that_hangs_up_is_forgotten(controller: ControllerProcess, listen: Listen) -> None:
    session = controller.start()
    host = enrol(session, 1)
    agent = listen(host)
    agent.await_revision(session.hosts("GET", "/status")["revision"])
    assert streams(controller) == 1
    agent.hang_up()
    enrol(session, 2)  # a revision: the stream notices at its next word
    deadline = time.monotonic() + 10
    while streams(controller) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert streams(controller) == 0


def test_agents_that_do_not_read_hold_nobody_up(
    controller: ControllerProcess, listen: Listen
) -> None:
    session = controller.start()
    hosts = [enrol(session, number) for number in range(1, 21)]
    agents = [listen(host) for host in hosts]
    reader, sleepers = agents[0], agents[1:]
    for sleeper in sleepers:
        sleeper.await_revision(session.hosts("GET", "/status")["revision"])
    for number in range(30, 60):
        revision = enrol(session, number)["revision"]
        reader.await_revision(revision)  # while nobody else reads
    sleepers[0].await_revision(revision)  # asleep, not forgotten


def test_a_rotated_token_ends_the_stream(controller: ControllerProcess, listen: Listen) -> None:
    session = controller.start()
    host = enrol(session, 1)
    agent = listen(host)
    agent.await_revision(session.hosts("GET", "/status")["revision"])
    session.hosts("POST", "/hosts/h1/token", {})
    assert agent.read_to_the_end().endswith(b"0\r\n\r\n")


def test_a_stopped_controller_ends_streams_at_once(
    controller: ControllerProcess, listen: Listen
) -> None:
    session = controller.start()
    host = enrol(session, 1)
    agent = listen(host)
    agent.await_revision(session.hosts("GET", "/status")["revision"])
    controller.stop()  # no agent's silence is waited for
    assert agent.read_to_the_end().endswith(b"0\r\n\r\n")


def test_an_agent_of_an_older_format_is_told_to_be_upgraded(
    controller: ControllerProcess, listen: Listen
) -> None:
    host = enrol(controller.start(), 1)
    answer = listen(host, format=FORMAT - 1).read_to_the_end()
    assert answer.startswith(b"HTTP/1.1 409 ")
    assert b"upgrade polpo on h1" in answer
