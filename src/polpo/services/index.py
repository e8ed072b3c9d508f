"""Services and EndpointSlices as they are now, and which Services have something new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from polpo.kube.objects import EndpointSlice, Service
from polpo.kube.reflection import Change
from polpo.model.told import ToldService
from polpo.services.clashes import Clashes, Place, Rank, places_of, without
from polpo.services.wanted import HEADLESS, left_out, wanted

SERVICE_NAME = "kubernetes.io/service-name"


class Index:
    """Keys are `namespace/name`. `touched` are those of Services to be looked at."""

    def __init__(self) -> None:
        self.touched: set[str] = set()
        self._services: dict[str, Service] = {}
        self._slices: defaultdict[str, dict[str, EndpointSlice]] = defaultdict(dict)
        self._of_slice: dict[str, str] = {}
        self._clashes = Clashes()

    def services(self, changes: Iterable[Change[Service]]) -> None:
        for change in changes:
            if change.object is None:
                self._services.pop(change.key, None)
            else:
                self._services[change.key] = change.object
            self.touched.add(change.key)
            self.touched |= self._clashes.put(change.key, self._places(change.key))

    def _places(self, key: str) -> dict[Place, Rank]:
        service = self._services.get(key)
        found = wanted(service, ()) if service is not None else None
        if service is None or found is None:
            return {}
        return places_of(found, service.metadata.creation_timestamp or "")

    def slices(self, changes: Iterable[Change[EndpointSlice]]) -> None:
        for change in changes:
            self._drop_slice(change.key)
            if change.object is not None:
                self._keep_slice(change.key, change.object)

    def _keep_slice(self, key: str, found: EndpointSlice) -> None:
        labels = found.metadata.labels or {}
        name = labels.get(SERVICE_NAME)
        if name and HEADLESS not in labels:
            service = f"{found.metadata.namespace}/{name}"
            self._of_slice[key] = service
            self._slices[service][key] = found
            self.touched.add(service)

    def _drop_slice(self, key: str) -> None:
        service = self._of_slice.pop(key, None)
        if service is None:
            return
        del self._slices[service][key]
        if not self._slices[service]:
            del self._slices[service]
        self.touched.add(service)

    def wanted(self, key: str) -> ToldService | None:
        service = self._services.get(key)
        if service is None:
            return None
        found = wanted(service, self._slices.get(key, {}).values())
        return without(found, self.lost(key)) if found is not None else None

    def lost(self, key: str) -> dict[Place, str]:
        """The places that it wants and others have, and who."""
        return self._clashes.lost(key)

    def left_out(self, key: str) -> tuple[str, ...]:
        """Its ports that are not carried, in words."""
        service = self._services.get(key)
        return left_out(service) if service is not None else ()

    def all_wanted(self) -> Iterator[ToldService]:
        for key in self._services:
            found = self.wanted(key)
            if found is not None:
                yield found
