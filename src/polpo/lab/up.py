"""`polpo lab up`: everything started, everything made, everything proven. Idempotent."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

from polpo.client.agent import AgentSocket
from polpo.client.session import ApiError, Session
from polpo.lab import outside, probes, secrets, tenants
from polpo.lab.checks import CHECKS, Check, Proof
from polpo.lab.command import CommandFailed, inside
from polpo.lab.layout import Lab, LabHost
from polpo.lab.processes import Processes
from polpo.lab.underlay import raise_underlay

PATIENCE_S = 30.0

Say = Callable[[str], None]


class LabFailed(Exception):
    """What did not come up, and the end of its log."""


class Builder:
    """The steps of `up`, in order. `say` is told what is done, as it is done."""

    def __init__(self, lab: Lab, say: Say) -> None:
        self._lab = lab
        self._say = say
        self._processes = Processes(lab.folder / "run")
        self._admin = Session(
            tenants.cloud_of(lab.url, "admin", secrets.keep_secret(lab.admin_password))
        )

    def build(self) -> None:
        """From nothing, or from whatever an earlier run left, to a lab that is ready."""
        with self._step("underlay: a bridge and three hosts"):
            raise_underlay(self._lab)
        with self._step("the world outside, with cables to two hosts"):
            outside.raise_outside(self._lab)
        with self._step("controller"):
            self._start_controller()
        with self._step("projects and users"):
            secrets.write_clouds(self._lab)
            tenants.ensure_people(self._admin, self._passwords())
        with self._step("hosts and their agents"):
            for host in self._lab.hosts:
                self._enrol(host)
                self._start_agent(host)
            for host in self._lab.hosts:
                self._await_agent(host)
        with self._step("networks, routers, security groups, ports, a way out"):
            ports = self._make_tenants()
        with self._step("workloads plugged in"):
            for workload, port in ports:
                self._plug(workload, port)
            self._serve(self._lab.outside, "outside", (80,))
            self._await_converged()

    def prove(self) -> Iterator[Check]:
        """Each check as it is done."""
        proof = Proof(self._lab, self._drops, self._kill_agent, self._revive_agent)
        for check in CHECKS:
            yield check(proof)

    def _start_controller(self) -> None:
        lab = self._lab
        database = lab.folder / "controller" / "polpo.db"
        secrets.write_private(
            lab.controller_config,
            f'database = "sqlite:///{database}"\n'
            f'listen = "{lab.address}:{lab.port}"\n'
            f'public_url = "{lab.url}"\n'
            f'admin_password_file = "{lab.admin_password}"\n',
        )
        self._start("controller", polpo("controller", "--config", str(lab.controller_config)))
        self._await("controller", self._controller_answers)

    def _controller_answers(self) -> bool:
        try:
            self._admin.identity("GET", "/projects", limit=1)
        except ApiError as error:
            if error.status != 0:
                raise
            return False
        return True

    def _passwords(self) -> dict[str, str]:
        folder = self._lab.folder / "passwords"
        return {user: secrets.keep_secret(folder / user) for user in secrets.PEOPLE.values()}

    def _enrol(self, host: LabHost) -> None:
        """Make the host known to the controller; its token goes to a file only root reads."""
        if host.token.exists():
            return
        known = {h["name"] for h in self._admin.hosts("GET", "/hosts")["hosts"]}
        if host.name in known:
            made = self._admin.hosts("POST", f"/hosts/{host.name}/token")["host"]
        else:
            body = {"host": {"name": host.name, "address": host.address}}
            made = self._admin.hosts("POST", "/hosts", body)["host"]
        secrets.write_private(host.token, made["token"])

    def _start_agent(self, host: LabHost) -> None:
        secrets.write_private(
            host.config,
            f'host = "{host.name}"\n'
            f'controller = "{self._lab.url}"\n'
            f'token_file = "{host.token}"\n'
            f'underlay = "{host.address}"\n'
            f'state_dir = "{host.folder / "state"}"\n'
            f'runtime_dir = "{host.runtime}"\n' + self._uplinks(host),
        )
        command = inside(host.netns, *polpo("agent", "--config", str(host.config)))
        self._start(f"agent-{host.name}", command)

    def _uplinks(self, host: LabHost) -> str:
        if host.name not in self._lab.uplinks:
            return ""
        return f'[uplinks]\n{outside.PHYSICAL_NETWORK} = "{outside.DEVICE}"\n'

    def _await_agent(self, host: LabHost) -> None:
        self._await(f"agent-{host.name}", AgentSocket(host.socket).answers)

    def _make_tenants(self) -> list[tuple[tenants.Workload, str]]:
        """(workload, id of its port) for all of both projects."""
        made = []
        world = tenants.ensure_outside(self._admin, outside.PHYSICAL_NETWORK, outside.SUBNETS)
        for user, password in self._passwords().items():
            session = tenants.sign_in(self._lab.url, user, password)
            networks = tenants.ensure_networks(session, user)
            tenants.ensure_groups(session)
            mine = [w for w in tenants.WORKLOADS if w.project == user]
            ports = [(w, tenants.ensure_port(session, networks[w.network], w)) for w in mine]
            self._lead_out(session, user, world, ports)
            made += ports
        return made

    def _lead_out(
        self, session: Session, user: str, world: str, ports: list[tuple[tenants.Workload, str]]
    ) -> None:
        """The project's router to the world, and the world's way back to its IPv6."""
        addresses = tenants.ensure_way_out(session, world)
        inside = [p for prefixes in tenants.NETWORKS[user].values() for p in prefixes if ":" in p]
        outside.route(self._lab, inside, next(a for a in addresses if ":" in a))
        for workload, port in ports:
            if workload.floating:
                tenants.ensure_floating_ip(self._admin, world, port, workload.floating)

    def _plug(self, workload: tenants.Workload, port: str) -> None:
        """A namespace for the port on its host, and its HTTP server in it."""
        host = next(h for h in self._lab.hosts if h.name == workload.host)
        netns = self._lab.netns(workload.name)
        AgentSocket(host.socket).plug(port, netns=netns)
        if workload.serves:
            self._serve(netns, workload.name, workload.serves)

    def _serve(self, netns: str, name: str, ports: Sequence[int]) -> None:
        """An HTTP server that says its name."""
        module = (sys.executable, "-m", "polpo.lab.server", name)
        if not probes.answers(netns, ports[0]):  # also when its namespace is new
            self._processes.stop(f"serve-{name}")
        self._start(f"serve-{name}", inside(netns, *module, *map(str, ports)))

    def _await_converged(self) -> None:
        """Until every host has reported the newest revision, and every server answers."""
        head = self._admin.hosts("GET", "/status")["revision"]
        self._admin.hosts("GET", f"/revisions/{head}", timeout=int(PATIENCE_S))
        for workload in tenants.WORKLOADS:
            netns = self._lab.netns(workload.name)
            for port in workload.serves:
                self._await(f"serve-{workload.name}", partial(probes.answers, netns, port))

    def _drops(self, host: str) -> dict[str, int]:
        drops: dict[str, int] = self._agent(host).status().get("drops", {})
        return drops

    def _kill_agent(self, host: str) -> None:
        self._processes.kill(f"agent-{host}")

    def _revive_agent(self, host: str) -> None:
        chosen = next(h for h in self._lab.hosts if h.name == host)
        self._start_agent(chosen)
        self._await_agent(chosen)

    def _agent(self, host: str) -> AgentSocket:
        return AgentSocket(next(h.socket for h in self._lab.hosts if h.name == host))

    def _start(self, name: str, command: tuple[str, ...]) -> None:
        self._processes.ensure(name, command)

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        """Until it is ready; an error with its log if it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            if self._processes.pid(name) is None or time.monotonic() > deadline:
                raise LabFailed(f"{name} did not come up:\n{self._processes.log(name)}")
            time.sleep(0.05)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except (ApiError, CommandFailed) as error:
            raise LabFailed(f"{what}: {error}") from error
        self._say(f"{what} ({time.monotonic() - begun:.1f} s)")


def polpo(*words: str) -> tuple[str, ...]:
    """The command line of this very installation."""
    return (sys.executable, "-m", "polpo.cli.main", *words)


class Report(msgspec.Struct):
    """What `--json` prints."""

    checks: list[Check]
    took_s: float
