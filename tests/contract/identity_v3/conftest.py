"""polpo's identity on a loopback port, for real clients."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn

from polpo.testing.identity import IdentityCloud


@pytest_asyncio.fixture
async def cloud(database_url: str) -> AsyncIterator[IdentityCloud]:
    """Served on loopback: admin, and mia, a member of project shop."""
    # Said to be TCP, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        cloud = await IdentityCloud.open(database_url, public_url=url)
        await cloud.add("mia", "member", "shop")
        server = uvicorn.Server(uvicorn.Config(cloud.app, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        yield cloud
        server.should_exit = True
        await serving
        await cloud.close()
