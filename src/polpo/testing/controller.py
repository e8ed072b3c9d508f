"""A controller small enough to read: one network, ports by hand, a feed like the real one's.

It listens in a namespace of the test's, and says what it is told to, so a test can cut it off,
make it lie, and look at what agents report.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from polpo.target import rows, wire
from polpo.target.instance import Instance
from polpo.target.probe_row import Probe
from polpo.target.status import Status
from polpo.target.wire import SliceLine

TOKEN = "sesame"
HEARTBEAT_S = 0.5
ROUTER = rows.Router(vni=9, id="r", domain=9)
ALLOW_ALL = rows.Policy(
    number=7,
    rules=tuple(rows.Rule(ingress=i, family=f) for i in (True, False) for f in (4, 6)),
)


SUBNETS = (
    rows.Subnet("s4", "10.7.0.0/24", gateway="10.7.0.1"),
    rows.Subnet("s6", "fd07::/64", routes=(("fd99::/64", "fd07::1"),)),
)


class _Server(uvicorn.Server):
    """Leaves the signals to the test's own process."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()


class _Stream:
    """One open feed: `news` has it look again."""

    def __init__(self) -> None:
        self.news, self.cut = asyncio.Event(), False


class Controller:
    """`ports` may be bound; each write makes a revision that all streams say at once."""

    def __init__(self, vteps: dict[str, str], vni: int = 7) -> None:
        self.vteps, self.vni = vteps, vni
        self.ports: dict[str, rows.Port] = {}
        self.bound: dict[str, str] = {}
        self.subnets: dict[str, rows.Subnet] = {subnet.id: subnet for subnet in SUBNETS}
        self.interfaces: list[rows.Interface] = []  # of the router that is there if it has any
        self.extra: list[rows.AnyRow] = []
        self.routed: list[rows.AnyRow] = []  # of the router, too
        self.gateways: dict[str, list[rows.Gateway]] = {}  # by host
        self.probes: dict[str, list[Probe]] = {}  # by host
        self.log: list[rows.Slices] = [{}]  # index = revision: what all slices were
        self.statuses: dict[str, Status] = {}
        self.refuse = 0  # the HTTP status that every request is answered with; 0: none is
        self.asked: dict[str, int] = {}  # host -> `since` of its last request for the feed
        self._streams: dict[str, _Stream] = {}  # by host
        self._half: dict[str, bytes] = {}
        self._server: uvicorn.Server | None = None

    async def write(self) -> int:
        """Compile; answers the new revision."""
        return self._say(self.compiled())

    async def add(self, *more: rows.AnyRow) -> int:
        """More rows of the router, and the others are not looked at: many of them cost nothing."""
        name, last = f"router/{ROUTER.vni}", self.log[-1]
        self.routed += more
        return self._say({**last, name: {**last[name], **_keyed(more)}})

    def _say(self, slices: rows.Slices) -> int:
        self.log.append(slices)
        for stream in self._streams.values():
            stream.news.set()
        return self.revision

    def compiled(self) -> rows.Slices:
        slices: rows.Slices = {"hosts": _keyed(rows.Host(n, a) for n, a in self.vteps.items())}
        for host in self.vteps:
            slices[f"host/{host}"] = self._host_rows(host)
        endpoints = [self._endpoint(p) for p in self.bound if p in self.ports]
        slices[f"network/{self.vni}"] = _keyed([*endpoints, *self.subnets.values(), *self.extra])
        routed = [ROUTER, *self.interfaces, *self.routed] if self.interfaces else []
        slices[f"router/{ROUTER.vni}"] = _keyed(routed)
        return slices

    def cut(self) -> None:
        """End all streams."""
        for stream in self._streams.values():
            stream.cut = True
            stream.news.set()

    def half_say(self, host: str, text: bytes) -> None:
        """Say this without a revision, then end the stream."""
        self._half[host] = text
        self._streams[host].cut = True
        self._streams[host].news.set()

    def reading(self, host: str) -> bool:
        return host in self._streams

    @property
    def revision(self) -> int:
        return len(self.log) - 1

    def _host_rows(self, host: str) -> dict[str, rows.AnyRow]:
        mine = [self.ports[p] for p, h in self.bound.items() if h == host and p in self.ports]
        if not mine:
            return {}
        gateways = self.gateways.get(host, [])
        carrying: list[rows.Carrying] = [rows.Network(self.vni, 1400)]
        if self.interfaces:
            carrying = [rows.Network(self.vni, 1400, ROUTER.vni), rows.Routing(ROUTER.vni)]
        return _keyed([*carrying, ALLOW_ALL, *mine, *gateways, *self.probes.get(host, [])])

    def _endpoint(self, port: str) -> rows.Endpoint:
        row = self.ports[port]
        addresses = tuple(lease.address for lease in row.leases)
        return rows.Endpoint(port, row.mac, self.vteps[self.bound[port]], addresses)

    def add_port(self, number: int, pairs: tuple[rows.Pair, ...] = ()) -> str:
        """A port with one address of each family; `number` is the last part of both."""
        port = f"{number:08x}-0000-4000-8000-000000000000"
        self.ports[port] = rows.Port(
            id=port,
            vni=self.vni,
            mac=f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}",
            mtu=1400,
            policy=ALLOW_ALL.number,
            pairs=pairs,
            leases=(
                rows.Lease(f"10.7.0.{number}", SUBNETS[0].id),
                rows.Lease(f"fd07::{number:x}", SUBNETS[1].id),
            ),
            instance=Instance(id=f"vm-{number}", network="net"),
        )
        return port

    async def start(self, sock: socket.socket) -> None:
        app = Starlette(
            routes=[
                Route("/v1/hosts/{host}/target", self._target),
                Route("/v1/hosts/{host}/status", self._status, methods=["POST"]),
                Route("/v1/hosts/{host}/ports/{port}", self._bind, methods=["PUT", "DELETE"]),
                Route("/v1/hosts/{host}/certificate", self.certificate),
            ]
        )
        config = uvicorn.Config(
            app, log_level="error", timeout_graceful_shutdown=0, lifespan="off", ws="none"
        )
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]))

    async def stop(self) -> None:
        """All streams are cut."""
        assert self._server
        self._server.should_exit = self._server.force_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _target(self, request: Request) -> Response:
        if self.refuse or request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": {"message": "no"}}, self.refuse or 401)
        host, since = request.path_params["host"], int(request.query_params["since"])
        self.asked[host] = since
        return StreamingResponse(self._feed(host, since))

    async def _feed(self, host: str, since: int) -> AsyncIterator[bytes]:
        stream = self._streams[host] = _Stream()
        before = self.log[since] if 0 < since <= self.revision else None
        try:
            while not stream.cut:
                now, held = self.log[self.revision], self.revision
                for line in _lines(host, before, now):
                    yield wire.encode_line(line)
                yield wire.encode_line(wire.RevisionLine(held))
                before = now
                await self._news(held, stream)
            yield self._half.pop(host, b"")
        finally:
            if self._streams.get(host) is stream:
                del self._streams[host]

    async def _news(self, held: int, stream: "_Stream") -> None:
        """Until there is a newer revision, a heartbeat is due, or the stream is cut."""
        if self.revision != held or stream.cut:
            return
        stream.news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stream.news.wait(), HEARTBEAT_S)

    async def _status(self, request: Request) -> Response:
        if self.refuse:
            return JSONResponse({"error": {"message": "no"}}, self.refuse)
        host = request.path_params["host"]
        self.statuses[host] = msgspec.json.decode(await request.body(), type=Status)
        return Response(status_code=204)

    async def certificate(self, request: Request) -> Response:
        return JSONResponse({"error": {"message": "no certificate"}}, 404)

    async def _bind(self, request: Request) -> Response:
        port, host = request.path_params["port"], request.path_params["host"]
        if port not in self.ports:
            return JSONResponse({"error": {"message": f"no port {port}"}}, 404)
        if request.method == "PUT":
            self.bound[port] = host
        else:
            self.bound.pop(port, None)
        await self.write()
        return JSONResponse({})


def _lines(host: str, before: rows.Slices | None, now: rows.Slices) -> list[SliceLine]:
    """What has changed, in slices that the host needs."""
    needs = _needs(host, now)
    needed = _needs(host, before) if before is not None else set()
    found = [SliceLine(name, dropped=True) for name in sorted(needed - needs)]
    for name in sorted(needs):
        new = now.get(name, {})
        if before is None or name not in needed:
            found.append(SliceLine(name, full=True, rows=tuple(new.values())))
            continue
        old = before.get(name, {})
        if old is new:
            continue
        pairs = ((old.get(key), row) for key, row in new.items())
        put = tuple(row for was, row in pairs if was is not row and was != row)
        gone = tuple(key for key in old if key not in new)
        if put or gone:
            found.append(SliceLine(name, rows=put, gone=gone))
    return found


def _needs(host: str, slices: rows.Slices) -> set[str]:
    own = slices.get(f"host/{host}", {}).values()
    shared = (row.needs for row in own if isinstance(row, rows.Network | rows.Routing))
    return {"hosts", f"host/{host}", *shared}


def _keyed(found: object) -> dict[str, rows.AnyRow]:
    return {row.key: row for row in found}  # type: ignore[attr-defined]
