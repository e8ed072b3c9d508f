"""Workers that cannot begin, and what forks them."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from polpo.dns.corefile.block import Address, ServerBlock
from polpo.dns.server.link import Configuration, Server, Sockets
from polpo.dns.server.processes import Launcher, WorkerProcess
from polpo.testing.dns import STARTED, DnsProcess

COREFILE = """.:PORT {
    bind 127.0.0.1
    hosts /nonexistent {
        10.0.0.1 a.test
    }
}
"""


async def test_a_worker_that_cannot_begin_ends_and_is_heard_of() -> None:
    worker = WorkerProcess(Launcher(), lambda ended: None)
    block = ServerBlock((Address("dns", b"\0", 53),), ())
    no_such_socket = Sockets("1", 987, -1)
    server = Server("dns://:53", "dns", [no_such_socket], {b"\0": [0]})
    await worker.start(Configuration([block], [server]), [])
    with pytest.raises(ChildProcessError):
        await asyncio.wait_for(worker.started, 60)
    await asyncio.wait_for(worker.gone.wait(), 60)


def test_without_the_process_that_forks_them_workers_are_programs(tmp_path: Path) -> None:
    dns = DnsProcess(tmp_path, COREFILE, "-workers", "1")
    try:
        dns.wait_for(STARTED)
        (worker,) = dns.workers()
        nursery = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(nursery, signal.SIGKILL)
        assert dns.ask("a.test").answer
        os.kill(worker, signal.SIGKILL)
        dns.wait_for("workers are programs from now on")
        assert dns.ask("a.test").answer
    finally:
        dns.stop()
