"""The load balancers that this host has an instance of: rows, and what they come to."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from polpo.agent.balancer import vrrp
from polpo.agent.balancer.access_logs import AccessLogs
from polpo.agent.balancer.certificates import Certificates
from polpo.agent.balancer.proxy.configuration import configuration
from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.threads import threads
from polpo.agent.balancer.proxy.tls import CertificateList, certificate_lists
from polpo.agent.balancer.ruleset import ruleset
from polpo.agent.ownership import FRONT, TRANSIT, back, function_netns
from polpo.agent.pairs import transit
from polpo.agent.patience import Patience
from polpo.agent.plugs import Plug, own
from polpo.agent.target import Target
from polpo.agent.wanted import Wire, Wired
from polpo.kernel import processes
from polpo.target.balancer import Balancer

NOUN = "balancer"
MIB = 1 << 20
CONNECTION_BYTES = 72 << 10  # with TLS on one side and both buffers in use
DEFAULTS = ("0.0.0.0/0", "::/0")


class Instance(msgspec.Struct, frozen=True):
    """A row with what it comes to: HAProxy's configuration, keepalived's, rules, addresses.

    proxied  what HAProxy can do of the row: all whose certificates are here
    patient  keepalived's without its `preempt`
    """

    row: Balancer
    proxied: Balancer
    netns: str
    settings: Settings
    configuration: str
    certificate_lists: tuple[CertificateList, ...]
    vrrp: str
    patient: str
    rules: str
    vips: frozenset[str]
    second_chance: bool

    @property
    def preempt(self) -> bool:
        return self.row.preempt

    @property
    def number(self) -> int:
        return self.row.instance

    @property
    def advertisement_s(self) -> float:
        return vrrp.ADVERTISEMENT_S


class Instances:
    """`all` is one mapping for the agent's life: load balancer's number -> instance.

    memory_mib  what an instance may have whose flavor does not say
    is_heard    whether the host at an address has answered a moment ago
    """

    def __init__(
        self,
        host: str,
        directory: Path,
        isolation: Path,
        target: Target,
        patience: Patience,
        certificates: Certificates,
        access_logs: AccessLogs,
        memory_mib: int,
        is_heard: Callable[[str], bool],
    ) -> None:
        self.host, self.directory, self._isolation = host, directory, isolation
        self._target, self._patience, self._is_heard = target, patience, is_heard
        self._certificates, self._memory_mib = certificates, memory_mib
        self._access_logs = access_logs
        self.all: dict[int, Instance] = {}

    def look(self) -> None:
        """Follow the target. Of a row that makes no sense it is told; the former one counts."""
        found: dict[int, Instance] = {}
        rows = self._target.balancers()
        for vni, row in rows.items():
            before = self.all.get(vni)
            try:
                found[vni] = self._made(row, before)
                self._patience.note(NOUN, vni, self._certificates.trouble(row))
            except (ValueError, KeyError) as e:
                self._patience.note(NOUN, vni, f"its row makes no sense: {e}")
                found |= {vni: before} if before else {}
        self._patience.keep_only(NOUN, rows.keys())
        self.all.clear()
        self.all.update(found)

    def _has_peer(self, row: Balancer) -> bool:
        address = self._target.peer(row.vni, row.port)
        return address is not None and self._is_heard(address)

    def _made(self, row: Balancer, before: Instance | None) -> Instance:
        """The former one if nothing is different."""
        second_chance, files = self._has_peer(row), self._certificates.files(row)
        if before is not None and before.row == row:
            same = (before.second_chance, before.settings.certificates)
            if same == (second_chance, files):
                return before
        transit.check(row.instance)
        memory_mib = row.balancer.memory_mib or self._memory_mib
        place, log = self.directory / str(row.vni), self._access_logs.path(row)
        settings = _settings(row, place, files, memory_mib * MIB, log)
        calm = msgspec.structs.replace(row, preempt=False)
        proxied = _usable(row, files)
        return Instance(
            row=row,
            proxied=proxied,
            netns=function_netns(self.host, row.vni),
            settings=settings,
            configuration=configuration(proxied, settings),
            certificate_lists=certificate_lists(proxied.listeners, settings),
            vrrp=vrrp.configuration(row, settings.health, self._isolation),
            patient=vrrp.configuration(calm, settings.health, self._isolation),
            rules=ruleset(row, second_chance),
            vips=frozenset(vrrp.alone(row)),
            second_chance=second_chance,
        )

    def plugs(self) -> Iterator[Plug]:
        """Its ends: between the two, in front, and where else members are."""
        for instance in self.all.values():
            row, name = instance.row, instance.netns
            yield own(row.port, name, TRANSIT)
            yield own(row.front.port, name, FRONT)
            for link in row.backs:
                yield own(link.port, name, back(link.port))

    def wires(self, wires: dict[str, Wire], ports: Mapping[str, Wired]) -> dict[str, Wire]:
        """The workloads' ends: the way out is in front only."""
        backs = {link.port for instance in self.all.values() for link in instance.row.backs}
        return {
            device: _without_defaults(wire) if ports[device].port.id in backs else wire
            for device, wire in wires.items()
        }


def _without_defaults(wire: Wire) -> Wire:
    kept = frozenset(route for route in wire.routes if route.destination not in DEFAULTS)
    return msgspec.structs.replace(wire, routes=kept)


def _usable(row: Balancer, files: Mapping[str, Path]) -> Balancer:
    """Without the listeners and pools whose certificates are not here: the rest goes on."""
    listeners = tuple(x for x in row.listeners if files.keys() >= set(x.refs))
    pools = tuple(pool for pool in row.pools if files.keys() >= set(pool.refs))
    return msgspec.structs.replace(row, listeners=listeners, pools=pools)


def _settings(
    row: Balancer, place: Path, files: Mapping[str, Path], memory_bytes: int, access_log: Path
) -> Settings:
    """A connection takes two descriptors, and another half with pipes between the two."""
    by_files = (processes.open_files() - 200) * 2 // 5
    return Settings(
        place=place,
        maxconn=min(by_files, memory_bytes // CONNECTION_BYTES),
        threads=threads(row, os.cpu_count() or 1),
        memory_bytes=memory_bytes,
        access_log=access_log,
        certificates=files,
    )
