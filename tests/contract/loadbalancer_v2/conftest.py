"""Hosts that say that all is done, so that who waits for load balancers is answered."""

import contextlib
import re
import threading
from collections.abc import Iterator

import httpx2
import pytest

from polpo.testing.controller_process import ControllerProcess

BEAT_S = 0.5
LISTEN_S = 0.5
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
        with httpx2.Client(base_url=self._url, timeout=LISTEN_S) as client:
            while not self._ended.wait(BEAT_S):
                for host, token in self._tokens.items():
                    headers = {"Authorization": f"Bearer {token}"}
                    active = _asked(client, host, headers)
                    said = {"revision": FAR, "looked": FAR, "active": active, "ready": active}
                    client.post(f"/v1/hosts/{host}/status", json=said, headers=headers)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


def _asked(client: httpx2.Client, host: str, headers: dict[str, str]) -> list[int]:
    """Numbers of the load balancers that the host has an instance of. The feed never ends."""
    text = ""
    stream = client.stream("GET", f"/v1/hosts/{host}/target", headers=headers)
    with contextlib.suppress(httpx2.TimeoutException), stream as feed:
        for part in feed.iter_text():
            text += part
    rows = (line for line in text.splitlines() if '"row":"balancer"' in line)
    return sorted({int(found) for row in rows for found in re.findall(r'"vni":(\d+)', row)})


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
