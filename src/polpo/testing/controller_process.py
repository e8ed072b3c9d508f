"""A controller as a process of its own, to be killed, starved and begun again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from polpo.client.clouds import Cloud
from polpo.client.session import ApiError, Session
from polpo.testing import free

PATIENCE_S = 60.0


class ControllerProcess:
    """`folder` keeps its database and password over restarts."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self.port = free.port()
        self._database = database or f"sqlite:///{folder / 'polpo.db'}"
        self._password = folder.parent / f"{folder.name}-password"
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: list[Session] = []

    def start(self, **environment: str) -> Session:
        """Running, and answering: a session of its admin."""
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "polpo.apps.controller", "--database", self._database),
                *("--listen", f"127.0.0.1:{self.port}"),
                *("--admin-password-file", str(self._password)),
            ],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
        log.close()
        return self._await_answer()

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Also closes all sessions that were handed out."""
        for session in self._sessions:
            session.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)

    @property
    def password(self) -> str:
        """The admin's, when it has begun."""
        return self._password.read_text().strip()

    def session(self) -> Session:
        """The admin's."""
        url = f"http://127.0.0.1:{self.port}/identity/v3"
        self._sessions.append(Session(Cloud(url, "admin", self.password, "admin")))
        return self._sessions[-1]

    def _await_answer(self) -> Session:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                session = self.session()
                session.identity("GET", "/projects")
                return session
            except (ApiError, FileNotFoundError):
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)


def make_network(session: Session) -> str:
    """A network with a /16; its id."""
    network = session.network("POST", "/networks", {"network": {"name": "n"}})["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/16"}
    session.network("POST", "/subnets", {"subnet": subnet})
    quota = {"quota": {"port": -1}}
    project = session.network("GET", f"/networks/{network}")["network"]["project_id"]
    session.network("PUT", f"/quotas/{project}", quota)
    return str(network)


def bulk(session: Session, network: str, name: str, count: int) -> list[dict[str, Any]]:
    body = {"ports": [{"network_id": network, "name": name} for _ in range(count)]}
    made: list[dict[str, Any]] = session.network("POST", "/ports", body)["ports"]
    return made
