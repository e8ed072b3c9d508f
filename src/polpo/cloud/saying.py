"""What a Service's user is told: its status, its annotations, Events."""

from __future__ import annotations

from typing import Any

from polpo.cloud import annotations as a
from polpo.cloud.balancers import Ensured
from polpo.cloud.index import FINALIZER
from polpo.cloud.objects import SERVICES, Ingress, Service
from polpo.cloud.wanted import Wanted
from polpo.kube.api import Api
from polpo.kube.events import About, Events

ENSURING, ENSURED = "EnsuringLoadBalancer", "EnsuredLoadBalancer"
DELETING, DELETED = "DeletingLoadBalancer", "DeletedLoadBalancer"
FAILED, UNUSABLE, ORPHANED = "SyncLoadBalancerFailed", "UnusableService", "LoadBalancerInError"


def ingress_of(wanted: Wanted, ensured: Ensured) -> tuple[Ingress, ...]:
    """With the PROXY protocol nobody may go round the load balancer: the member would wait for a
    header (KEP-1860). A name instead of an address says that to those who do not know ipMode."""
    if wanted.hostname:
        return (Ingress(hostname=wanted.hostname),)
    if wanted.proxied and wanted.hostname_suffix:
        names = (f"{address}.{wanted.hostname_suffix}" for address in ensured.addresses)
        return tuple(Ingress(hostname=name) for name in names)
    mode = "Proxy" if wanted.proxied else "VIP"
    return tuple(Ingress(ip=address, ip_mode=mode) for address in ensured.addresses)


class Saying:
    def __init__(self, api: Api, events: Events) -> None:
        self._api, self._events = api, events

    async def event(self, service: Service, reason: str, note: str, *, warns: bool = False) -> None:
        meta, kind = service.metadata, "Warning" if warns else "Normal"
        about = About(
            "Service", "v1", meta.namespace, meta.name, meta.uid, kind, reason, reason, note
        )
        await self._events.say(about)

    async def hold(self, service: Service) -> Service:
        """With our finalizer: from now on it does not go before its load balancer has."""
        if FINALIZER in service.finalizers:
            return service
        return await self._finalizers(service, [*service.finalizers, FINALIZER])

    async def release(self, service: Service) -> None:
        if FINALIZER in service.finalizers:
            left = [one for one in service.finalizers if one != FINALIZER]
            await self._finalizers(service, left)

    async def mark(self, service: Service, ensured: Ensured) -> None:
        """Annotations by which it is found again, and seen."""
        said = {
            a.LOAD_BALANCER_ID: ensured.id,
            a.LOAD_BALANCER_ADDRESS: ensured.addresses[0],
            **({a.MADE: ensured.id} if ensured.owned else {}),
        }
        await self._annotate(service, said)

    async def unmark(self, service: Service) -> Service:
        made = (service.metadata.annotations or {}).get(a.MADE)
        ours: dict[str, str | None] = {a.LOAD_BALANCER_ADDRESS: None, a.MADE: None}
        return await self._annotate(service, ours | ({a.LOAD_BALANCER_ID: None} if made else {}))

    async def publish(self, service: Service, ingress: tuple[Ingress, ...]) -> Service:
        """As it is then."""
        if service.ingress == ingress:
            return service
        shown = [_shown(one) for one in ingress] or None
        body = {"status": {"loadBalancer": {"ingress": shown}}}
        meta = service.metadata
        return await self._api.patch(SERVICES, meta.name, meta.namespace, body, "status")

    async def _annotate(self, service: Service, said: dict[str, Any]) -> Service:
        there, meta = service.metadata.annotations or {}, service.metadata
        news = {key: value for key, value in said.items() if there.get(key) != value}
        if not news:
            return service
        body = {"metadata": {"annotations": news}}
        return await self._api.patch(SERVICES, meta.name, meta.namespace, body)

    async def _finalizers(self, service: Service, finalizers: list[str]) -> Service:
        """409 if somebody has changed the Service since: a list can only be sent whole."""
        meta = service.metadata
        version = {"resourceVersion": meta.resource_version, "uid": meta.uid}
        body = {"metadata": {"finalizers": finalizers or None, **version}}
        return await self._api.patch(SERVICES, meta.name, meta.namespace, body)


def _shown(one: Ingress) -> dict[str, str]:
    found = {"ip": one.ip, "hostname": one.hostname, "ipMode": one.ip_mode}
    return {key: value for key, value in found.items() if value}
