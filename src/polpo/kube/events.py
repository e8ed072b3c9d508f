"""Events on objects (`kubectl describe` shows them): why something is as it is, for its user.

The same words about the same object are one Event that counts (events.k8s.io/v1, `series`), so
that a loop which fails every second is not an Event every second.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from polpo.kube.api import Api, Body
from polpo.kube.errors import ApiError
from polpo.kube.objects import Meta, Struct
from polpo.kube.resources import Resource
from polpo.runtime.clock import Clock, monotonic

SAME_S = 360.0  # until then it is the same Event; the server forgets one after an hour
MOST = 1000  # that we remember
LONGEST_NOTE = 1024  # the API server refuses more


class Event(Struct, frozen=True):
    metadata: Meta


EVENTS: Resource[Event] = Resource("events.k8s.io", "v1", "events", "Event", Event)


class About(NamedTuple):
    """The object, and what happened to it. `reason` is one word, `action` what was tried."""

    kind: str
    api_version: str
    namespace: str
    name: str
    uid: str
    type: str  # Normal or Warning
    reason: str
    action: str
    note: str


class _Said(NamedTuple):
    name: str
    times: int
    at_s: float


class Events:
    """`controller` as in "polpo.dev/services", `instance` which of its replicas."""

    def __init__(
        self,
        api: Api,
        controller: str,
        instance: str,
        clock: Clock = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api, self._controller, self._instance = api, controller, instance
        self._clock, self._now = clock, now
        self._said: dict[About, _Said] = {}

    async def say(self, about: About) -> None:
        """An Event that cannot be written is no reason to fail: it is left out."""
        said = self._said.pop(about, None)
        if said is None or self._clock() - said.at_s > SAME_S:
            said = _Said(f"{about.name[:200]}.{secrets.token_hex(8)}", 0, 0.0)
        said = said._replace(times=said.times + 1, at_s=self._clock())
        self._said[about] = said
        if len(self._said) > MOST:
            del self._said[next(iter(self._said))]
        try:
            await self._write(about, said)
        except ApiError:
            self._said.pop(about, None)  # the next is a new one

    async def _write(self, about: About, said: _Said) -> None:
        namespace = about.namespace or "default"  # where Events of what is in none are
        at = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if said.times > 1:
            series = {"series": {"count": said.times, "lastObservedTime": at}}
            await self._api.patch(EVENTS, said.name, namespace, series)
            return
        body: Body = {
            "metadata": {"name": said.name, "namespace": namespace},
            "eventTime": at,
            "reportingController": self._controller,
            "reportingInstance": self._instance,
            "type": about.type,
            "reason": about.reason,
            "action": about.action,
            "note": about.note[:LONGEST_NOTE],
            "regarding": {
                "kind": about.kind,
                "apiVersion": about.api_version,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
            },
        }
        await self._api.create(EVENTS, body)
