"""The placements that there are to be next. What is well placed is never moved."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from polpo.model.placement import HIGH, LOW, MOVING, Placement
from polpo.placement.board import Board, Instances, beside
from polpo.placement.draining import drain
from polpo.placement.homes import Home, Said
from polpo.placement.leaving import departed, elsewhere, sent_away
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
        for step in (_arrived, departed, _found_again, _trimmed, _completed, _wished):
            board.put(need.function_id, step(board, need, board.of(need.function_id)))
    drain(board)
    for need in needs:
        board.put(need.function_id, _with_one_ahead(board, board.of(need.function_id)))
    return board.all()


def _arrived(board: Board, need: Need, now: Instances) -> Instances:
    """A move that is done is one no more; whoever was moved to is ahead."""
    if not any(p.preempt and board.said.is_active(p, need.vni) for p in now):
        return now
    return tuple(replace(p, preempt=False, priority=HIGH if p.preempt else LOW) for p in now)


def _found_again(board: Board, need: Need, now: Instances) -> Instances:
    """Each that is lost gets another home, where there is one. Whoever is left is ahead."""
    for placement in now:
        if not board.is_lost(need, placement) or _is_trusted(board, need, placement):
            continue
        host = board.candidate(need, now)
        if host is not None and placement.host in board.said.reports:
            now = sent_away(board, need, placement)
        elif host is not None:
            left = tuple(_ahead(board, need, p) for p in beside(now, placement))
            now = (*left, elsewhere(placement, host))
        elif placement.host not in board.homes:
            now = beside(now, placement)
        board.put(need.function_id, now)
    return now


def _is_trusted(board: Board, need: Need, placement: Placement) -> bool:
    """One whose agent is silent may go on working, if its host is heard; or it says that it does.

    A second one of the same number would only be in its way.
    """
    if placement.host not in board.homes or not need.carries:
        return False
    if placement.host in board.said.reports:
        return placement.leaving or board.said.is_active(placement, need.vni)
    return board.homes[placement.host].heard


def _ahead(board: Board, need: Need, placement: Placement) -> Placement:
    behind = placement.priority < HIGH and board.is_well(need, placement)
    return replace(placement, priority=HIGH) if behind else placement


def _trimmed(board: Board, need: Need, now: Instances) -> Instances:
    """Without what is not wanted any more, when it is known who is active.

    A drained host's is left to the draining.
    """
    if len(now) <= need.instances or any(_stays(board, need, p) for p in now):
        return now
    if need.carries and not any(board.said.is_active(p, need.vni) for p in now):
        return now

    def worth(p: Placement) -> tuple[bool, bool, bool, int]:
        active, ready = board.said.is_active(p, need.vni), board.said.is_ready(p, need.vni)
        return active, board.is_well(need, p), ready, -p.instance

    return sent_away(board, need, min(now, key=worth))


def _stays(board: Board, need: Need, placement: Placement) -> bool:
    if board.is_lost(need, placement):
        return _is_trusted(board, need, placement)
    return placement.leaving or board.is_drained(placement)


def _completed(board: Board, need: Need, now: Instances) -> Instances:
    """As many as are wanted, as far as there are homes."""
    while len(now) < need.instances:
        more = board.one_more(need, now)
        if more is None:
            break
        now = (*now, more)
    return _with_one_ahead(board, now)


def _wished(board: Board, need: Need, now: Instances) -> Instances:
    """A failover that was asked for: once there is one that can, it becomes the active one."""
    if not any(placement.wish < need.wish for placement in now):
        return now
    standing_by = (
        p
        for p in now
        if board.is_well(need, p)
        and board.said.is_ready(p, need.vni)
        and not board.said.is_active(p, need.vni)
    )
    next_one = next(standing_by, None)
    if next_one is None:
        return now
    asked = [replace(p, wish=need.wish, priority=LOW, preempt=False) for p in now]
    return tuple(
        replace(p, priority=MOVING, preempt=True) if p.instance == next_one.instance else p
        for p in asked
    )


def _with_one_ahead(board: Board, now: Instances) -> Instances:
    staying = [placement for placement in now if not placement.leaving]
    if not staying or any(placement.priority >= HIGH for placement in staying):
        return now
    first = board.least_active(staying)
    return tuple(replace(p, priority=HIGH) if p is first else p for p in now)
