"""A packet that is really sent, beside the trace of it: what to send, where to look, what was seen.

Pure: the controller sends and asks (api/hosts_v1/live.py).
"""

from collections.abc import Mapping, Set

import msgspec

from polpo.model.probe import Probe, ProbePlace
from polpo.trace.values import Kind, Question, Step, Trace
from polpo.trace.workload import frame
from polpo.trace.world import World

Sighted = Mapping[str, Set[str]]
"""host -> places where the packet was seen there (target/status.py)"""
DROPPED = "dropped/"
PADDING = 128
"""Bytes before the ending: a router's error has the packet's first 128, and so is no sighting."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of the packet; `reasons` why packets were dropped meanwhile, if it is missing."""

    verdict: str
    reasons: frozenset[str] = frozenset()

    def agrees(self, trace: Trace) -> bool:
        if self.verdict != trace.verdict:
            return False
        return trace.verdict != "dropped" or trace.reason in self.reasons


class Mark(msgspec.Struct, frozen=True):
    """What this packet alone has. `ending`: the 16 bytes it ends with; `until`: as of its probe."""

    id: str
    ending: bytes
    source_port: int
    until: str


def probe(world: World, question: Question, trace: Trace, mark: Mark) -> Probe | None:
    """None if it would never leave its workload, or if an agent answers it, whose answer ends
    otherwise.
    """
    start, last = trace.start, trace.steps[-1]
    if start is None or (last.kind == Kind.ANSWER and last.about and last.about.kind == "host"):
        return None
    data = bytes(PADDING) + mark.ending
    sent = frame(start.macs, start.source, question, data, mark.source_port)
    hosts = dict.fromkeys((start.host, *(step.host for step in trace.steps if step.host)))
    hosts |= {s.about.id: None for s in trace.steps if s.kind == Kind.TUNNEL and s.about}
    places = tuple(_place(world, question, trace, host) for host in hosts)
    return Probe(
        id=mark.id, sender=question.port, frame=sent.hex(), places=places, until=mark.until
    )


def _place(world: World, question: Question, trace: Trace, host: str) -> ProbePlace:
    """All ports that the trace speaks of; at those that are not there nobody looks."""
    named = {s.about.id for s in trace.steps if s.about and s.about.kind == "port"}
    ports = sorted(id for id in named | {question.port} if id in world.plugs(host))
    gateways = {row.vni for row in world.gateways(host)}
    leaves = any(step.kind == Kind.LEAVE and step.host == host for step in trace.steps)
    return ProbePlace(host, tuple(ports), tuple(sorted(gateways)) if leaves else ())


def outcome(sender: str, sighted: Sighted) -> Outcome:
    places = set().union(*sighted.values())
    delivered = {place for place in places if place.startswith("to/")}
    reasons = {p.removeprefix(DROPPED) for p in places if p.startswith(DROPPED)}
    if delivered - {f"to/{sender}"}:
        return Outcome("delivered")
    if any(place.startswith("left/") for place in places):
        return Outcome("left")
    if delivered:
        return Outcome("answered")
    if "sent" not in places:
        return Outcome("not sent")
    return Outcome("dropped" if reasons else "lost", frozenset(reasons))


def is_seen(step: Step, trace: Trace, sender: str, sighted: Sighted) -> bool | None:
    """Whether the packet was seen to take the step; None where there is nothing to see."""
    here = sighted.get(step.host, frozenset())
    about = step.about.id if step.about else ""
    match step.kind:
        case Kind.PORT:
            return "sent" in here
        case Kind.TUNNEL:
            return "out" in here and "in" in sighted.get(about, frozenset())
        case Kind.DELIVER:
            return f"to/{about}" in here
        case Kind.LEAVE:
            return any(place.startswith("left/") for place in here)
        case Kind.ANSWER:
            return any(f"to/{sender}" in places for places in sighted.values())
        case Kind.DROP:
            return f"{DROPPED}{trace.reason}" in here
    return None


def is_whole(trace: Trace, sender: str, sighted: Sighted) -> bool:
    """Whether the packet was seen to take each step of the trace that can be seen, to its end."""
    seen = [is_seen(step, trace, sender, sighted) for step in trace.steps]
    return outcome(sender, sighted).agrees(trace) and False not in seen
