"""Plugs ports in and out for local users: the CNI plugin, `polpo plug`, a machine monitor."""

import asyncio
from collections.abc import Callable

import msgspec

from polpo.agent.addressing import Address, addresses
from polpo.agent.controller import Controller, Refused, Unreachable
from polpo.agent.errands import Errands
from polpo.agent.loop import Loop
from polpo.agent.plugs import Plug, Plugs
from polpo.agent.target import Target

WAIT_S = 10.0


class NotPlugged(Exception):
    """What was asked for could not be done, in words for the user."""


class Plugged(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a plug: what the workload has got."""

    port: str
    device: str
    netns: str
    mac: str
    mtu: int
    leases: tuple[Address, ...]


class Plugging:
    def __init__(
        self,
        controller: Controller,
        target: Target,
        plugs: Plugs,
        loop: Loop,
        errands: Errands,
        settled: Callable[[], tuple[str, ...]],
    ) -> None:
        self._controller, self._target, self._plugs = controller, target, plugs
        self._loop, self._errands, self._settled = loop, errands, settled

    async def plug(self, plug: Plug) -> Plugged:
        """Returns when the port is wired from end to end. Asking again for the same is fine."""
        self._refuse_gateway(plug.port)
        self._refuse_shared_tap(plug)
        before = self._plugs.get(plug.port)
        if before is not None and (before.kind, before.netns, before.device) != _place(plug):
            await self.unplug(plug.port)
            before = None
        await self._bind(plug.port)
        return await self.place(plug if before is None else _kept(before))

    async def place(self, plug: Plug) -> Plugged:
        """The same for a port that is bound here already."""
        self._plugs.put(plug)
        if plug.pod is None or not self._errands.attend(plug.port):
            await self._until(lambda: self.is_wired(plug.port), lambda: self.why(plug.port))
        return self.plugged(self._plugs.get(plug.port) or plug)

    def note(self, plug: Plug) -> None:
        """It is so from now on; `place` returns when it is wired."""
        self._plugs.put(plug)

    async def unplug(self, port: str) -> None:
        """Returns when nothing of it is left here. A port that is not plugged is no error."""
        self._refuse_gateway(port)
        await self.take_out(port)
        await self._unbind(port)

    async def take_out(self, port: str) -> None:
        """The same for a port that stays bound."""
        plug = self._plugs.get(port)
        if plug is not None:
            self.let_go(plug)
            if plug.pod is not None and self._errands.dismiss(port):
                return
            await self._until(
                lambda: self._plugs.get(port) is None, lambda: "its devices are still there"
            )

    def let_go(self, plug: Plug) -> None:
        """It is taken out from now on; nobody waits for it."""
        self._plugs.put(msgspec.structs.replace(plug, leaving=True))
        self._loop.wake()

    def _refuse_gateway(self, port: str) -> None:
        plug = self._plugs.get(port)
        if plug is not None and plug.gateway:
            raise NotPlugged(f"port {port} is a router's gateway, which the agent plugs by itself")

    def _refuse_shared_tap(self, plug: Plug) -> None:
        others = (p for p in self._plugs if p.kind == "tap" and p.port != plug.port)
        if plug.kind == "tap" and any(p.device == plug.device for p in others):
            raise NotPlugged(f"tap {plug.device} is another port's")

    async def _bind(self, port: str) -> None:
        try:
            await self._controller.bind(port)
        except Refused as e:
            raise NotPlugged(f"the controller does not bind port {port}: {e}") from e
        except Unreachable as e:
            if port not in self._target.ports():  # bound before: a host goes on alone
                raise NotPlugged(f"port {port} is not bound, no controller: {e}") from e

    async def _unbind(self, port: str) -> None:
        try:
            await self._controller.unbind(port)
        except (Refused, Unreachable) as e:
            raise NotPlugged(f"port {port} is unplugged, but is still bound here: {e}") from e

    async def _until(self, done: Callable[[], bool], why_not: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                self._loop.hurry()
                while not done():
                    await self._loop.next_pass()
        except TimeoutError:
            if not done():  # else the kernel held us up, but it is done
                raise NotPlugged(f"not done after {WAIT_S:.0f} s: {why_not()}") from None

    def is_wired(self, port: str) -> bool:
        return port in self._settled()

    def why(self, port: str) -> str:
        if port not in self._target.ports():
            return f"port {port} is bound, but the target does not have it yet"
        return self._loop.error() or f"port {port} is not wired yet"

    def plugged(self, plug: Plug) -> Plugged:
        """What the workload has. NotPlugged if the target has lost the port meanwhile."""
        port = self._target.ports().get(plug.port)
        if port is None:
            raise NotPlugged(f"port {plug.port} is not in the target any more")
        return Plugged(
            port=port.id,
            device=plug.device,
            netns=plug.netns,
            mac=port.mac,
            mtu=port.mtu,
            leases=addresses(port, self._target.subnet),
        )


def _place(plug: Plug) -> tuple[str, str, str]:
    return plug.kind, plug.netns, plug.device


def _kept(before: Plug) -> Plug:
    """The same place asked for again: what we have made there stays ours."""
    return msgspec.structs.replace(before, leaving=False)
