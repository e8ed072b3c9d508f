"""A cloud with three people: its admin, a member and a reader of one project."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from polpo.testing.identity import IdentityCloud


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def cloud(tmp_path: Path, clock: Callable[[], float]) -> AsyncIterator[IdentityCloud]:
    cloud = await IdentityCloud.open(f"sqlite:///{tmp_path}/polpo.db", clock)
    await cloud.add("mia", "member", "shop")
    await cloud.add("rea", "reader", "shop")
    await cloud.add("olaf", "member", "other")
    yield cloud
    await cloud.close()
