"""One load balancer's cloud for the tests of a module; they leave it as they found it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.testing.balancers import BalancerCloud, balancer_cloud

__all__ = ["cloud"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BalancerCloud]:
    async with balancer_cloud(tmp_path_factory.mktemp("balancer")) as made:
        yield made
