"""Network tests have the machine for themselves."""

from pathlib import Path

import pytest

from polpo.testing.alone import take_the_machine


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    if any(here in Path(item.path).parents for item in session.items):
        take_the_machine()
