"""Tells the controller which pods there are, and keeps enough ports waiting for pods to come.

Everything is said each time (docs/decisions/0180), so nothing depends on what was said before.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import structlog

from polpo.agent.controller import Given, Refused, Unreachable
from polpo.agent.plugs import Pod
from polpo.agent.pods.pool import Pool
from polpo.model.choice import Choice

LOOK_S = 10.0  # how often it is said though nothing seems to have changed
AGAIN_S = 1.0
GATHER_S = 0.02  # pods come in crowds: one request for all of them


class Told(Protocol):
    async def pods(self, said: Mapping[str, object]) -> Given:
        """Raises Refused, Unreachable."""


class Keeper:
    """`trouble` cluster -> why its ports are not as they should be; `refused` attachment -> why
    it can't have the port that its pod chose, as last said.
    """

    def __init__(
        self,
        controller: Told,
        pool: Pool,
        clusters: Iterable[str],
        warm: int,
        known: Callable[[], Iterable[str]],
    ) -> None:
        self._controller, self._pool = controller, pool
        self._clusters, self._warm = tuple(clusters), warm
        self._known = known  # the ports of the target
        self._woken = asyncio.Event()
        self._wanting: dict[str, int] = {}
        self._choosing: dict[str, dict[str, Choice]] = {cluster: {} for cluster in self._clusters}
        self.begun = asyncio.Event()  # the first word has been said, or nobody answered
        self.trouble: dict[str, str] = {}
        self.refused: Mapping[str, str] = {}
        self.before: list[Callable[[], None]] = []  # each time, first
        self.after: list[Callable[[], None]] = []  # when it has been said
        self._log = structlog.get_logger("polpo.agent")

    def wake(self) -> None:
        """Something has changed."""
        self._woken.set()

    @contextlib.contextmanager
    def wanting(self, cluster: str) -> Iterator[None]:
        """While a pod waits for a port."""
        self._wanting[cluster] = self._wanting.get(cluster, 0) + 1
        self.wake()
        try:
            yield
        finally:
            self._wanting[cluster] -= 1

    @contextlib.contextmanager
    def choosing(self, cluster: str, attachment: str, choice: Choice) -> Iterator[None]:
        """While a pod waits for the port that it chose."""
        self._choosing[cluster][attachment] = choice
        self.refused = {key: why for key, why in self.refused.items() if key != attachment}
        self.wake()
        try:
            yield
        finally:
            del self._choosing[cluster][attachment]

    async def run(self) -> None:
        while self._clusters:
            self._woken.clear()
            try:
                for look in self.before:
                    look()
            except OSError as error:  # a full disk: the next look finds them again
                self._log.error("pods that are gone keep their ports", reason=str(error))
            for cluster in self._clusters:
                await self._tell(cluster)
            self.begun.set()
            for tell in self.after:
                tell()
            await asyncio.sleep(GATHER_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S if self.trouble else LOOK_S):
                    await self._woken.wait()

    async def _tell(self, cluster: str) -> None:
        known = set(self._known())
        said = self._said(cluster)
        try:
            ports, refused = await self._controller.pods(said)
        except (Refused, Unreachable) as error:
            if self.trouble.get(cluster) != str(error):
                self._log.warning("pods are not told", cluster=cluster, reason=str(error))
            self.trouble[cluster] = str(error)
            return
        self.trouble.pop(cluster, None)
        self.refused = {**self.refused, **refused}
        if not self.begun.is_set():  # an agent before us may have given some back
            self._pool.release(set(self._pool.waiting(cluster)) & known - ports)
        for plug in self._pool.taken(cluster):
            if plug.port in known - ports:
                self._log.error("a pod's port is gone", port=plug.port, netns=plug.netns)

    def _said(self, cluster: str) -> dict[str, object]:
        wanting, chosen = self._wanting.get(cluster, 0), self._choosing[cluster]
        self._pool.release_chosen(cluster, chosen)
        if not wanting:
            self._pool.release(self._pool.waiting(cluster)[2 * self._warm :])
        plugs = (plug for plug in self._pool.taken(cluster) if not plug.leaving)
        pods = {plug.port: _shown(plug.pod) for plug in plugs if plug.pod}
        return {
            "cluster": cluster,
            "pods": pods,
            "released": sorted(self._pool.released),
            "waiting": self._warm + wanting,
            **({"chosen": dict(chosen)} if chosen else {}),
        }


def _shown(pod: Pod) -> dict[str, object]:
    shown = {"sandbox": pod.sandbox, "name": pod.name, "uid": pod.uid}
    return {**shown, **({"exposed": pod.exposed} if pod.exposed else {})}
