"""Reads what ports ask, and sends them the answers."""

import asyncio
import struct
from collections import Counter
from collections.abc import Mapping

import structlog

from polpo.agent.devices import Devices
from polpo.agent.dhcp.advertiser import Advertiser
from polpo.agent.dhcp.answering import Service, answer, service_of
from polpo.agent.dhcp.extra import is_understood
from polpo.agent.dhcp.introducer import Introducer
from polpo.agent.dhcp.link import Link
from polpo.agent.target import Target
from polpo.agent.wanted import Wired
from polpo.dataplane.rings import ASKED
from polpo.kernel.packets import Sender
from polpo.kernel.ring import Ring
from polpo.runtime.clock import Clock
from polpo.target.rows import DhcpOption, Port

BAD_ROWS = (ValueError, struct.error, OverflowError)  # of rows that make no sense


class Responder:
    """`asked` by service; `answers` by service and outcome.

    Told to `listen`, it does from the next `renew` on: before that it knows no ports.
    """

    def __init__(
        self,
        ring: Ring,
        sender: Sender,
        target: Target,
        ports: Mapping[str, Wired],
        devices: Devices,
        clock: Clock,
    ) -> None:
        self._ring, self._sender = ring, sender
        self._target, self._ports, self._devices = target, ports, devices
        self._wired: dict[int, Wired] = {}  # by ifindex
        self._deaf: asyncio.AbstractEventLoop | None = None
        self._misread: set[tuple[str, DhcpOption]] = set()
        self._advertiser = Advertiser(self._advertise, clock)
        self._introducer = Introducer(self._send)
        self.asked: Counter[str] = Counter()
        self.answers: Counter[tuple[str, str]] = Counter()
        self._log = structlog.get_logger("polpo.agent")

    def listen(self) -> None:
        """Within the event loop that is to be woken by questions."""
        self._deaf = asyncio.get_running_loop()

    def port_at(self, ifindex: int) -> Port | None:
        """The port whose device that is, as of the last pass."""
        wired = self._wired.get(ifindex)
        return wired.port if wired is not None else None

    def renew(self) -> None:
        """A pass has ended: the ports' devices are known, and what is to be said on them."""
        self._wired = dict(self._found())
        self._tell_misread()
        try:
            networks = {ifindex: wired.port.vni for ifindex, wired in self._wired.items()}
            self._introducer.look(networks, self._target.interfaces.all())
            self._advertiser.look({i: self._link(w.port) for i, w in self._hearers().items()})
        except BAD_ROWS as e:
            self._log.error("routers not announced", reason=str(e))
        if self._deaf is not None:
            self._deaf.add_reader(self._ring.fileno(), self.serve)
            self._deaf = None

    def serve(self) -> None:
        """Answer all that was asked."""
        for record in self._ring.read():
            asked = ASKED.unpack(record)
            self._serve(asked["ifindex"], asked["frame"], asked["length"])

    def _serve(self, ifindex: int, frame: bytes, length: int) -> None:
        service = service_of(frame)
        self.asked[service] += 1
        wired = self._wired.get(ifindex)
        if wired is None:  # unplugged meanwhile
            self.answers[service, "refused"] += 1
            return
        try:
            said = answer(self._link(wired.port), frame, length)
        except BAD_ROWS as e:
            self.answers[service, "failed"] += 1
            self._log.error("not answered", port=wired.port.id, service=service, reason=str(e))
            return
        sent = all(self._send(ifindex, frame) for frame in said.frames)
        self.answers[service, said.outcome if sent else "unsent"] += 1

    def _send(self, ifindex: int, frame: bytes) -> bool:
        """False if the device is down, or gone, or busy: who still wants to know asks again."""
        try:
            self._sender.send(ifindex, frame)
        except OSError:
            return False
        return True

    def _advertise(self, ifindex: int, frame: bytes) -> None:
        sent = self._send(ifindex, frame)
        self.answers[Service.ROUTER, "unasked" if sent else "unsent"] += 1

    def _link(self, port: Port) -> Link:
        subnets = self._target.subnets.of(f"network/{port.vni}")
        interfaces = (row for row in self._target.interfaces.all() if row.vni == port.vni)
        return Link(port, tuple(subnets), tuple(interfaces))

    def _found(self) -> list[tuple[int, Wired]]:
        found = []
        for device, wired in self._ports.items():
            try:
                found.append((self._devices.index(device), wired))
            except FileNotFoundError:
                continue  # the pass could not make it
        return found

    def _hearers(self) -> dict[int, Wired]:
        """Namespaces are configured by their routes: only taps have to hear of routers."""
        return {i: w for i, w in self._wired.items() if w.plug.kind == "tap" and w.port.admin_up}

    def _tell_misread(self) -> None:
        """Options that are left out of answers: once in the log."""
        ports = [wired.port for wired in self._wired.values()]
        found = {(p.id, o) for p in ports for o in p.dhcp_options if not is_understood(o)}
        for port, option in sorted(found - self._misread, key=repr):
            self._log.warning(
                "a DHCP option of a port is not understood, and left out",
                port=port,
                option=option.name,
                value=option.value,
            )
        self._misread = found
