"""The lab's programs, and who to ask about them: for whoever builds, checks or harms it."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from polpo.client.agent import AgentSocket
from polpo.client.session import ApiError, Session
from polpo.lab import outside, probes, secrets, tenants
from polpo.lab.command import inside
from polpo.lab.layout import Lab, LabHost
from polpo.lab.processes import Processes

PATIENCE_S = 60.0
PROJECT = "polpo"


class LabFailed(Exception):
    """What did not come up, and the end of its log."""


class Running:
    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.processes = Processes(lab.folder / "run")
        self.admin = Session(
            tenants.cloud_of(lab.url, "admin", secrets.keep_secret(lab.admin_password))
        )

    def passwords(self) -> dict[str, str]:
        """Of the users."""
        folder = self.lab.folder / "passwords"
        return {user: secrets.keep_secret(folder / user) for user in secrets.PEOPLE.values()}

    @contextmanager
    def tenant(self) -> Iterator[Session]:
        """As the user of project polpo, whose the Kubernetes cluster is, too."""
        session = tenants.sign_in(self.lab.url, PROJECT, self.passwords()[PROJECT])
        try:
            yield session
        finally:
            session.close()

    def host(self, name: str) -> LabHost:
        return next(host for host in self.lab.hosts if host.name == name)

    def agent(self, host: str) -> AgentSocket:
        return AgentSocket(self.host(host).socket)

    def start_controller(self) -> None:
        lab = self.lab
        database = lab.folder / "controller" / "polpo.db"
        secrets.write_private(
            lab.controller_config,
            f'database = "sqlite:///{database}"\n'
            f'listen = "{lab.address}:{lab.port}"\n'
            f'public_url = "{lab.url}"\n'
            f'admin_password_file = "{lab.admin_password}"\n',
        )
        command = polpo("controller", "--config", str(lab.controller_config))
        self.start("controller", command)
        self.until(self._controller_answers, "controller")

    def _controller_answers(self) -> bool:
        try:
            self.admin.identity("GET", "/projects", limit=1)
        except ApiError as error:
            if error.status != 0:
                raise
            return False
        return True

    def start_agent(self, host: LabHost) -> None:
        settings, name = _agents_settings(self.lab, host), f"agent-{host.name}"
        if host.config.exists() and host.config.read_text() != settings:
            self.processes.stop(name)
        secrets.write_private(host.config, settings)
        command = inside(host.netns, *polpo("agent", "--config", str(host.config)))
        self.start(name, command)

    def await_agent(self, host: LabHost) -> None:
        self.until(AgentSocket(host.socket).answers, f"agent-{host.name}")

    def serve(self, netns: str, name: str, ports: Sequence[int]) -> None:
        """An HTTP server in the namespace, which says its name."""
        module = (sys.executable, "-m", "polpo.lab.server", name)
        if not probes.answers(netns, ports[0]):  # also when its namespace is new
            self.processes.stop(f"serve-{name}")
        self.start(f"serve-{name}", inside(netns, *module, *map(str, ports)))

    def await_converged(self) -> None:
        """Until every host has reported the newest revision, and every server answers."""
        head = self.admin.hosts("GET", "/status")["revision"]
        self.admin.hosts("GET", f"/revisions/{head}", timeout=int(PATIENCE_S))
        for workload in tenants.WORKLOADS:
            netns = self.lab.netns(workload.name)
            for port in workload.serves:
                self.until(partial(probes.answers, netns, port), f"serve-{workload.name}")

    def start(self, name: str, command: tuple[str, ...]) -> None:
        self.processes.ensure(name, command)

    def until(self, true: Callable[[], bool], name: str, patience_s: float = PATIENCE_S) -> None:
        """An error with the program's log if that ends, or takes too long."""
        deadline = time.monotonic() + patience_s
        while not true():
            if self.processes.pid(name) is None or time.monotonic() > deadline:
                raise LabFailed(f"{name} did not come up:\n{self.processes.log(name)}")
            time.sleep(0.05)


def _agents_settings(lab: Lab, host: LabHost) -> str:
    text = (
        f'host = "{host.name}"\n'
        f'controller = "{lab.url}"\n'
        f'token_file = "{host.token}"\n'
        f'underlay = "{host.address}"\n'
        f'state_dir = "{host.folder / "state"}"\n'
        f'runtime_dir = "{host.runtime}"\n'
    )
    if lab.cluster and host.name in lab.workers:
        text += f'clusters = ["{lab.cluster}"]\n'
    if host.name in lab.uplinks:
        text += f'[uplinks]\n{outside.PHYSICAL_NETWORK} = "{outside.DEVICE}"\n'
    return text


def polpo(*words: str) -> tuple[str, ...]:
    """The command line of this very installation."""
    return (sys.executable, "-m", "polpo.cli.main", *words)
