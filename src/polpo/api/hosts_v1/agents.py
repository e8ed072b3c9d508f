"""What agents say besides reading the feed: their status, and which ports are bound to them."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.hosts_v1.bodies import body_of
from polpo.api.hosts_v1.callers import calling_host
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.model.host import Host
from polpo.model.port import Port
from polpo.model.router import INTERFACES
from polpo.store.transaction import Transaction


async def take_status(parts: Parts, request: Request) -> Response:
    """`POST /v1/hosts/{host}/status`: the answer says which revision there is."""
    host = calling_host(parts, request)
    try:
        parts.reports.hear(host.name, await body_of(request))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"Not a status: {error}") from error
    parts.convergence.heard()
    return answer({"revision": parts.store.snapshot.revision})


async def bind_port(parts: Parts, request: Request) -> Response:
    """`PUT /v1/hosts/{host}/ports/{port}`: the port is here from now on.

    A port that is bound elsewhere moves, as when Nova sets another `binding:host_id`: the host
    where a machine is started knows best where it is.
    """
    host, id = calling_host(parts, request), request.path_params["port"]
    port = await parts.store.write(lambda tx: _bind(tx, host, id))
    return answer({"port": {"id": port.id, "host": port.host, "revision": port.wiring}})


async def unbind_port(parts: Parts, request: Request) -> Response:
    """`DELETE /v1/hosts/{host}/ports/{port}`: 404 when it is not (or no longer) bound here."""
    host, id = calling_host(parts, request), request.path_params["port"]
    await parts.store.write(lambda tx: _unbind(tx, host, id))
    return Response(status_code=204)


def _bind(tx: Transaction, host: Host, id: str) -> Port:
    port = tx.snapshot.get(Port, id)
    if port is None:
        raise Refused(404, f"Port {id} could not be found.")
    if port.device_owner in INTERFACES:
        raise Refused(409, f"Port {id} is a router's: it is on every host that carries the router.")
    return port if port.host == host.name else _place(tx, port, host.name)


def _unbind(tx: Transaction, host: Host, id: str) -> None:
    port = tx.snapshot.get(Port, id)
    if port is None or port.host != host.name:
        raise Refused(404, f"Port {id} is not bound to {host.name}.")
    _place(tx, port, "")


def _place(tx: Transaction, port: Port, host: str) -> Port:
    return tx.put(msgspec.structs.replace(port, host=host, wiring=tx.revision))
