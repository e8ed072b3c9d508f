"""`polpo lab up`: everything started, everything made, everything proven. Idempotent."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from polpo.client.session import ApiError, Session
from polpo.lab import outside, secrets, tenants
from polpo.lab.checks import CHECKS, Check, Proof
from polpo.lab.command import CommandFailed
from polpo.lab.harm import Harm
from polpo.lab.kubernetes import checks as kubernetes
from polpo.lab.kubernetes.cluster import Cluster
from polpo.lab.kubernetes.components import COMPONENTS
from polpo.lab.kubernetes.layout import Front
from polpo.lab.kubernetes.masters import ensure_masters
from polpo.lab.kubernetes.network import ensure_network
from polpo.lab.kubernetes.programs import find
from polpo.lab.layout import Lab, LabHost
from polpo.lab.running import LabFailed, Running
from polpo.lab.underlay import raise_underlay

Say = Callable[[str], None]


class Builder:
    """The steps of `up`, in order. `say` is told what is done, as it is done."""

    def __init__(self, lab: Lab, say: Say) -> None:
        self._lab, self._say = lab, say
        self._running = Running(lab)
        self._admin = self._running.admin
        self.cluster: Cluster | None = None

    def build(self) -> None:
        """From nothing, or from whatever an earlier run left, to a lab that is ready."""
        running, lab = self._running, self._lab
        with self._step("underlay: a bridge and three hosts"):
            raise_underlay(lab)
        with self._step("the world outside, with cables to some hosts"):
            outside.raise_outside(lab)
        with self._step("controller"):
            running.start_controller()
        with self._step("projects and users"):
            secrets.write_clouds(lab)
            tenants.ensure_people(self._admin, running.passwords())
        with self._step("hosts and their agents"):
            for host in lab.hosts:
                self._enrol(host)
                running.start_agent(host)
            for host in lab.hosts:
                running.await_agent(host)
        with self._step("networks, routers, security groups, ports, a way out"):
            ports = self._make_tenants()
        with self._step("workloads plugged in"):
            for workload, port in ports:
                self._plug(workload, port)
            running.serve(lab.outside, "outside", (80,))
            running.await_converged()

    def prove_all(self) -> Iterator[Check]:
        """The network first: it can be used while Kubernetes, if there is to be one, comes up."""
        yield from self.prove()
        if self._lab.cluster:
            self.build_kubernetes()
        if self.cluster is not None:
            yield from kubernetes.prove(self.cluster)

    def build_kubernetes(self) -> None:
        """Real Kubernetes on the hosts; where its programs are not, that is said, and no more."""
        programs = find()
        if programs.missing:
            self._say(f"no Kubernetes: there is no {', '.join(programs.missing)} here")
            return
        front = self._make_cluster()
        cluster = Cluster(self._running, programs, front)
        cluster.build(self._step)
        for component in COMPONENTS:
            with self._step(component.what):
                component.start(cluster)
        self.cluster = cluster

    def _make_cluster(self) -> Front | None:
        """In the cloud; the load balancer before its masters, if they are several."""
        world = tenants.ensure_outside(self._admin, outside.PHYSICAL_NETWORK, outside.SUBNETS)
        several = self._lab.masters > 1
        masters = f", {self._lab.masters} masters behind a load balancer" if several else ""
        with (
            self._step(f"the cluster's network and router{masters}"),
            self._running.tenant() as user,
        ):
            if several:
                return ensure_masters(self._running, user, world)
            ensure_network(user, self._lab, world)
        return None

    def prove(self) -> Iterator[Check]:
        """Each check as it is done."""
        harm = Harm(self._running)
        proof = Proof(
            self._lab,
            harm.drops,
            harm.kill_agent,
            harm.revive_agent,
            harm.active_gateway,
            harm.cut,
            harm.mend,
            harm.make_balancer,
            harm.await_balancer,
            harm.find_balancer,
            harm.kill_balancer,
        )
        for check in CHECKS:
            yield check(proof)

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

    def _make_tenants(self) -> list[tuple[tenants.Workload, str]]:
        """(workload, id of its port) for all of both projects."""
        made = []
        world = tenants.ensure_outside(self._admin, outside.PHYSICAL_NETWORK, outside.SUBNETS)
        for user, password in self._running.passwords().items():
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
        netns = self._lab.netns(workload.name)
        self._running.agent(workload.host).plug(port, netns=netns)
        if workload.serves:
            self._running.serve(netns, workload.name, workload.serves)

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        except (ApiError, CommandFailed) as error:
            raise LabFailed(f"{what}: {error}") from error
        self._say(f"{what} ({time.monotonic() - begun:.1f} s)")


class Report(msgspec.Struct):
    """What `--json` prints."""

    checks: list[Check]
    took_s: float
