"""One rig for all test runs, a pair of hosts for real packets; nothing is left behind."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
pytest.register_assert_rewrite("tests.dataplane.rig", "tests.dataplane.wire")

from tests.dataplane.rig import Rig  # noqa: E402
from tests.dataplane.wire import Wire  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in (item for item in items if here in item.path.parents):
        item.add_marker(pytest.mark.bpf)
        if os.geteuid():
            item.add_marker(pytest.mark.skip(reason="loads programs: root only"))


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    made = Rig(tmp_path_factory.mktemp("rig"))
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    made = Wire(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()
