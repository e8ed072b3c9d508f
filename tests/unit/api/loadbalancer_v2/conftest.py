"""A cloud in memory, and its load balancers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from polpo.testing.load_balancers import LoadBalancerCloud
from polpo.testing.network import NetworkCloud


@pytest_asyncio.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[NetworkCloud]:
    cloud = await NetworkCloud.open(f"sqlite:///{tmp_path}/polpo.db")
    yield cloud
    await cloud.close()


@pytest_asyncio.fixture
async def balancers(cloud: NetworkCloud) -> LoadBalancerCloud:
    return LoadBalancerCloud(cloud)
