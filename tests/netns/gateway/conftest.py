"""The gateway's cloud (polpo.testing.gateways), made and removed once for each module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.testing.gateways import GatewayCloud, gateway_cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayCloud]:
    async with gateway_cloud(tmp_path_factory.mktemp("hosts")) as cloud:
        yield cloud
