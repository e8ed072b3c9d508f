"""What is asked of an agent on this machine, over its socket (root only)."""

import socket
from pathlib import Path
from typing import Any

import msgspec

RUNTIME = Path("/run/polpo")
PATIENCE_S = 30.0


class AgentError(Exception):
    """The agent's own words, or that there is none."""


class AgentSocket:
    """One agent. Its protocol: one JSON object a line in, one out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def host(self) -> str:
        """By the name of its runtime directory."""
        return self._path.parent.name

    def plug(self, port: str, netns: str = "", tap: str = "", device: str = "eth0") -> Any:
        """What the port has got: device, mac, mtu, leases. Raises AgentError."""
        request = {"do": "plug", "port": port, "device": device}
        return self._ask(request | ({"tap": tap} if tap else {"netns": netns}))

    def unplug(self, port: str) -> Any:
        return self._ask({"do": "unplug", "port": port})

    def status(self) -> dict[str, Any]:
        """target.status.Status as a dictionary."""
        status: dict[str, Any] = self._ask({"do": "status"})["status"]
        return status

    def answers(self) -> bool:
        try:
            self.status()
        except AgentError:
            return False
        return True

    def _ask(self, request: dict[str, Any]) -> Any:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(PATIENCE_S)
                link.connect(str(self._path))
                link.sendall(msgspec.json.encode(request) + b"\n")
                with link.makefile("rb") as lines:
                    answer = msgspec.json.decode(lines.readline())
        except (OSError, msgspec.MsgspecError) as error:
            raise AgentError(f"no agent answers at {self._path}: {error}") from error
        if not answer.pop("ok"):
            raise AgentError(answer["error"])
        return answer


def local_agents(runtime: Path = RUNTIME) -> list[AgentSocket]:
    """The agents of this machine that answer: one on a real host, several in the lab."""
    found = [AgentSocket(path) for path in sorted(runtime.glob("*/agent.sock"))]
    return [agent for agent in found if agent.answers()]
