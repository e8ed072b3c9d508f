"""Follows a cluster, has HAProxy do what it says, and tells users what became of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog

from polpo.ingress import objects
from polpo.ingress.composing import Composed, Ours, composed
from polpo.ingress.gateway.following import Following
from polpo.ingress.gateway.keeping import Keeping
from polpo.ingress.gateway.telling import Telling
from polpo.ingress.plan import Backend, Plan
from polpo.ingress.proxy.haproxy import Failed, Haproxy
from polpo.ingress.proxy.servers import Servers
from polpo.ingress.reporting import Reporting, Told, addresses_of
from polpo.ingress.state import Kept, State
from polpo.ingress.table import Table, table
from polpo.ingress.wrong import Complaint
from polpo.kube.client import Client
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector, all_synced
from polpo.kube.resources import ENDPOINT_SLICES, SECRETS, Resource
from polpo.runtime.clock import monotonic

GATHER_S = 0.02
"""What one change brings comes in several events."""
PAUSE_S = 0.5
"""Between two reloads: each leaves a former worker with its connections."""
AGAIN_S = 1.0
LOOK_S = 1.0

log = structlog.get_logger("polpo.ingress")


class Controller:
    """`service` is namespace/name of whose address Ingresses get; `addresses` are given."""

    def __init__(
        self,
        client: Client,
        haproxy: Haproxy,
        ours: Ours,
        reporting: Reporting,
        service: str = "",
        addresses: tuple[dict[str, Any], ...] = (),
        telling: Telling | None = None,
        keeping: Keeping | None = None,
        pause_s: float = PAUSE_S,
    ) -> None:
        self.state = State()
        self._haproxy, self._ours, self._reporting = haproxy, ours, reporting
        self._service, self._addresses, self._pause_s = service, addresses, pause_s
        self._telling, self._keeping = telling, keeping
        self._news = asyncio.Event()
        self._composed = Composed(Plan(), (), ())
        self._table: Table = table(Plan())
        self._placed: dict[str, Servers] = {}
        self._of_service: defaultdict[str, list[str]] = defaultdict(list)
        self._bad: dict[str, str] = {}
        self._not_before = 0.0
        self.in_force = asyncio.Event()
        kept = self.state
        self._reflectors = [
            self._reflector(client, objects.INGRESS_CLASSES, kept.classes),
            self._reflector(client, objects.INGRESSES, kept.ingresses),
            self._reflector(client, objects.SERVICES, kept.services),
            self._reflector(client, SECRETS, kept.secrets, "type!=helm.sh/release.v1"),
            self._reflector(client, objects.CONFIG_MAPS, kept.config_maps),
            Reflector(client, ENDPOINT_SLICES, self._slices, self._news.set),
        ]

        self._following = Following(client, kept, self._news.set)

    def _reflector(
        self, client: Client, resource: Resource[Any], kept: Kept, fields: str = ""
    ) -> Reflector[Any]:
        def changed(changes: list[Change[Any]]) -> None:
            self.state.note(kept, changes)
            self._news.set()

        return Reflector(client, resource, changed, self._news.set, fields=fields)

    def _slices(self, changes: list[Change[Any]]) -> None:
        self.state.note_slices(changes)
        self._news.set()

    @property
    def table(self) -> Table:
        """As last worked out."""
        return self._table

    async def run(self) -> None:
        """Until cancelled. HAProxy goes on."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self._following.run())
            group.create_task(self._follow())

    async def _follow(self) -> None:
        """Nothing is done before all is known: half of the routes would be too few."""
        await all_synced((self._following, *self._reflectors), self._news)
        while True:
            wait_s = await self._step()
            try:
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._news.clear()

    async def _step(self) -> float:
        """Brings HAProxy to what is wanted now; answers when to look again, in seconds."""
        late_s = self._not_before - monotonic()
        if self.state.routes and late_s <= 0:
            self._compose()
        else:
            self._place(self.state.touched)
        self.state.touched.clear()
        try:
            reloaded = await asyncio.to_thread(
                self._haproxy.apply, self._composed.plan, self._table, self._placed
            )
        except (Failed, OSError, ValueError) as failed:
            self._blame(failed)
            return AGAIN_S if not self.state.routes else 0.01
        if reloaded:
            self._not_before = monotonic() + self._pause_s
        self.in_force.set()
        self._tell()
        if self.state.routes:
            return max(0.01, self._not_before - monotonic())
        return LOOK_S

    def _compose(self) -> None:
        self.state.routes = False
        self._composed = composed(self.state, self._ours)
        made = table(self._composed.plan)
        for name in self._bad.keys() & made.backends.keys():
            made.backends[name] = _harmless(made.backends[name], self._bad[name])
        self._bad = {n: why for n, why in self._bad.items() if n in made.backends}
        self._table = made
        self._of_service.clear()
        for name, backend in made.backends.items():
            if backend.target is not None:
                target = backend.target
                self._of_service[f"{target.namespace}/{target.service}"].append(name)
        self._placed = {name: self._servers(name) for name in made.backends}

    def _place(self, services: set[str]) -> None:
        placed = dict(self._placed)
        for service in services:
            for name in self._of_service.get(service, ()):
                placed[name] = self._servers(name)
        self._placed = placed

    def _servers(self, name: str) -> Servers:
        target = self._table.backends[name].target
        if target is None:
            return Servers()
        return self.state.servers(target, self._placed.get(name))

    def _blame(self, failed: Exception) -> None:
        """What HAProxy does not take keeps nothing else from being done."""
        log.error("HAProxy is not as it should be", reason=str(failed))
        whose = failed.backend if isinstance(failed, Failed) else ""
        if whose and whose not in self._bad:
            self._bad[whose] = str(failed)
            self.state.routes = True
            self._not_before = 0.0

    def _tell(self) -> None:
        addresses = self._addresses or addresses_of(self.state.services.get(self._service))
        bad = list(self._of_bad())
        known = ((one.kind, self.state.more[one.kind].get(one.key)) for one in bad)
        others = tuple((kind, one) for kind, one in known if one is not None)
        complaints = (*self._composed.complaints, *bad)
        self._reporting.tell(Told(self._composed.ingresses, addresses, complaints, others))
        if self._telling is not None:
            self._telling.tell(self._composed.of_gateways.statuses)
        if self._keeping is not None:
            of = self._composed.of_gateways
            self._keeping.tell(of.services, of.stale)

    def _of_bad(self) -> Iterator[Complaint]:
        """About whoever has asked for it: owners of routes have their kind before their name."""
        for entry in (entry for site in self._composed.plan.sites for entry in site.entries):
            for name in {share.backend.name for share in entry.shares} & self._bad.keys():
                kind, _, of = entry.owner.rpartition(" ")
                note = f"HAProxy refuses: {self._bad[name]}"
                yield Complaint(kind or "Ingress", of, "Invalid", note)


def _harmless(backend: Backend, why: str) -> Backend:
    return msgspec.structs.replace(backend, policy=(), problem=why)
