"""A host that comes to carry a network learns where addresses have moved to before it came."""

import socket

import pytest

from polpo.dataplane.announcements import announcement
from polpo.dataplane.tables import ADDRESS_KEY, pack_address, pack_mac
from polpo.kernel import bpf
from polpo.kernel import netns as namespaces
from polpo.target.rows import Pair
from polpo.testing.hosts import PREFIX, Cloud, eventually

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]
MAC, MOVED = "fa:16:3e:00:00:1e", ("10.7.0.100", "fd07::100")


def announce(netns: str) -> None:
    """As keepalived does when it becomes active."""
    with namespaces.inside(netns, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as raw:
        raw.bind(("eth0", 0))
        for address in MOVED:
            raw.send(announcement(pack_mac(MAC), pack_address(address)))


async def test_who_comes_later_is_told_of_addresses_that_moved(cloud: Cloud) -> None:
    await cloud.a.started()
    port, netns = cloud.controller.add_port(30, tuple(Pair(MAC, a) for a in MOVED)), f"{PREFIX}w30"
    await cloud.a.plug(port, netns)

    async def has_moved() -> bool:
        announce(netns)
        return len((await cloud.a.status()).get("moved", ())) == len(MOVED)

    await eventually(has_moved, "both addresses speak at a")
    await cloud.b.started()
    await cloud.wired(cloud.b, 12)
    moved = bpf.load(cloud.b.runtime / "bpf", programs=()).tables["moved"]

    async def told() -> bool:
        wanted = [ADDRESS_KEY.pack(7, pack_address(address)) for address in MOVED]
        return all(moved.get(key) is not None for key in wanted)

    await eventually(told, "b has learned both")
