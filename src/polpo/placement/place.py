"""The placements that there are to be next. What is well placed is never moved."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from polpo.model.placement import HIGH, LOW, Placement
from polpo.placement.board import Board, Instances, beside
from polpo.placement.draining import drain
from polpo.placement.homes import Home, Said
from polpo.placement.needs import Need


def place(
    needs: Sequence[Need],
    homes: Mapping[str, Home],
    placements: Iterable[Placement],
    said: Said,
) -> list[Placement]:
    """All of them, by router and instance. Unchanged ones are as they were given."""
    board = Board(needs, homes, placements, said)
    for need in needs:
        now = board.of(need.router_id)
        after = _trimmed(board, need, _found_again(board, need, _arrived(board, need, now)))
        board.put(need.router_id, _completed(board, need, after))
    drain(board)
    for need in needs:
        board.put(need.router_id, _with_one_ahead(board, board.of(need.router_id)))
    return board.all()


def _arrived(board: Board, need: Need, now: Instances) -> Instances:
    """A move that is done is one no more; whoever was moved to is ahead."""
    if not any(p.preempt and board.said.is_active(p, need.vni) for p in now):
        return now
    return tuple(replace(p, preempt=False, priority=HIGH if p.preempt else LOW) for p in now)


def _found_again(board: Board, need: Need, now: Instances) -> Instances:
    """Each that is lost gets another home, where there is one. Whoever is left is ahead."""
    for placement in now:
        if not board.is_lost(need, placement) or _is_vouched_for(board, need, placement, now):
            continue
        host = board.candidate(need, now)
        if host is not None:
            left = tuple(_ahead(board, need, p) for p in beside(now, placement))
            now = (*left, replace(placement, host=host, priority=LOW, preempt=False))
        elif placement.host not in board.homes:
            now = beside(now, placement)
    return now


def _ahead(board: Board, need: Need, placement: Placement) -> Placement:
    behind = placement.priority < HIGH and board.is_well(need, placement)
    return replace(placement, priority=HIGH) if behind else placement


def _is_vouched_for(board: Board, need: Need, placement: Placement, now: Instances) -> bool:
    """A silent agent's gateway may go on working: its peer, which would take over, knows.

    Nor is one moved that still says itself that it is active.
    """
    if placement.host not in board.homes or not need.carries:
        return False
    said, vni = board.said, need.vni
    if placement.host in said.reports:
        return said.is_active(placement, vni)
    others = (p for p in beside(now, placement) if board.is_well(need, p))
    return any(said.is_ready(p, vni) and not said.is_active(p, vni) for p in others)


def _completed(board: Board, need: Need, now: Instances) -> Instances:
    """As many as are wanted, as far as there are homes."""
    while len(now) < need.instances:
        more = board.one_more(need, now)
        if more is None:
            break
        now = (*now, more)
    return _with_one_ahead(board, now)


def _with_one_ahead(board: Board, now: Instances) -> Instances:
    if not now or any(placement.priority >= HIGH for placement in now):
        return now
    first = board.least_active(now)
    return tuple(replace(p, priority=HIGH) if p is first else p for p in now)


def _trimmed(board: Board, need: Need, now: Instances) -> Instances:
    """Without what is not wanted any more. A drained host's is left to the draining."""
    if len(now) <= need.instances or any(_stays(board, need, p, now) for p in now):
        return now

    def worth(p: Placement) -> tuple[bool, bool, bool, int]:
        active, ready = board.said.is_active(p, need.vni), board.said.is_ready(p, need.vni)
        return active, board.is_well(need, p), ready, -p.instance

    return (max(now, key=worth),)


def _stays(board: Board, need: Need, placement: Placement, now: Instances) -> bool:
    if board.is_lost(need, placement):
        return _is_vouched_for(board, need, placement, now)
    return board.is_drained(placement)
