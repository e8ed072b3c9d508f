"""What the switch's model finds at an address: a service, as its sender may use it. Pure."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from polpo.dataplane.frames import Transport
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.serving import PROTOCOLS, usable
from polpo.dataplane.tables import pack_address, unpack_address
from polpo.target.rows import AnyRow
from polpo.target.service import Backend, Face, Service


class Held(NamedTuple):
    """A service with its backends.

    lot      which of its backends, as clients that stick to one know it
    taking   those that new flows may have
    limited  only for the service's sources
    keeps    they see a guest's own address
    silent   what finds none is dropped, not refused
    """

    row: Service
    backends: list[Backend]
    lot: tuple[str, bool]
    taking: list[Backend]
    limited: bool
    keeps: bool
    silent: bool


class Asked(NamedTuple):
    """What is looked for: layer 4, the address; hosts of the cloud, and the VTEP of this one."""

    t: Transport
    address: bytes
    hosts: Container[str]
    vtep: str


def found_at(rows: Iterable[AnyRow], asked: Asked, by_router: bool) -> Held | None:
    """What clients of a network, or of a router, find."""
    given = list(rows)
    services = [row for row in given if isinstance(row, Service)]
    for row in services:
        if is_at(row.protocol, row.port, row.address, asked):
            limited = bool(row.sources) and not row.faces
            return _held(row, given, asked.vtep, row.local, limited)
    for row, face in faces_at(services, asked, by_router):
        return _held(row, given, asked.vtep, False, face.limited and bool(row.sources))
    return None


def found_by_guests(rows: Iterable[AnyRow], asked: Asked) -> Held | None:
    """What finds who comes from outside."""
    given = list(rows)
    services = (row for row in given if isinstance(row, Service) and row.guests)
    for row, face in faces_at(list(services), asked, True):
        local = row.guests == "local"
        found = _held(row, given, asked.vtep, local, face.limited and bool(row.sources))
        return found._replace(keeps=local)
    return None


def _held(row: Service, rows: Iterable[AnyRow], vtep: str, near: bool, limited: bool) -> Held:
    backends = [r for r in rows if isinstance(r, Backend) and r.service == row.id]
    every = usable(backends)
    taking = usable(backends, vtep) if near else every
    return Held(row, backends, (row.id, near), taking, limited, False, near and bool(every))


def faces_at(
    services: Iterable[Service], asked: Asked, by_router: bool
) -> Iterator[tuple[Service, Face]]:
    """Those of an address before those of every host's."""
    every = [(row, face) for row in services for face in row.faces]
    yield from (
        (row, face)
        for row, face in every
        if face.address and is_at(row.protocol, face.port, face.address, asked)
    )
    own = unpack_address(asked.address)
    if not by_router or own not in asked.hosts:
        return
    for row, face in every:
        same = (row.protocol, face.port) == (_name(asked.t), asked.t.destination_port)
        if same and not face.address and is_ipv6(asked.address) == (":" in row.address):
            yield row, face


def is_at(protocol: str, port: int, address: str, asked: Asked) -> bool:
    of = PROTOCOLS[protocol], port, pack_address(address)
    return of == (asked.t.protocol, asked.t.destination_port, asked.address)


def _name(t: Transport) -> str:
    return next((name for name, number in PROTOCOLS.items() if number == t.protocol), "")
