"""Hosts, for the cloud's admin: made, listed, changed, given a new token, removed."""

import secrets
import uuid
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_admin, find_host, token_hash
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.model.cluster import OWNERS, POD
from polpo.model.host import Host
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction


class NewHost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a host is made from. `address` is where its tunnels end."""

    name: str
    address: str
    availability_zone: str = "nova"
    description: str = ""


class HostUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be changed. A name stays: ports are bound by it."""

    address: str | msgspec.UnsetType = msgspec.UNSET
    availability_zone: str | msgspec.UnsetType = msgspec.UNSET
    admin_state_up: bool | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET


class _New(msgspec.Struct, frozen=True):
    host: NewHost


class _Update(msgspec.Struct, frozen=True):
    host: HostUpdate


async def make_host(parts: Parts, request: Request) -> Response:
    """`POST /v1/hosts`: the only answer, but for a rotation's, that shows a token."""
    await calling_admin(parts, request)
    asked, token = decoded(await body_of(request), _New).host, secrets.token_urlsafe(32)
    made = Host(
        id=str(uuid.uuid4()),
        name=_name(asked.name),
        address=_address(asked.address),
        token_hash=token_hash(token),
        availability_zone=asked.availability_zone,
        description=asked.description,
    )
    host = await parts.store.write(lambda tx: tx.put(made))
    return answer({"host": shown(host) | {"token": token}}, 201)


async def list_hosts(parts: Parts, request: Request) -> Response:
    await calling_admin(parts, request)
    hosts = sorted(parts.store.snapshot.all(Host), key=lambda host: host.name)
    return answer({"hosts": [shown(host) for host in hosts]})


async def show_host(parts: Parts, request: Request) -> Response:
    await calling_admin(parts, request)
    return answer({"host": shown(_host(parts.store.snapshot, request))})


async def change_host(parts: Parts, request: Request) -> Response:
    await calling_admin(parts, request)
    asked = msgspec.structs.asdict(decoded(await body_of(request), _Update).host)
    values = {name: value for name, value in asked.items() if value is not msgspec.UNSET}
    if "address" in values:
        values["address"] = _address(values["address"])
    host = await parts.store.write(lambda tx: _change(tx, request, values))
    return answer({"host": shown(host)})


async def remove_host(parts: Parts, request: Request) -> Response:
    """409 while something is there: its switch would go on with what it last knew.

    A dead host's gateways get other homes, and its pods, which are no more, their ports freed.
    """
    await calling_admin(parts, request)
    await parts.store.write(lambda tx: _remove(tx, request, parts.reports.is_alive))
    return Response(status_code=204)


async def rotate_token(parts: Parts, request: Request) -> Response:
    """`POST /v1/hosts/{host}/token`: the old token is worth nothing from now on."""
    await calling_admin(parts, request)
    token = secrets.token_urlsafe(32)
    values = {"token_hash": token_hash(token)}
    host = await parts.store.write(lambda tx: _change(tx, request, values))
    return answer({"host": shown(host) | {"token": token}})


def shown(host: Host) -> dict[str, Any]:
    """All but the token's hash."""
    values = msgspec.structs.asdict(host)
    del values["token_hash"]
    return values


def _change(tx: Transaction, request: Request, values: dict[str, Any]) -> Host:
    return tx.put(msgspec.structs.replace(_host(tx.snapshot, request), **values))


def _remove(tx: Transaction, request: Request, is_alive: Callable[[str], bool]) -> None:
    host = _host(tx.snapshot, request)
    alive = is_alive(host.name)
    for port in _for_pods(tx.snapshot, host, alive):
        tx.remove(port)
    if ports := tx.snapshot.count_by(Port, "host", host.name):
        raise Refused(409, f"{ports} ports are bound to {host.name}.")
    gateways = tx.snapshot.count_by(Placement, "host", host.name)
    if gateways and alive:
        raise Refused(409, f"{gateways} gateways of routers are on {host.name}: disable it first.")
    tx.remove(host)


def _for_pods(snapshot: Snapshot, host: Host, alive: bool) -> list[Port]:
    """What goes with the host: its own port, those that wait for pods, a dead host's pods'."""
    ports = [p for p in snapshot.by(Port, "host", host.name) if p.device_owner in OWNERS]
    return [p for p in ports if not (alive and p.device_owner == POD and p.device_id)]


def _host(snapshot: Snapshot, request: Request) -> Host:
    host = find_host(snapshot, request.path_params["host"])
    if host is None:
        raise Refused(404, f"Host {request.path_params['host']} could not be found.")
    return host


def _name(name: str) -> str:
    """Names go into paths and slices: a host name's letters only (RFC 1123)."""
    letters = set(name.lower()) - set("abcdefghijklmnopqrstuvwxyz0123456789-._")
    if letters or not 1 <= len(name) <= 255 or not name[0].isalnum():
        raise Refused(400, "A host's name is of letters, digits, '-', '.', '_'.")
    return name


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise Refused(400, str(error)) from error
