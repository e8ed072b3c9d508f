"""Workers that cannot begin, what forks them, and what they do without control."""

import asyncio
import os
import pwd
import signal
import socket
from pathlib import Path

import msgspec
import pytest

from polpo.dns.corefile.block import Address, ServerBlock
from polpo.dns.server import succession, worker
from polpo.dns.server.link import CONFIGURE, Configuration, Server, Sockets, frame
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
    started = WorkerProcess(Launcher(), lambda ended: None, lambda told: None)
    block = ServerBlock((Address("dns", b"\0", 53),), ())
    no_such_socket = Sockets("1", 987, -1)
    server = Server("dns://:53", "dns", [no_such_socket], {b"\0": [0]})
    await started.start(Configuration([block], [server]), [])
    with pytest.raises(ChildProcessError):
        await asyncio.wait_for(started.started, 60)
    await asyncio.wait_for(started.gone.wait(), 60)


async def test_a_control_in_its_very_end_is_no_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process had open is closed one after the other: the worker's pair first."""
    monkeypatch.setattr(worker, "LOOK_S", 0.2)
    name = succession.address(["dns://127.0.0.1:1", str(os.getpid())])
    listening = succession.take_over(name)
    control, of_worker = socket.socketpair()
    of_worker.setblocking(False)
    orphan = worker.Worker(asyncio.get_running_loop(), of_worker)
    configuration = Configuration([], [], succession=name)
    control.send(frame(CONFIGURE, msgspec.msgpack.encode(configuration)))
    control.close()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not orphan.stopped.done()
    assert listening is not None
    listening.close()
    successor = succession.take_over(name)
    await asyncio.wait_for(orphan.stopped, 60)
    assert successor is not None
    successor.close()
    of_worker.close()


def test_without_the_process_that_forks_them_workers_are_programs(tmp_path: Path) -> None:
    dns = DnsProcess(tmp_path, COREFILE, "-workers", "1")
    try:
        dns.wait_for(STARTED)
        (number,) = dns.workers()
        nursery = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(nursery, signal.SIGKILL)
        assert dns.ask("a.test").answer
        os.kill(number, signal.SIGKILL)
        dns.wait_for("workers are programs from now on")
        assert dns.ask("a.test").answer
    finally:
        dns.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make workers somebody else")
def test_workers_are_nobody_and_may_do_nothing_once_they_answer(tmp_path: Path) -> None:
    dns = DnsProcess(tmp_path, COREFILE, "-workers", "2")
    try:
        dns.wait_for(STARTED)
        nobody = str(pwd.getpwnam("nobody").pw_uid)
        for number in dns.workers():
            status = Path(f"/proc/{number}/status").read_text()
            words = {line.partition(":")[0]: line.split()[1:] for line in status.splitlines()}
            assert set(words["Uid"]) == {nobody}
            assert words["Groups"] == []
            assert int(words["CapEff"][0], 16) == int(words["CapPrm"][0], 16) == 0
    finally:
        dns.stop()
