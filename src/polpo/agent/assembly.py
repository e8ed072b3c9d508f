"""One host's agent, put together: what there is, and who knows whom."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path

import structlog

from polpo.agent import requests, wanted
from polpo.agent.announcer import Announcer
from polpo.agent.balancer import instances as balancer_instances
from polpo.agent.balancer.access_logs import AccessLogs
from polpo.agent.balancer.balancers import Balancers
from polpo.agent.balancer.certificates import AGAIN_S, Certificates
from polpo.agent.config import Config
from polpo.agent.controller import Controller
from polpo.agent.denials import Denials
from polpo.agent.devices import Devices
from polpo.agent.dhcp.responder import Responder
from polpo.agent.door import Door
from polpo.agent.drift import Drift
from polpo.agent.errands import Errands
from polpo.agent.feed import Feed
from polpo.agent.gateway.gateways import Gateways
from polpo.agent.gateway.instances import Instances
from polpo.agent.guards import Guards
from polpo.agent.loop import Loop, Pass
from polpo.agent.metadata.service import Metadata
from polpo.agent.metrics import Figures, Metrics
from polpo.agent.observed import Observed
from polpo.agent.ownership import own_netns
from polpo.agent.page import Page
from polpo.agent.pairs.isolation import Isolation
from polpo.agent.patience import Patience
from polpo.agent.plugging import Plugging
from polpo.agent.plugs import Plugs
from polpo.agent.pods.assembly import Pods
from polpo.agent.pods.health import Asked, Health
from polpo.agent.pods.host_ports import HostPorts
from polpo.agent.port_steps import PortSteps
from polpo.agent.probes import Probes
from polpo.agent.reconciler import Step
from polpo.agent.reporter import Reporter, now
from polpo.agent.tables import Tables
from polpo.agent.target import Target
from polpo.agent.target_file import TargetFile
from polpo.agent.tunnel import TunnelDevice
from polpo.agent.wanted import Wire, Wired
from polpo.agent.ways_in import Outside, WaysIn
from polpo.agent.world import Function, World
from polpo.dataplane.rings import DENIED_RING, RING
from polpo.kernel import bpf, events, netns
from polpo.kernel.netlink import Netlink
from polpo.kernel.packets import Sender
from polpo.kernel.ring import Ring
from polpo.runtime.clock import monotonic
from polpo.target.status import Status
from polpo.target.wire import Line


class Agent:
    """Everything, put together. Reads the disk and loads the switch; nothing runs yet."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.started_at = now()
        self.drift, self.patience = Drift(), Patience(monotonic)
        self.plugs = Plugs(config.state / "plugs.json", config.runtime / "plugs.json")
        self.target = Target(config.host)
        self.file = TargetFile(config.state / "target.jsonl")
        self.plugs.load()
        bpf.mount(config.bpffs)
        self.switch = bpf.load(config.bpffs)
        self._stale = bpf.stale(config.bpffs, self.switch)
        self.devices = Devices(Netlink())
        self.gateways = self._gateways()
        mounted = Path(config.certificate_dir) if config.certificate_dir else None
        self.certificates = Certificates(
            config.state / "certificates", lambda: self.loop.wake(), mounted
        )
        self.access_logs = AccessLogs(config.state / "access")
        self.balancers = self._balancers()
        self.host_ports = HostPorts(config.clusters, own_netns(config.runtime), self.target)
        self.world = World(self.target, self.plugs, self._functions(), self.devices, self.patience)
        self.guards = Guards(self.devices, self.plugs, self.switch.programs)
        self.ways_in = WaysIn(
            self.devices,
            self.switch.programs,
            lambda: [plug.device for plug in self.plugs if plug.kind == "tap"],
            lambda: self.host_ports.devices,
        )
        self.observed = Observed(self.switch, self.world.ports, self.devices)
        self.tables = self._tables()
        self.announcer = Announcer(
            self.observed, self.tables, self.switch.programs["from_port"], monotonic
        )
        self.responder = self._responder()
        self.denials = self._denials()
        self.metadata = Metadata(
            config, self.target, self.world.ports, self.devices, self.drift, self.patience
        )
        self.port_steps = self._port_steps()
        self.loop = Loop(
            self.target, self.world, self.tables, self._steps(), self.patience, monotonic
        )
        self.file.load(self.target)
        self.tables.hear([Line(slice=name, full=True) for name in self.target.slices])
        self._wire_outside()

    def _gateways(self) -> Gateways:
        config, devices, patience = self.config, self.devices, self.patience
        isolation = config.runtime / "gateways" / "isolation"
        instances = Instances(
            config.host, config.uplinks, isolation, self.target, devices, patience
        )
        return Gateways(config, instances, devices, self.drift, patience, lambda: self.loop.wake())

    def _balancers(self) -> Balancers:
        config, devices, patience = self.config, self.devices, self.patience
        instances = balancer_instances.Instances(
            config.host,
            config.runtime / "balancers",
            config.runtime / "gateways" / "isolation",
            self.target,
            patience,
            self.certificates,
            self.access_logs,
            config.balancer_memory_mib,
            lambda address: self.isolation.is_near(address),
        )
        may_begin = self.gateways.may_begin
        return Balancers(
            instances,
            devices,
            self.drift,
            patience,
            may_begin,
            lambda: self.loop.wake(),
            lambda: self.reporter.wake(),
        )

    def _functions(self) -> list[Function]:
        return [self.gateways.instances, self.balancers.instances, self.host_ports]

    def _isolation(self) -> Isolation:
        isolation = Isolation(
            self.config.runtime / "gateways" / "isolation",
            self.config.underlay,
            self.target.hosts,
            self.target.peers,
            lambda: bool(any(f.all for f in self._functions()) or self.config.uplinks),
            self.controller.answers,
            monotonic,
        )
        isolation.prepare()
        isolation.on_peers = self._peers_changed
        return isolation

    def _peers_changed(self) -> None:
        """A peer is heard, or not any more."""
        self.announcer.tell_again()
        self.loop.wake()

    def _tables(self) -> Tables:
        return Tables(
            self.switch,
            self.config.underlay,
            self.config.vxlan_port,
            self.target,
            self.world.ports,
            self.devices,
            self.drift,
            self.patience,
            monotonic,
        )

    def _responder(self) -> Responder:
        ring = Ring(self.switch.tables[RING])
        return Responder(ring, Sender(), self.target, self.world.ports, self.devices, monotonic)

    def _denials(self) -> Denials:
        ring = Ring(self.switch.tables[DENIED_RING])
        return Denials(ring, self.responder.port_at, time.time, lambda: self.reporter.wake())

    def _steps(self) -> list[Pass]:
        """In the order of putting; removing goes the other way."""
        config, steps, around = self.config, self.port_steps, (self.drift, self.patience)
        tunnel = wanted.tunnel(config.underlay, config.vxlan_port)
        return [
            *self.gateways.before(),
            *self.balancers.before(),
            *self.metadata.before(),
            Step(TunnelDevice(self.devices), lambda: tunnel, *around),
            steps.ends,
            self.tables,
            steps.guards,
            steps.gates,
            Step(self.ways_in, self._outside().wanted, *around),
            steps.workloads,
            *self.metadata.after(),
            *self.gateways.after(),
            *self.balancers.after(),
        ]

    def _outside(self) -> Outside:
        return Outside(
            self.devices,
            self.switch.programs,
            self.config.guest_devices,
            self.config.underlay,
            lambda: self.host_ports.devices,
            lambda: self.tables.welcomes_guests,
        )

    def _port_steps(self) -> PortSteps:
        return PortSteps(
            self.devices,
            self.plugs,
            self.world.ports,
            self.guards,
            self.switch.programs,
            self._wires,
            lambda: self.loop.wake(),
            self.drift,
            self.patience,
        )

    def _wires(self, ports: Mapping[str, Wired]) -> dict[str, Wire]:
        wires = wanted.wires(ports, self.target.subnet)
        for function in self._functions():
            wires = function.wires(wires, ports)
        return wires

    def _wire_outside(self) -> None:
        self.controller = Controller(self.config)
        self.isolation = self._isolation()
        self.feed = Feed(
            self.controller, self.target, self.file, self.loop.moved, self.gateways.word
        )
        self.reporter = Reporter(self.controller, self.status, monotonic)
        self.metrics = Metrics(self.status, self.figures, self.balancers.metrics)
        self.probes = self._probes()
        self.loop.after += [self.probes.look, self.reporter.wake, self.announcer.look]
        self.loop.after_pass.append(self._after_pass)
        plugging = Plugging(
            self.controller,
            self.target,
            self.plugs,
            self.loop,
            Errands(self.loop, self.world, self.devices, self.tables, self.port_steps),
            partial(self.world.settled, self.guards),
        )
        self.pods = Pods(self.config, self.controller, self.target, self.plugs, plugging, self.loop)
        handlers = requests.handlers(
            plugging, self.status, self.metrics.text, lambda name: name in self.devices.read()
        )
        self.door = Door(self.config.socket, handlers)

    def _probes(self) -> Probes:
        return Probes(
            self.target,
            self.world.ports,
            self.gateways.instances.all,
            self.devices.index,
            self.switch.programs["send_in"],
            self.observed.drops,
            self.reporter.wake,
        )

    def carrying(self) -> tuple[str, ...]:
        return self.world.carrying(self.guards)

    def status(self) -> Status:
        return Status(
            revision=self.loop.reached,
            ports=self.carrying(),
            drift=dict(self.drift.repaired),
            drops=self.observed.drops(),
            rows=self.tables.rows,
            moved=self.observed.moved(),
            active=self.gateways.roles.active + self.balancers.roles.active,
            ready=self.gateways.roles.ready + self.balancers.roles.ready,
            balancing=self.balancers.figures(),
            served=self.observed.served(self.tables.listeners),
            looked=self.gateways.roles.looked,
            uplinks=self.gateways.instances.uplinks(),
            sighted=self.probes.sighted(),
            denied=self.denials.recent(),
            heard=self.isolation.heard(),
            error=self.loop.error(),
            refused=self.feed.refused,
            version=version("polpo"),
            started_at=self.started_at,
            loop_ms=round(self.loop.last_s * 1000, 3),
        )

    def figures(self) -> Figures:
        return Figures(
            held=self.target.revision,
            feed_cuts=self.feed.cuts,
            feed_connected=self.feed.connected,
            disk_errors=self.file.errors,
            traffic=self.observed.traffic(),
            asked=self.responder.asked,
            answers={**self.responder.answers, **self.metadata.answers()},
            pods={port.id: port.name for port, _ in self.world.ports.values() if port.pods_of},
        )

    def _after_pass(self) -> None:
        self.metrics.loop_seconds.observe(self.loop.last_s)
        self.observed.forget_gone()
        self.responder.renew()
        self.metadata.answering.renew()
        self.gateways.look(self.target.revision)
        self.balancers.look()
        if self.loop.error() is None:
            for directory in self._stale:  # nothing is guarded by a former layout any more
                bpf.unpin(directory)
            self._stale = []

    async def run(self) -> None:
        """Until cancelled."""
        self._listen()
        await self._serve_metrics()
        async with await self.door.open(), self.pods.open():
            self.loop.wake()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.loop.run())
                tasks.create_task(self.feed.follow())
                tasks.create_task(self.reporter.run())
                tasks.create_task(self.isolation.run())
                tasks.create_task(self.balancers.pings.run())
                tasks.create_task(self.access_logs.run(self.target))
                tasks.create_task(self._fetch_certificates())
                tasks.create_task(self.pods.keeper.run())
                tasks.create_task(self._check_health())

    async def _check_health(self) -> None:
        """As Services come and go."""
        health = Health(
            self.tables.checked,
            self._backends_here,
            lambda: self.loop.error() is None,
            bool(self.config.clusters),
        )
        while True:
            await health.look()
            await self.loop.next_pass()

    def _backends_here(self, port: int) -> Asked | None:
        name = self.tables.checked().get(port)
        return Asked(name, self.tables.ready_here(port)) if name is not None else None

    async def _fetch_certificates(self) -> None:
        """After each pass in which rows name some that are not here."""
        while True:
            done = await self.certificates.fetch(self.controller, self.target.balancers())
            if not done:
                await asyncio.sleep(AGAIN_S)
            await self.loop.next_pass()

    def _listen(self) -> None:
        """Have the kernel wake the loop."""
        here, loop = events.kernel_events(), asyncio.get_running_loop()
        loop.add_reader(here, lambda: self._woken(here.fileno()))
        self._events = here  # kept open
        try:
            names = events.name_events(netns.DIRECTORY)
            loop.add_reader(names, lambda: self._names_woken(names))
        except OSError as e:  # passes come without being woken, too, only later
            advice = "raise fs.inotify.max_user_instances"
            structlog.get_logger("polpo.agent").warning("late", reason=str(e), advice=advice)
        self.responder.listen()
        self.denials.listen()
        self.metadata.listener.listen()

    async def _serve_metrics(self) -> None:
        if not self.config.metrics_listen:
            return
        try:
            self._page = await Page(self.metrics.text).open(self.config.metrics_listen)
        except OSError as e:  # figures are not worth a host's network
            log = structlog.get_logger("polpo.agent")
            log.error("no figures", listen=self.config.metrics_listen, reason=str(e))

    def _names_woken(self, handle: int) -> None:
        self.patience.hurry()
        self._woken(handle)

    def _woken(self, handle: int) -> None:
        events.drain(handle)
        self.loop.wake()
