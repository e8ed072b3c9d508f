"""The reflectors of one `kubernetes` directive, and the index that they fill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from polpo.dns.plugins.kubernetes.index import Index
from polpo.dns.plugins.kubernetes.options import VERIFIED, Options
from polpo.dns.plugins.kubernetes.views import SERVICE_NAME, TRIGGER_TIME
from polpo.kube import resources
from polpo.kube.client import Client, Observer
from polpo.kube.configuration import Cluster, from_kubeconfig, in_cluster
from polpo.kube.objects import EndpointSlice
from polpo.kube.pace import Pace
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector
from polpo.kube.resources import Object, Resource

T = TypeVar("T", bound=Object)
AGENT = "polpo-dns"


def cluster_of(options: Options) -> Cluster:
    """Raises ConfigurationError."""
    if options.kubeconfig:
        file, context = options.kubeconfig
        return from_kubeconfig(Path(file), context)
    if not options.endpoint:
        return in_cluster()
    certificate, key, ca = options.tls or ("", "", "")
    return Cluster(server=options.endpoint, certificate_file=certificate, key_file=key, ca_file=ca)


class Watching:
    """`news` is called when the index has changed, and when all has been listed once."""

    def __init__(
        self,
        options: Options,
        cluster: Cluster,
        index: Index,
        news: Callable[[], None],
        observer: Observer | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.triggered: list[tuple[str, float]] = []  # Service, when its endpoints changed (Unix s)
        self._index, self._news = index, news
        self._warn = lambda words: say(f"[WARNING] plugin/kubernetes: {words}")
        pace = Pace(options.qps, options.burst, options.inflight)
        self._client = Client(cluster, agent=AGENT, pace=pace, observer=observer)
        self._reflectors: list[Reflector[Any]] = []
        watch, labels = self._watch, options.labels
        watch(resources.NAMESPACES, index.namespace, options.namespace_labels)
        watch(resources.SERVICES, index.service, labels)
        if options.endpoints:
            watch(resources.ENDPOINT_SLICES, self._slice, labels)
        if options.pods == VERIFIED:
            watch(resources.PODS, index.pod, labels)
        if options.multicluster:
            watch(resources.SERVICE_IMPORTS, index.service_import, labels)

    @property
    def synced(self) -> bool:
        """Has each kind been listed once?"""
        return all(reflector.synced for reflector in self._reflectors)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for reflector in self._reflectors:
                    group.create_task(reflector.run())
        finally:
            await self._client.close()

    def _watch(
        self, resource: Resource[T], put: Callable[[str, T | None], None], labels: str
    ) -> None:
        def changed(changes: list[Change[T]]) -> None:
            for key, item in changes:
                put(key, item)
            self._news()

        self._reflectors.append(
            Reflector(self._client, resource, changed, self._news, labels=labels, warn=self._warn)
        )

    def _slice(self, key: str, item: EndpointSlice | None) -> None:
        self._index.slice(key, item)
        if item is None or not self.synced:
            return
        at = (item.metadata.annotations or {}).get(TRIGGER_TIME)
        name = (item.metadata.labels or {}).get(SERVICE_NAME)
        if at and name:
            self._note(f"{item.metadata.namespace}/{name}", at)

    def _note(self, service: str, text: str) -> None:
        """What cannot be read is not measured."""
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return
        self.triggered.append((service, at.replace(tzinfo=at.tzinfo or UTC).timestamp()))
