"""`GET /v1/trace?from=PORT&to=ADDRESS&protocol=tcp&port=443`: what would become of such a packet.

`POST /v1/trace` with the same as a JSON object sends it, too (see live.py).
From the asker's own ports only, and what others own is not named (see tracing_view.py). With what
hosts have reported: which ports are plugged in, where gateways are active, what has moved.
"""

import asyncio
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.context import Context
from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_user
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.live import send
from polpo.api.hosts_v1.parts import Parts
from polpo.api.hosts_v1.reports import Reports
from polpo.api.hosts_v1.tracing_view import shown, with_sightings
from polpo.dataplane import metadata
from polpo.model.host import Host
from polpo.model.port import Port
from polpo.model.protocol import ICMP, ICMPV6, WITH_PORTS
from polpo.model.snapshot import Snapshot
from polpo.trace.engine import trace
from polpo.trace.values import Question
from polpo.trace.world import Seen, World

LARGEST_BYTES = 64_000
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": ICMP, "sctp": 132, "dccp": 33, "udplite": 136}


class Tracing:
    """One at a time: in a large network it takes a while."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def show(self, parts: Parts, request: Request) -> Response:
        context = await calling_user(parts, request)
        return await self._answer(parts, context, _question(request.query_params), live=False)

    async def prove(self, parts: Parts, request: Request) -> Response:
        context = await calling_user(parts, request)
        if not context.may_write:
            raise Refused(403, "Who may only look may not have packets sent.")
        return await self._answer(parts, context, _question(await _body(request)), live=True)

    async def _answer(
        self, parts: Parts, context: Context, question: Question, live: bool
    ) -> Response:
        snapshot = parts.store.snapshot
        _check_port(snapshot, context, question.port)
        world = World(snapshot, _seen(snapshot, parts.reports))
        async with self._one:
            found = await asyncio.to_thread(trace, world, question)
            sighted = await send(parts, world, question, found) if live else None
        said = shown(snapshot, context, found)
        said |= {"revision": snapshot.revision, "pending": _pending(parts, snapshot)}
        if sighted is not None:
            said = with_sightings(said, context, found, question.port, sighted)
        return answer({"trace": said})


async def _body(request: Request) -> dict[str, str]:
    """{"trace": {"from": ..., "to": ..., "protocol": ..., "port": ...}}"""
    asked = decoded(await body_of(request, LARGEST_BYTES), _Body).trace
    return {name: str(value) for name, value in asked.items()}


class _Body(msgspec.Struct, frozen=True):
    trace: dict[str, str | int]


def _question(query: Mapping[str, str]) -> Question:
    to = _address(query.get("to", ""))
    name = query.get("protocol", "icmp").lower()
    if name not in PROTOCOLS:
        raise Refused(400, f"protocol: one of {', '.join(PROTOCOLS)}.")
    protocol = PROTOCOLS[name]
    number = _number(query.get("port", "")) if protocol in WITH_PORTS else 0
    if protocol == ICMP and to.version == 6:
        protocol = ICMPV6
    return Question(query.get("from", ""), str(to), protocol, number)


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        to = ip_address(text)
    except ValueError as error:
        raise Refused(400, f"to: {error}") from error
    many = to.is_multicast or to.is_unspecified or str(to) == "255.255.255.255"
    near = to.version == 6 and (to.is_link_local or to.ipv4_mapped is not None)
    if str(to) not in metadata.ADDRESSES and (many or near or to.is_loopback):
        raise Refused(400, "to: one host's address, neither loopback nor link-local (IPv6).")
    return to


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise Refused(400, "port: the destination's, from 1 to 65535.")
    return int(text)


def _check_port(snapshot: Snapshot, context: Context, id: str) -> None:
    port = snapshot.get(Port, id)
    if port is None or not (context.is_admin or port.project_id == context.project_id):
        raise Refused(404, f"Port {id} could not be found.")


def _seen(snapshot: Snapshot, reports: Reports) -> Seen:
    """What hosts have said last; who is active is said by those alone that have just been heard."""
    heard = [(name, report) for name, report in reports.items()]
    alive = [(name, report.status) for name, report in heard if reports.is_alive(name)]
    return Seen(
        plugged=frozenset().union(*(report.ports for _, report in heard)),
        active={vni: name for name, status in alive for vni in status.active},
        moved=tuple(move for _, status in alive for move in status.moved),
        silent=frozenset(h.name for h in snapshot.all(Host) if not reports.is_alive(h.name)),
    )


def _pending(parts: Parts, snapshot: Snapshot) -> int:
    """How many hosts have not reached the revision yet that the trace speaks of."""
    return len(parts.reports.lagging(snapshot, snapshot.revision))
