"""What all tests may ask for: a database of their own, of each kind that polpo runs on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from polpo.testing.postgresql import PostgreSQL

# Times say how busy the machine is, not whether the code is right.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One server for the whole run."""
    if not PostgreSQL.is_installed():
        pytest.skip("PostgreSQL 15 is not installed")
    server = PostgreSQL()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/polpo.db"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()
