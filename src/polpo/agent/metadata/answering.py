"""Who asks, and what they are told: the port behind a connection, and its documents."""

import os
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus

import structlog

from polpo.agent.devices import Devices
from polpo.agent.metadata.conversation import Reply
from polpo.agent.metadata.documents import document
from polpo.agent.metadata.folder import Document, text
from polpo.agent.metadata.subject import Subject
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.target.rows import Port

METHODS = ("GET", "HEAD")
SEED_BYTES = 512  # of the kernel's randomness, for a guest that has none yet; as Nova


class Answering:
    """`replies` by status. What is told is nobody else's, and not logged."""

    def __init__(self, target: Target, ports: Mapping[str, Wired], devices: Devices) -> None:
        self._target, self._ports, self._devices = target, ports, devices
        self._by_index: dict[int, Port] = {}
        self.replies: Counter[int] = Counter()
        self._log = structlog.get_logger("polpo.agent")

    def renew(self) -> None:
        """A pass has ended: the ports' devices are known."""
        links = self._devices.known
        found = ((links[d].index, w.port) for d, w in self._ports.items() if d in links)
        self._by_index = dict(found)

    def reply(self, caller: int, method: str, path: str) -> Reply:
        """To the port at the interface `caller`."""
        status, told = self._reply(caller, method, path)
        self.replies[status] += 1
        return Reply(status, told)

    def _reply(self, caller: int, method: str, path: str) -> tuple[HTTPStatus, Document]:
        port = self._by_index.get(caller)
        if method not in METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED, text("only GET\n")
        if port is None or port.instance is None:
            return HTTPStatus.NOT_FOUND, text("nothing is known of this port\n")
        subnets = {row.id: row for row in self._target.subnets.of(f"network/{port.vni}")}
        try:
            found = document(Subject(port, port.instance, subnets), path, os.urandom(SEED_BYTES))
        except ValueError:
            self._log.error("a port's metadata makes no sense", port=port.id)
            return HTTPStatus.INTERNAL_SERVER_ERROR, text("it makes no sense\n")
        return (HTTPStatus.OK, found) if found else (HTTPStatus.NOT_FOUND, text("not found\n"))
