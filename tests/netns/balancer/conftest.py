"""The load balancer's cloud (polpo.testing.balancers), made and removed once for each module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.testing.balancers import BalancerCloud, balancer_cloud


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BalancerCloud]:
    async with balancer_cloud(tmp_path_factory.mktemp("balancer")) as made:
        yield made
