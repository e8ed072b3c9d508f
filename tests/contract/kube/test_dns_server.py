"""`polpo dns` with the usual Corefile of a cluster, over sockets, with a small API server."""

import asyncio
import contextlib
import os
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from polpo.dns.wire.message import Message, read_message
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Rcode, Record, Type
from polpo.testing import free
from polpo.testing.dns import children
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.asked import line
from polpo.testing.kubernetes.objects import endpoints, namespace, pod, service

COREFILE = """
.:{port} {{
    bind 127.0.0.1
    errors
    autopath @kubernetes
    transfer {{
        to 127.0.0.1
    }}
    kubernetes cluster.local 10.254.0.0/16 10.100.0.0/16 {{
        endpoint {api}
        pods verified
    }}
    cache 30
    loadbalance
}}
"""


class Server:
    """One process tree; `ask` is a client with one socket a question."""

    def __init__(self, folder: Path, api: ApiServer) -> None:
        self.port = free.port()
        self._corefile = folder / "Corefile"
        self._corefile.write_text(COREFILE.format(port=self.port, api=api.address))
        self._log = folder / "log"
        self.process: asyncio.subprocess.Process | None = None
        self._workers: list[int] = []

    async def start(self, *prefix: str) -> None:
        """`prefix` is a command that runs it."""
        polpo = str(Path(sys.executable).parent / "polpo")
        with self._log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(*prefix, polpo, "dns", "-conf", str(self._corefile), "-workers", "1"),
                stdout=log,
                stderr=log,
            )
        await until(lambda: b"Running configuration" in self._log.read_bytes())
        (nursery,) = children(self.process.pid)
        self._workers = children(nursery)

    async def stop(self) -> None:
        """All of the tree, also workers whose control is dead."""
        if self.process is None:
            return
        for pid in [self.process.pid, *self._workers]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()

    async def ask(self, name: str, type: Type = Type.A) -> Message:
        return await asyncio.to_thread(self._asked, from_text(name), type)

    async def transferred(self, zone: str) -> list[str]:
        """All of a zone, by TCP."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        query = _query(from_text(zone), Type.AXFR)
        writer.write(len(query).to_bytes(2) + query)
        records: list[Record] = []
        while [record.type for record in records].count(Type.SOA) < 2:
            size = int.from_bytes(await reader.readexactly(2))
            records += read_message(await reader.readexactly(size)).answer
        writer.close()
        await writer.wait_closed()
        return [line(record) for record in records]

    def _asked(self, name: bytes, type: Type) -> Message:
        query = _query(name, type)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(20)
            link.sendto(query, ("127.0.0.1", self.port))
            return read_message(link.recv(65535))


def _query(name: bytes, type: Type) -> bytes:
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", type, 1)


@pytest.fixture
async def server(api: ApiServer, tmp_path: Path) -> AsyncIterator[Server]:
    api.put(
        namespace("default"),
        namespace("other"),
        pod("client", "127.0.0.1", "other"),
        service("web", "default", "10.254.0.7", ports="http:tcp:80"),
        service("db", "default", "None", ports="sql:tcp:5432"),
        endpoints("db-1", "db", ports="sql:tcp:5432", addresses=["10.100.0.1", "10.100.0.2"]),
    )
    made = Server(tmp_path, api)
    await made.start()
    yield made
    await made.stop()


def answers(message: Message) -> list[str]:
    return sorted(line(record) for record in message.answer)


async def test_a_cluster_is_answered_for_and_followed(server: Server, api: ApiServer) -> None:
    zone = "svc.cluster.local"
    web = await server.ask(f"web.default.{zone}")
    assert answers(web) == [f"web.default.{zone}. 5 A 10.254.0.7"]
    found = await server.ask(f"_sql._tcp.db.default.{zone}", Type.SRV)
    assert len(found.answer) == len(found.additional) == 2
    back = await server.ask("7.0.254.10.in-addr.arpa", Type.PTR)
    assert answers(back) == [f"7.0.254.10.in-addr.arpa. 5 PTR web.default.{zone}."]
    missing = await server.ask(f"new.default.{zone}")
    assert missing.flags & 15 == Rcode.NXDOMAIN
    assert [record.type for record in missing.authority] == [Type.SOA]
    api.put(service("new", "default", "10.254.0.8"), service("web", "default", "10.254.0.9"))
    await until_async(server, f"new.default.{zone}", [f"new.default.{zone}. 5 A 10.254.0.8"])
    await until_async(server, f"web.default.{zone}", [f"web.default.{zone}. 5 A 10.254.0.9"])


async def test_a_pod_needs_one_question_where_its_search_list_has_several(server: Server) -> None:
    """The client's address is that of a pod in another namespace."""
    found = await server.ask("web.default.other.svc.cluster.local")
    assert [record.type for record in found.answer] == [Type.CNAME, Type.A]
    assert found.answer[1].owner == from_text("web.default.svc.cluster.local")


async def test_a_secondary_gets_the_whole_zone(server: Server) -> None:
    lines = await server.transferred("cluster.local")
    assert lines[0] == lines[-1]
    assert "web.default.svc.cluster.local. 5 A 10.254.0.7" in lines
    assert "127-0-0-1.other.pod.cluster.local. 5 A 127.0.0.1" in lines


async def test_answers_go_on_when_the_api_is_away_and_when_control_is_killed(
    server: Server, api: ApiServer
) -> None:
    name = "web.default.svc.cluster.local"
    await api.stop()
    assert answers(await server.ask(name))
    assert server.process is not None
    server.process.kill()
    await server.process.wait()
    for _ in range(20):
        assert answers(await server.ask(name)) == [f"{name}. 5 A 10.254.0.7"]
        assert (await server.ask(f"db.default.{name[12:]}")).answer


async def test_it_runs_with_the_capabilities_that_clusters_give_coredns(
    api: ApiServer, tmp_path: Path
) -> None:
    """`drop: [ALL]`, `add: [NET_BIND_SERVICE]`, allowPrivilegeEscalation: false."""
    if os.geteuid() != 0:
        pytest.skip("only root has capabilities to drop")
    made = Server(tmp_path, api)
    bounds = "--bounding-set=-all,+net_bind_service"
    await made.start("setpriv", bounds, "--no-new-privs")
    try:
        found = await made.ask("none.default.svc.cluster.local")
        assert found.flags & 15 == Rcode.NXDOMAIN
    finally:
        await made.stop()


async def until_async(server: Server, name: str, wanted: list[str]) -> None:
    """Workers are told a moment after the API has changed."""
    async with asyncio.timeout(60):
        while answers(await server.ask(name)) != wanted:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
