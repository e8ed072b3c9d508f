"""Hosts that say that all is done, so that who waits for load balancers is answered."""

import threading
from collections.abc import Iterator

import httpx2
import pytest

from polpo.testing.controller_process import ControllerProcess

BEAT_S = 1.0
FAR = 1 << 40
"""A revision that is not reached while a test runs."""


class Obedient:
    """Reports, again and again, that two hosts have reached whatever was asked of them."""

    def __init__(self, url: str, tokens: dict[str, str]) -> None:
        self._url, self._tokens = url, tokens
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with httpx2.Client(base_url=self._url) as client:
            while not self._ended.wait(BEAT_S):
                for host, token in self._tokens.items():
                    headers = {"Authorization": f"Bearer {token}"}
                    said = {"revision": FAR, "looked": FAR}
                    client.post(f"/v1/hosts/{host}/status", json=said, headers=headers)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture(scope="module")
def hosts(controller: ControllerProcess) -> Iterator[None]:
    session = controller.session()
    tokens = {}
    for number, name in enumerate(("h1", "h2"), 1):
        asked = {"name": name, "address": f"192.0.2.{number}"}
        made = session.hosts("POST", "/hosts", {"host": asked})
        tokens[name] = made["host"]["token"]
    obedient = Obedient(f"http://127.0.0.1:{controller.port}", tokens)
    yield
    obedient.end()
