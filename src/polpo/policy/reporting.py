"""Statuses of cluster's policies are written, and Events where something cannot be followed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
import structlog

from polpo.kube.api import Api
from polpo.kube.errors import ApiError
from polpo.kube.events import About, Events
from polpo.kube.resources import Resource
from polpo.model.told import Membership
from polpo.policy.addresses import is_wildcard
from polpo.policy.index import Index
from polpo.policy.objects import POLICIES, ClusterNetworkPolicy
from polpo.policy.older import KINDS, original
from polpo.policy.seen import MOST
from polpo.policy.standing import conditions

GONE = (404, 409)
"""It is gone, or another by now, of which we hear."""
FORBIDDEN = 403
AGAIN_S = 30.0
OLDER = {kind.resource.kind: kind.resource for kind in KINDS}

log = structlog.get_logger()


class Domains(NamedTuple):
    """Whether the cluster's DNS tells of its answers; which names have too many addresses."""

    is_heard: bool = True
    crowded: frozenset[str] = frozenset()


class Reporting:
    """`newer`: the version of ClusterNetworkPolicies that is served; `domains`: how wildcards
    stand."""

    def __init__(
        self,
        api: Api,
        events: Events,
        index: Index,
        newer: Callable[[], Resource[ClusterNetworkPolicy] | None],
        domains: Callable[[], Domains] = Domains,
    ) -> None:
        self._api, self._events, self._index, self._newer = api, events, index, newer
        self._domains = domains
        self._refused: dict[str, dict[str, str]] = {}
        self._pods: list[tuple[Membership, str]] = []
        self._news = asyncio.Event()
        self._again: set[str] = set()

    async def run(self) -> None:
        """To the end of its task; nobody waits for it."""
        while True:
            wait_s = AGAIN_S if self._again else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            self._news.clear()
            self._index.touched_policies |= self._again
            self._again.clear()
            await self.say()

    def look(self) -> None:
        """The network has all that there was to tell."""
        if self._index.touched_policies:
            self._news.set()

    def heard(self) -> None:
        """The cluster's DNS tells now, or does no more, or has told more than there is room for."""
        for name in filter(is_wildcard, self._index.places.domains):
            self._index.touched_policies |= self._index.places.users(name)
        self._news.set()

    def told(self, groups: Iterable[str], refused: Mapping[str, str]) -> None:
        """The network has been told of groups, and has refused some, with a reason."""
        for group in groups:
            policy = policy_of(group)
            if policy:
                reasons = self._refused.pop(policy, {})
                reasons.pop(group, None)
                if group in refused:
                    reasons[group] = refused[group]
                if reasons:
                    self._refused[policy] = reasons
                self._index.touched_policies.add(policy)

    def told_pods(self, pods: Iterable[Membership], refused: Mapping[str, str]) -> None:
        """The same of pods: a wrong annotation is theirs."""
        found = [(pod, refused[pod.name]) for pod in pods if pod.name in refused]
        self._pods += found
        if found:
            self._news.set()

    async def say(self) -> None:
        """Of all policies that may stand otherwise than before, and of pods that are refused."""
        pods, self._pods = self._pods, []
        for pod, reason in pods:
            note = f"{reason} Until that is mended only its host reaches it."
            await self._events.say(_of_pod(pod, note))
        touched, self._index.touched_policies = self._index.touched_policies, set()
        for key in sorted(touched):
            policy = self._index.policy(key)
            reasons = sorted(set(self._refused.get(key, {}).values()))
            if isinstance(policy, ClusterNetworkPolicy):
                await self._status(policy, reasons)
                await self._crowded(key, policy)
            elif policy is not None:
                for reason in reasons:
                    await self._event(POLICIES, policy, "Refused", reason)
            else:
                self._refused.pop(key, None)

    async def _status(self, policy: ClusterNetworkPolicy, reasons: list[str]) -> None:
        _, name = original(policy.metadata.name)
        resource = self._resource(policy)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = conditions(policy, reasons, now, is_heard=self._domains().is_heard)
        if resource is None or wanted == policy.status.conditions:
            return
        try:
            body = {"status": {"conditions": msgspec.to_builtins(wanted)}}
            await self._api.patch(resource, name, "", body, "status")
        except ApiError as error:
            if error.status not in GONE:
                log.warning("a status is not written", policy=name, error=str(error))
            if error.status not in (*GONE, FORBIDDEN):
                self._again.add(policy.metadata.name)
            return
        for one in wanted:
            if one.status == "False" and one.reason in ("NotSupported", "Refused"):
                await self._event(resource, policy, one.reason, one.message)

    async def _crowded(self, key: str, policy: ClusterNetworkPolicy) -> None:
        resource = self._resource(policy)
        for name in sorted(self._domains().crowded):
            if resource is not None and key in self._index.places.users(name):
                note = f"{name} has more than {MOST} addresses: those of late count"
                await self._event(resource, policy, "TooManyAddresses", note)

    def _resource(self, policy: ClusterNetworkPolicy) -> Resource[Any] | None:
        kind, _ = original(policy.metadata.name)
        return OLDER.get(kind) or self._newer()

    async def _event(self, resource: Resource[Any], policy: Any, reason: str, note: str) -> None:
        meta = policy.metadata
        _, name = original(meta.name)
        version = f"{resource.group}/{resource.version}"
        await self._events.say(
            About(
                kind=resource.kind,
                api_version=version,
                namespace=meta.namespace,
                name=name,
                uid=meta.uid,
                type="Warning",
                reason=reason,
                action="Following",
                note=note,
            )
        )


def _of_pod(pod: Membership, note: str) -> About:
    namespace, _, name = pod.name.partition("/")
    warning = ("Warning", "Refused", "Following", note)
    return About("Pod", "v1", namespace, name, pod.uid, *warning)


def policy_of(group: str) -> str:
    """The key of the policy whose group it is: `namespace/name`, or a cluster's policy's name."""
    kind, _, rest = group.partition("#")[0].partition("/")
    if kind in ("admin", "baseline", "policy"):
        return rest.rpartition("/")[0]
    return ""
