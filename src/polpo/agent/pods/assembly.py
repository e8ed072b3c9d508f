"""A host's pods, put together."""

import contextlib
from collections.abc import AsyncIterator

from polpo.agent.config import Config
from polpo.agent.controller import Controller
from polpo.agent.loop import Loop
from polpo.agent.plugging import Plugging
from polpo.agent.plugs import Plugs
from polpo.agent.pods.calls import Calls
from polpo.agent.pods.door import Door
from polpo.agent.pods.keeper import Keeper
from polpo.agent.pods.pool import Pool
from polpo.agent.target import Target


class Pods:
    """Without clusters in the configuration there is nothing to do, and no socket."""

    def __init__(
        self,
        config: Config,
        controller: Controller,
        target: Target,
        plugs: Plugs,
        plugging: Plugging,
        loop: Loop,
    ) -> None:
        self._config = config
        pool = Pool(target.ports, plugs)
        self.keeper = Keeper(
            controller, pool, config.clusters, config.warm_pods, lambda: target.ports().keys()
        )
        calls = Calls(config.clusters, pool, self.keeper, plugging, loop)
        self.keeper.before.append(calls.free_gone)
        self.keeper.after.append(loop.tell_waiters)
        loop.after_pass.append(lambda: self.keeper.wake() if calls.gone() else None)
        self._door = Door(config.cni_socket, calls.do)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        if not self._config.clusters:
            yield
            return
        async with await self._door.open():
            yield
