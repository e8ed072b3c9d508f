"""DHCP questions that a host's agent answers, and how long a plugged machine waits for its lease.

All through the real switch, agent and devices, the questions from another process. A port may ask
50 times a second, so 40 ports ask at once. Waiting is from the request to plug until udhcpc has its
lease, the start of both programs' work included.
"""

import asyncio
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.loop import figure, one_host
from polpo.agent.dhcp import bootp
from polpo.agent.dhcp.datagrams import udp
from polpo.kernel import netns
from polpo.target import rows
from polpo.testing.clients import Machine
from polpo.testing.controller import Controller
from polpo.testing.hosts import PREFIX, HostUnderTest, sh

PORTS, ASKS, OPEN, TRIES = 40, 45, 200, 20
GUESTS = f"{PREFIX}guests"
ALL, STATIONS, NOBODY = b"\xff" * 4, b"\xff" * 6, bytes(4)
CLIENT_PORTS, SERVER_PORTS = b"\0\x44\0\x43", b"\0\x43\0\x44"
ETH_P_IP = 0x0800


def run() -> list[dict[str, Any]]:
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    async with one_host() as (controller, host):
        waits = [await _wait(controller, host, number) for number in range(101, 101 + TRIES)]
        sh(f"ip netns add {GUESTS}")
        try:
            macs = [await _guest(controller, host, number) for number in range(1, PORTS + 1)]
            before_s = host.cpu_s()
            took_s = await asyncio.to_thread(netns.inside, GUESTS, lambda: _ask(macs))
            cpu_s = host.cpu_s() - before_s
        finally:
            sh(f"ip netns delete {GUESTS}")
    return [
        figure("DHCPv4: answers of one agent", PORTS * ASKS / took_s, "1/s"),
        figure("DHCPv4: agent's CPU for an answer", 1e6 * cpu_s / (PORTS * ASKS), "µs"),
        figure("DHCPv4: from plug to lease (udhcpc), p50", statistics.median(waits), "s"),
        figure("DHCPv4: from plug to lease (udhcpc), worst", max(waits), "s"),
    ]


async def _wait(controller: Controller, host: HostUnderTest, number: int) -> float:
    port: rows.Port = controller.ports[controller.add_port(number)]
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(host, port, Path(folder))
        machine.make()
        begun = time.monotonic()
        await machine.plug()
        await asyncio.to_thread(machine.udhcpc)
        took_s = time.monotonic() - begun
        await machine.remove()
    return took_s


async def _guest(controller: Controller, host: HostUnderTest, number: int) -> bytes:
    """A port whose device's other end is in the one namespace of all guests; its MAC."""
    port, tap = controller.add_port(number), f"tap{number}"
    sh(f"ip -n {host.netns} link add {tap} type veth peer name e{number} netns {GUESTS}")
    sh(f"ip -n {host.netns} link set {tap} addrgenmode none")
    sh(f"ip -n {GUESTS} link set e{number} addrgenmode none up")
    answer = await host.ask(do="plug", port=port, tap=tap)
    assert answer["ok"], answer
    return bytes.fromhex(controller.ports[port].mac.replace(":", ""))


def _ask(macs: list[bytes]) -> float:
    """Seconds until all is answered, with `OPEN` questions at a time."""
    asks = [_discover(mac) for mac in macs]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP)) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        link.settimeout(10)
        sent = heard = 0
        begun = time.monotonic()
        while heard < len(asks) * ASKS:
            while sent < len(asks) * ASKS and sent - heard < OPEN:
                number = sent % len(asks)
                link.sendto(asks[number], (f"e{number + 1}", 0))
                sent += 1
            heard += link.recv(2048)[34:38] == SERVER_PORTS
        return time.monotonic() - begun


def _discover(mac: bytes) -> bytes:
    message = bootp.Message(bootp.REQUEST, mac[2:], mac, {53: b"\1"}, broadcast=True)
    return udp((mac, STATIONS), (NOBODY, ALL), CLIENT_PORTS, bootp.encode(message))
