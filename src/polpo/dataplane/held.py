"""What the switch's model finds at an address: a service, as its sender may use it. Pure."""

from collections.abc import Container, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from polpo.dataplane.frames import Transport
from polpo.dataplane.prefixes import is_ipv6
from polpo.dataplane.serving import PROTOCOLS, Here, is_for, usable, usable_near
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
    lot: tuple[str, str]
    taking: list[Backend]
    limited: bool
    keeps: bool
    silent: bool


class Asked(NamedTuple):
    """What is looked for: layer 4, the address; hosts of the cloud, and which this one is."""

    t: Transport
    address: bytes
    hosts: Container[str]
    here: Here


def found_at(rows: Iterable[AnyRow], asked: Asked, by_router: bool) -> Held | None:
    """What clients of a network, or of a router, find."""
    given = list(rows)
    services = [row for row in given if isinstance(row, Service) and _is_for(row, given, asked)]
    for row in services:
        if is_at(row.protocol, row.port, row.address, asked):
            limited = bool(row.sources) and not row.faces
            return _held(row, given, asked.here, row.local, limited)
    for row, face in faces_at(services, asked, by_router):
        limited = face.limited and bool(row.sources)
        if not face.address and row.guests == "local":
            return _held_there(row, given, asked, limited)
        return _held(row, given, asked.here, False, limited)
    return None


def found_by_guests(rows: Iterable[AnyRow], asked: Asked) -> Held | None:
    """What finds who comes from outside."""
    given = list(rows)
    every = (row for row in given if isinstance(row, Service) and row.guests)
    services = [row for row in every if _is_for(row, given, asked)]
    for row, face in faces_at(services, asked, True):
        local = row.guests == "local"
        if local and not face.address and not _is_own(asked):
            continue
        found = _held(row, given, asked.here, local, face.limited and bool(row.sources))
        return found._replace(keeps=local)
    return None


def _is_own(asked: Asked) -> bool:
    """Whether it is an address of this host."""
    return unpack_address(asked.address) in asked.here.at(asked.here.vtep)


def _is_for(row: Service, rows: Iterable[AnyRow], asked: Asked) -> bool:
    return is_for(row, _backends_of(row, rows), asked.here)


def _backends_of(row: Service, rows: Iterable[AnyRow]) -> list[Backend]:
    return [one for one in rows if isinstance(one, Backend) and one.service == row.id]


def _held(row: Service, rows: Iterable[AnyRow], here: Here, near: bool, limited: bool) -> Held:
    backends = _backends_of(row, rows)
    every = usable(backends, here)
    taking = usable_near(backends, here) if near else every
    lot = row.id, "near" if near else ""
    return Held(row, backends, lot, taking, limited, False, near and bool(every))


def _held_there(row: Service, rows: Iterable[AnyRow], asked: Asked, limited: bool) -> Held:
    """At the own address of a host, for its backends only; of this one, for all."""
    here, address = asked.here, unpack_address(asked.address)
    if _is_own(asked):
        return _held(row, rows, here, False, limited)
    backends = _backends_of(row, rows)
    every = usable(backends, here)
    hosts = {backend.host for backend in backends} - {""}
    at = next((host for host in sorted(hosts) if address in here.at(host)), "")
    there = [backend for backend in backends if at and backend.host == at]
    taking = usable_near(there, Here(at))
    return Held(row, there, (row.id, f"at {at}"), taking, limited, False, bool(every))


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
    others = chain.from_iterable(asked.here.others.values())
    if not by_router or (own not in asked.hosts and own not in others):
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
