"""No crash, full disk or lost database loses an acknowledged write, or leaves half of one."""

import contextlib
import random
import threading
import time
import uuid
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path

from polpo.client.session import ApiError, Session
from polpo.testing.controller_process import ControllerProcess, bulk, make_network
from polpo.testing.waiting import until

BULK = 50


def write_until_it_dies(
    controller: ControllerProcess, network: str, acknowledged: set[str]
) -> None:
    """Bulk after bulk, each under a name of its own; notes which were acknowledged."""
    session, writer = controller.session(), uuid.uuid4().hex
    with contextlib.suppress(ApiError):
        for number in count():
            name = f"{writer}-{number}"
            bulk(session, network, name, BULK)
            acknowledged.add(name)


def test_kill_9_during_bulk_creates(controller: ControllerProcess) -> None:
    network = make_network(controller.start())
    acknowledged: set[str] = set()
    for _ in range(4):
        writers = [
            threading.Thread(target=write_until_it_dies, args=(controller, network, acknowledged))
            for _ in range(3)
        ]
        before = len(acknowledged)
        for writer in writers:
            writer.start()
        until(partial(has_grown, acknowledged, before), "a first one is acknowledged")
        time.sleep(random.uniform(0.0, 0.4))  # any moment will do: that is the test
        controller.kill()
        for writer in writers:
            writer.join()
        ports = controller.start().network("GET", "/ports", network_id=network)["ports"]
        found = Counter(port["name"] for port in ports)
        assert acknowledged <= set(found), "an acknowledged write is lost"
        assert set(found.values()) <= {BULK}, "a bulk is half done"
        addresses = [port["fixed_ips"][0]["ip_address"] for port in ports]
        assert len(addresses) == len(set(addresses))


def has_grown(acknowledged: set[str], before: int) -> bool:
    return len(acknowledged) > before


def fill(session: Session, network: str) -> tuple[int, ApiError]:
    """Ports until one is refused: how many, and the refusal."""
    made = 0
    for number in range(200):
        try:
            made += len(bulk(session, network, f"b{number}", BULK))
        except ApiError as error:
            return made, error
    raise AssertionError("the disk did not fill")


def test_a_full_disk_refuses_writes_and_nothing_else(small_disk: Path) -> None:
    controller = ControllerProcess(small_disk)
    try:
        session = controller.start()
        network = make_network(session)
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(512 * 1024))
        made, refused = fill(session, network)
        assert refused.status == 503
        seen = session.network("GET", "/ports", network_id=network)["ports"]
        assert len(seen) == made
        ballast.unlink()
        bulk(session, network, "after", 2)
        controller.kill()
        again = controller.start().network("GET", "/ports", network_id=network)["ports"]
        assert len(again) == made + 2
    finally:
        controller.stop()
