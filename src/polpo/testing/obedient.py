"""A host without a kernel: it says that it has done all that it is told, as soon as it is told.

For tests of what asks a controller for things and waits for them; packets need real agents.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import httpx2
import msgspec

from polpo.client.session import Session
from polpo.target import wire
from polpo.target.balancer import Balancer
from polpo.target.rows import Slices
from polpo.target.status import Status

UPLINK = "physnet1"


class ObedientHost:
    """Enrolled by the cloud's admin; the active one of every load balancer that it has."""

    def __init__(self, admin: Session, url: str, name: str, address: str) -> None:
        body = {"host": {"name": name, "address": address}}
        made = admin.hosts("POST", "/hosts", body)["host"]
        headers = {"Authorization": f"Bearer {made['token']}"}
        self._http = httpx2.Client(base_url=f"{url}/v1/hosts/{name}", headers=headers, timeout=30)
        self._slices: Slices = {}
        self._revision, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._say()
        self._thread.start()

    def stop(self) -> None:
        """With the next line of the feed, which has a heartbeat."""
        self._ended.set()
        self._thread.join()
        self._http.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(httpx2.HTTPError):
                self._follow()
            self._ended.wait(0.1)

    def _follow(self) -> None:
        with self._http.stream("GET", "/target", params={"since": 0}) as answer:
            for text in answer.iter_lines():
                line = wire.decode_line(text.encode())
                wire.apply_line(self._slices, line)
                if line.revision is not None:
                    self._revision = line.revision
                    self._say()
                if self._ended.is_set():
                    return

    def _say(self) -> None:
        rows: list[Any] = [row for slice in self._slices.values() for row in slice.values()]
        numbers = tuple(row.vni for row in rows if isinstance(row, Balancer))
        status = Status(
            self._revision,
            active=numbers,
            ready=numbers,
            looked=self._revision,
            uplinks={UPLINK: "eth1"},
        )
        self._http.post("/status", content=msgspec.json.encode(status))
