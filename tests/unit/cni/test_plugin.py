"""The plugin as it is installed, run as container runtimes do, with an agent of the test's."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.cni import install

SYSTEM = "/usr/bin/python3"


class Agent:
    """Answers one call with `answer`; `heard` is what the plugin sent."""

    def __init__(self, path: Path) -> None:
        self.answer, self.heard = b"0\n", b""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._listening, self._listening.accept()[0] as link:
            while part := link.recv(1 << 16):
                self.heard += part
            link.sendall(self.answer)

    def wait(self) -> None:
        self._thread.join(timeout=30)


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "cni.sock"


@pytest.fixture
def agent(socket_path: Path) -> Iterator[Agent]:
    agent = Agent(socket_path)
    yield agent
    with socket.socket(socket.AF_UNIX) as link:  # for a test that did not call it
        link.connect_ex(str(socket_path))
    agent.wait()


def call(tmp_path: Path, socket_path: Path, command: str, given: str = "{}") -> tuple[int, str]:
    bin_dir, conf_dir = tmp_path / "bin", tmp_path / "conf"
    install.install(bin_dir, conf_dir, "k8s", socket_path, sys.executable)
    done = subprocess.run(
        [str(bin_dir / "polpo")],
        input=given,
        env=os.environ | {"CNI_COMMAND": command, "CNI_IFNAME": "eth0", "OTHER": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout


def test_what_is_given_reaches_the_agent_as_it_is(
    tmp_path: Path, agent: Agent, socket_path: Path
) -> None:
    given = '{"cniVersion": "1.0.0",\n "name": "\\u00fc"}'
    agent.answer = b'0\n{"cniVersion": "1.0.0"}\n'
    assert call(tmp_path, socket_path, "ADD", given) == (0, '{"cniVersion": "1.0.0"}\n')
    environment, _, config = agent.heard.partition(b"\0\0")
    assert set(environment.split(b"\0")) == {b"CNI_COMMAND=ADD", b"CNI_IFNAME=eth0"}
    assert config.decode() == given


def test_the_agents_refusal_is_the_exit_code(
    tmp_path: Path, agent: Agent, socket_path: Path
) -> None:
    agent.answer = b'1\n{"code": 7, "msg": "no"}'
    assert call(tmp_path, socket_path, "DEL") == (1, '{"code": 7, "msg": "no"}')


@pytest.mark.parametrize(("command", "code"), [("ADD", 11), ("DEL", 11), ("STATUS", 50)])
def test_without_an_agent_it_says_so_in_cnis_shape(
    tmp_path: Path, socket_path: Path, command: str, code: int
) -> None:
    status, said = call(tmp_path, socket_path, command)
    answer = json.loads(said)
    assert (status, answer["code"]) == (1, code)
    assert str(socket_path) in answer["msg"]


def test_an_agent_that_ends_in_the_middle_is_no_success(
    tmp_path: Path, agent: Agent, socket_path: Path
) -> None:
    agent.answer = b""
    status, said = call(tmp_path, socket_path, "ADD")
    assert (status, json.loads(said)["code"]) == (1, 11)


def test_versions_are_said_without_an_agent(tmp_path: Path, socket_path: Path) -> None:
    status, said = call(tmp_path, socket_path, "VERSION")
    assert status == 0
    assert "1.1.0" in json.loads(said)["supportedVersions"]


def test_it_names_its_interpreter_and_the_cluster(tmp_path: Path, socket_path: Path) -> None:
    install.install(tmp_path / "bin", tmp_path / "conf", "k8s", socket_path, "/opt/python3")
    plugin = tmp_path / "bin" / "polpo"
    assert plugin.read_text().startswith("#!/opt/python3 -ISB\n")
    assert plugin.stat().st_mode & 0o777 == 0o755
    config = json.loads((tmp_path / "conf" / "10-polpo.conflist").read_text())
    can = {"portMappings": True, "bandwidth": True, install.ANNOTATIONS: True}
    assert config["plugins"] == [{"type": "polpo", "cluster": "k8s", "capabilities": can}]
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"polpo"}


def test_it_imports_only_what_the_interpreter_has_built_in() -> None:
    source = Path(install.__file__).with_name("plugin.py").read_text()
    imported = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert {line.split()[1] for line in imported} == {"posix", "_socket"}
