"""`POST /v1/trace`: the trace of a packet, and the packet itself, really sent and followed.

A `Probe` is written, so that the hosts on its way look for the packet; armed when all do, so that
the first one sends it; and removed when it has been seen where the trace ends, or for too long has
not. What hosts say of it comes with their reports.
"""

import asyncio
import secrets
import uuid
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from polpo.api.hosts_v1.parts import Parts
from polpo.model.probe import Probe
from polpo.store.transaction import Transaction
from polpo.trace.live import Mark, Sighted, is_whole, probe
from polpo.trace.values import Question, Trace
from polpo.trace.world import World

READY_S, SEEN_S, LOOK_S, LIFE_S = 10.0, 10.0, 0.02, 60.0
"""A busy host may say a second time only, with its periodic report, what it has dropped."""
PORTS = range(49152, 65536)


async def send(parts: Parts, world: World, question: Question, found: Trace) -> Sighted | None:
    """Where the packet was seen; None if it never leaves its workload."""
    made = probe(world, question, found, _mark())
    if made is None:
        return None
    await parts.store.write(lambda tx: _put(tx, made))
    try:
        await parts.convergence.wait(parts.store.snapshot.revision, READY_S)
        await parts.store.write(lambda tx: tx.put(replace(made, armed=True)))
        return await _follow(parts, question, found, made)
    finally:
        await asyncio.shield(parts.store.write(lambda tx: _remove(tx, made.id)))


def _mark() -> Mark:
    return Mark(
        id=str(uuid.uuid4()),
        ending=secrets.token_bytes(16),
        source_port=secrets.choice(PORTS),
        until=_clock(timedelta(seconds=LIFE_S)),
    )


def _clock(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _follow(parts: Parts, question: Question, found: Trace, made: Probe) -> Sighted:
    """Until it was seen to take each step, whoever of the hosts says so last; what there is after a
    while.
    """
    deadline = asyncio.get_running_loop().time() + SEEN_S
    while True:
        sighted = _sighted(parts, made)
        if is_whole(found, question.port, sighted) or asyncio.get_running_loop().time() > deadline:
            return sighted
        await asyncio.sleep(LOOK_S)


def _sighted(parts: Parts, made: Probe) -> Sighted:
    sighted = {}
    for place in made.places:
        report = parts.reports.get(place.host)
        said = report.status.sighted if report is not None else ()
        sighted[place.host] = frozenset(where for id, where in said if id == made.id)
    return sighted


def _put(tx: Transaction, made: Probe) -> None:
    """In place of those whose controllers have died."""
    for other in list(tx.snapshot.all(Probe)):
        if other.until < _clock():
            tx.remove(other)
    tx.put(made)


def _remove(tx: Transaction, id: str) -> None:
    made = tx.snapshot.get(Probe, id)
    if made is not None:
        tx.remove(made)
