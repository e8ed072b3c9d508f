"""What the agent does for each command of the CNI plugin."""

import asyncio
import contextlib
from collections.abc import Collection

from polpo.agent.loop import Loop
from polpo.agent.plugging import NotPlugged, Plugging
from polpo.agent.plugs import Plug, Pod
from polpo.agent.pods import answer
from polpo.agent.pods.answer import Json
from polpo.agent.pods.call import (
    BAD_CONFIG,
    DIFFERENT,
    NOT_AVAILABLE,
    TRY_AGAIN,
    UNKNOWN_CONTAINER,
    Call,
    CniError,
)
from polpo.agent.pods.keeper import Keeper
from polpo.agent.pods.pool import Pool
from polpo.kernel import netns
from polpo.model.choice import Choice

PORT_S = 10.0  # for a port when none waits
GROUPS_S = 5.0  # for what policies say of a pod
BEGIN_S = 1.0  # for the first word with the controller


class Calls:
    """`do` answers with what is printed, None for nothing. Raises CniError."""

    def __init__(
        self,
        clusters: Collection[str],
        pool: Pool,
        keeper: Keeper,
        plugging: Plugging,
        loop: Loop,
    ) -> None:
        self._clusters, self._pool, self._keeper = clusters, pool, keeper
        self._plugging, self._loop = plugging, loop
        self._busy: dict[tuple[str, str], asyncio.Lock] = {}

    async def do(self, call: Call) -> Json | None:
        cluster = self._cluster(call)
        try:
            if call.container:
                return await self._of_container(call, cluster)
            if call.command == "GC":
                await self._gc(call, cluster)
            else:
                self._status(cluster)
        except NotPlugged as error:
            raise CniError(TRY_AGAIN, str(error)) from error
        return None

    async def _of_container(self, call: Call, cluster: str) -> Json | None:
        """One at a time for one attachment: a runtime that gave up may still be heard."""
        key = (call.container, call.device)
        lock = self._busy.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return await self._one_at_a_time(call, cluster)
        finally:
            if not lock.locked():
                self._busy.pop(key, None)

    async def _one_at_a_time(self, call: Call, cluster: str) -> Json | None:
        if call.command == "ADD":
            return await self._add(call, cluster)
        if call.command == "DEL":
            await self._del(call)
        else:
            self._check(call)
        return None

    async def _add(self, call: Call, cluster: str) -> Json:
        if netns.identity(call.netns) is None:
            raise CniError(UNKNOWN_CONTAINER, f"there is no namespace {call.path}")
        plug = self._pool.plug_of(call.container, call.device)
        if plug is not None and (plug.netns != call.netns or plug.leaving):
            await self._leave(plug)
            plug = None
        if plug is None:
            plug = await self._take(call, cluster)
        self._keeper.wake()
        plugged = await self._plugging.place(plug)
        await self._groups(plug, cluster)
        return answer.result(call, plugged)

    async def _groups(self, plug: Plug, cluster: str) -> None:
        """Policies are in force before the pod's first process. While nobody says what they are
        nothing passes, so a pod starts without them rather than not at all.
        """
        if self._pool.is_in_its_groups(plug):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GROUPS_S):
                while self._loop.behind or not self._pool.is_in_its_groups(plug):
                    if cluster in self._keeper.trouble:
                        return
                    await self._loop.next_pass()

    async def _take(self, call: Call, cluster: str) -> Plug:
        """The plug that makes a waiting port the pod's: on disk before anything else."""
        exposed, limits, choice = call.config.exposed(), call.config.limits(), call.choice()
        await self._begin()
        port = await (self._chosen(cluster, call, choice) if choice else self._port(cluster))
        plug = Plug(
            port=port,
            kind="netns",
            netns=call.netns,
            device=call.device,
            pod=Pod(cluster, call.container, call.pod, call.uid, exposed, limits),
        )
        self._plugging.note(plug)
        return plug

    async def _begin(self) -> None:
        """Ask nobody for long: pods start without a controller, too."""
        try:
            async with asyncio.timeout(BEGIN_S):
                await self._keeper.begun.wait()
        except TimeoutError:
            self._keeper.begun.set()

    async def _port(self, cluster: str) -> str:
        """From the return of this to the plug that takes it nobody else has a turn."""
        if waiting := self._pool.waiting(cluster):
            return waiting[0]
        try:
            with self._keeper.wanting(cluster):
                async with asyncio.timeout(PORT_S):
                    while not (waiting := self._pool.waiting(cluster)):
                        await self._loop.next_pass()
        except TimeoutError:
            why = self._keeper.trouble.get(cluster, "the controller has given none")
            raise CniError(TRY_AGAIN, f"no port for a pod of {cluster}: {why}") from None
        return waiting[0]

    async def _chosen(self, cluster: str, call: Call, choice: Choice) -> str:
        """One that is made as the pod's annotations say. It can be so later what is refused now."""
        key = call.attachment
        try:
            with self._keeper.choosing(cluster, key, choice):
                async with asyncio.timeout(PORT_S):
                    while (port := self._pool.made_for(key)) is None:
                        if why := self._keeper.refused.get(key):
                            raise CniError(TRY_AGAIN, f"no port as {call.pod} chooses: {why}")
                        await self._loop.next_pass()
        except TimeoutError:
            why = self._keeper.trouble.get(cluster, "the controller has given none")
            raise CniError(TRY_AGAIN, f"no port as {call.pod} chooses: {why}") from None
        return port

    async def _del(self, call: Call) -> None:
        plug = self._pool.plug_of(call.container, call.device)
        if plug is not None:
            await self._leave(plug)

    async def _leave(self, plug: Plug) -> None:
        await self._plugging.take_out(plug.port)
        self._pool.left(plug.port)
        self._keeper.wake()

    def _check(self, call: Call) -> None:
        plug = self._pool.plug_of(call.container, call.device)
        if plug is None or plug.leaving or plug.netns != call.netns:
            raise CniError(UNKNOWN_CONTAINER, f"{call.container} has no {call.device} from us")
        if not self._plugging.is_wired(plug.port):
            raise CniError(DIFFERENT, self._plugging.why(plug.port))
        answer.check(call, self._plugging.plugged(plug))

    async def _gc(self, call: Call, cluster: str) -> None:
        """All that the runtime does not know any more."""
        if call.config.attachments is None:
            raise CniError(BAD_CONFIG, "cni.dev/valid-attachments is missing")
        valid = {(x.get("containerID"), x.get("ifname")) for x in call.config.attachments}
        taken = self._pool.taken(cluster)
        gone = [p for p in taken if p.pod and (p.pod.sandbox, p.device) not in valid]
        await asyncio.gather(*map(self._leave, gone))

    def _status(self, cluster: str) -> None:
        trouble = self._keeper.trouble.get(cluster)
        if trouble and not self._pool.waiting(cluster):
            raise CniError(NOT_AVAILABLE, f"no port for a pod of {cluster}: {trouble}")

    def _cluster(self, call: Call) -> str:
        """The one that the configuration names, or the only one that this host has pods of."""
        named = call.config.cluster or (next(iter(self._clusters), "") if self._one else "")
        if named not in self._clusters:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise CniError(BAD_CONFIG, f"cluster {named!r} is not among the agent's ({known})")
        return named

    @property
    def _one(self) -> bool:
        return len(self._clusters) == 1

    def free_gone(self) -> None:
        """Pods whose namespace is gone are gone: nobody may have said so (a reboot)."""
        for plug in self.gone():
            self._plugging.let_go(plug)
            self._pool.left(plug.port)

    def gone(self) -> list[Plug]:
        """Of those whose namespace is gone, and that nobody has taken out."""
        taken = (plug for cluster in self._clusters for plug in self._pool.taken(cluster))
        return [p for p in taken if not p.leaving and netns.identity(p.netns) is None]
