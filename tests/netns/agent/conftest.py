"""Two hosts and a controller on an underlay, made and removed once for each module."""

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.kernel import netns
from polpo.testing.controller import Controller
from polpo.testing.hosts import CONTROLLER, UNDERLAY, Cloud, HostUnderTest, sh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    folder = tmp_path_factory.mktemp("hosts")
    async with contextlib.AsyncExitStack() as leaving:
        sh(f"ip netns add {UNDERLAY}")
        leaving.callback(sh, f"ip netns delete {UNDERLAY}")
        sh(f"ip -n {UNDERLAY} link add switch type bridge")
        sh(f"ip -n {UNDERLAY} address add {CONTROLLER}/24 dev switch")
        sh(f"ip -n {UNDERLAY} link set switch up")
        sock = leaving.enter_context(
            netns.inside(UNDERLAY, socket.socket)
        )  # stays where it is made
        sock.bind((CONTROLLER, 0))
        vteps = {"a": "192.0.2.1", "b": "192.0.2.2"}
        controller = Controller(vteps)
        await controller.write()
        await controller.start(sock)
        leaving.push_async_callback(controller.stop)
        hosts = []
        for name, address in vteps.items():
            host = HostUnderTest(name, address, folder / name, sock.getsockname()[1])
            host.make()
            leaving.push_async_callback(host.remove)
            hosts.append(host)
        yield Cloud(controller, *hosts)
