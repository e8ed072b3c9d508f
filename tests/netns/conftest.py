"""Network tests have the machine for themselves, and leave nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from polpo.testing import leftovers
from polpo.testing.alone import take_the_machine


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    if any(here in Path(item.path).parents for item in session.items):
        take_the_machine()


@pytest.fixture(autouse=True, scope="module")
def nothing_left() -> Iterator[None]:
    with leftovers.nothing_left():
        yield
