"""What users are told: addresses in the status of Ingresses, and Events of what is wrong."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import structlog

from polpo.ingress.objects import INGRESSES, Ingress, Service, Stated
from polpo.ingress.rounds import rounds
from polpo.ingress.wrong import Complaint
from polpo.kube.api import Api
from polpo.kube.errors import ApiError
from polpo.kube.events import About, Events
from polpo.kube.resources import key

log = structlog.get_logger("polpo.ingress")
VERSIONS = {"Ingress": "networking.k8s.io/v1"}
OF_GATEWAYS = "gateway.networking.k8s.io/v1"
AGAIN_S = 5.0


class Told(NamedTuple):
    """Of one round. `others`: of complaints that are not about Ingresses, whom they are about."""

    ingresses: tuple[Ingress, ...]
    addresses: tuple[dict[str, Any], ...]
    complaints: tuple[Complaint, ...]
    others: tuple[tuple[str, Stated], ...] = ()


class Reporting:
    """Only while it leads: of several replicas one speaks."""

    def __init__(self, api: Api, events: Events) -> None:
        self._api, self._events = api, events
        self._said: set[Complaint] = set()
        self._written: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {}
        self._news = asyncio.Event()
        self._told = Told((), (), ())

    def tell(self, told: Told) -> None:
        self._told = told
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._written.clear()
        await rounds(self._news, AGAIN_S, lambda: self._round(self._told))

    async def _round(self, told: Told) -> bool:
        done = True
        for ingress in told.ingresses:
            done &= await self._status(ingress, told.addresses)
        for complaint in told.complaints:
            if complaint not in self._said:
                await self._say(complaint, told)
        self._said = set(told.complaints)
        return done

    async def _status(self, ingress: Ingress, addresses: tuple[dict[str, Any], ...]) -> bool:
        name, meta = key(ingress.metadata), ingress.metadata
        wanted = (meta.uid, addresses)
        if self._written.get(name) == wanted:
            return True
        if self._written.get(name) is None and _has(ingress) == addresses:
            self._written[name] = wanted
            return True
        body = {"status": {"loadBalancer": {"ingress": list(addresses)}}}
        try:
            await self._api.patch(INGRESSES, meta.name, meta.namespace, body, "status")
        except ApiError as error:
            if error.status == 404:
                return True
            log.warning("a status can't be written", ingress=name, error=str(error))
            return False
        self._written[name] = wanted
        return True

    async def _say(self, complaint: Complaint, told: Told) -> None:
        kind, of, reason, note = complaint
        known: list[tuple[str, Ingress | Stated]] = [("Ingress", one) for one in told.ingresses]
        known += told.others
        found = next((one for k, one in known if k == kind and key(one.metadata) == of), None)
        if found is not None:
            meta, version = found.metadata, VERSIONS.get(kind, OF_GATEWAYS)
            where = (kind, version, meta.namespace, meta.name, meta.uid)
            await self._events.say(About(*where, "Warning", reason, "Compile", note))


def _has(ingress: Ingress) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"ip": one.ip} if one.ip else {"hostname": one.hostname}
        for one in ingress.status.load_balancer.ingress
    )


def addresses_of(service: Service | None) -> tuple[dict[str, Any], ...]:
    """By which a Service is reached from outside, as far as it says."""
    if service is None:
        return ()
    spec = service.spec
    if spec.type == "ExternalName":
        return ({"hostname": spec.external_name},)
    given = [
        {"ip": one.ip} if one.ip else {"hostname": one.hostname}
        for one in service.status.load_balancer.ingress
    ]
    given += [{"ip": ip} for ip in spec.external_ips]
    if not given and spec.type != "LoadBalancer" and spec.cluster_ip not in ("", "None"):
        given = [{"ip": spec.cluster_ip}]
    return tuple(given)
