"""A real controller on each kind of database, and what speaks to it: SDK and command.

One controller for the tests of a module.
"""

import contextlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openstack
import pytest
from tests.contract import databases

from polpo.testing.controller_process import ControllerProcess
from polpo.testing.postgresql import PostgreSQL

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def new_controller(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Starts one; None for SQLite."""

    def run(database: str | None) -> Iterator[ControllerProcess]:
        process = ControllerProcess(tmp_path_factory.mktemp("controller"), database)
        process.start()
        yield process
        process.stop()

    return run


@pytest.fixture(scope="module", params=databases.EACH)
def controller(request: pytest.FixtureRequest, new_controller: Run) -> Iterator[ControllerProcess]:
    """One for the module's tests: they use names of their own."""
    database = None
    if request.param == "postgresql":
        server: PostgreSQL = request.getfixturevalue("postgresql")
        database = server.new_database()
    yield from new_controller(database)


@pytest.fixture
def login(controller: ControllerProcess) -> dict[str, Any]:
    """As clouds.yaml has it."""
    password = controller.folder.parent / f"{controller.folder.name}-password"
    return {
        "auth_url": f"http://127.0.0.1:{controller.port}/identity/v3",
        "username": "admin",
        "password": password.read_text().strip(),
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }


@pytest.fixture
def connection(login: dict[str, Any]) -> Iterator[Any]:
    """openstacksdk, connected. What it warns of in itself is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        connection = openstack.connect(load_envvars=False, load_yaml_config=False, **login)
        yield connection
        with contextlib.suppress(Exception):
            connection.close()


@pytest.fixture
def sdk(connection: Any) -> Any:
    """Its part for networks."""
    return connection.network


@pytest.fixture
def command(login: dict[str, str]) -> Run:
    """`openstack` as a shell: lines in, the JSON documents that they print and the errors out."""
    settings = {f"OS_{key.upper()}": value for key, value in login.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}
    program = str(Path(sys.executable).parent / "openstack")

    def run(*lines: str) -> tuple[list[Any], str]:
        text = "".join(f"{line}\n" for line in lines)
        done = subprocess.run(
            [program], env=environment, input=text, capture_output=True, text=True, check=False
        )
        return list(_documents(done.stdout)), done.stderr

    return run


def _documents(text: str) -> Iterator[Any]:
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        yield document
        text = text[end:].strip()
