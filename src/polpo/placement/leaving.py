"""Instances that go to another host, or away.

While one is `leaving` its host is told to take it down, but it still has its place in the transit
network: until it has ended it hears that its peer is active. If it were deaf it would be, too.
"""

from msgspec.structs import replace

from polpo.model.placement import LOW, Placement
from polpo.placement.board import Board, Instances, beside
from polpo.placement.needs import Need


def sent_away(board: Board, need: Need, placement: Placement) -> Instances:
    """The router's instances, with this one on its way; gone at once if it carries nothing."""
    others = beside(board.of(need.function_id), placement)
    if need.carries:
        return (*others, replace(placement, leaving=True, preempt=False))
    return moved_on(board, need, placement, others)


def departed(board: Board, need: Need, now: Instances) -> Instances:
    """Those whose hosts say that they are down are somewhere else next, if they are wanted."""
    for placement in now:
        if placement.leaving and _is_down(board, need, placement):
            now = moved_on(board, need, placement, beside(now, placement))
    return now


def moved_on(board: Board, need: Need, placement: Placement, others: Instances) -> Instances:
    """On another host, if there are not enough others, and there is one."""
    enough = sum(board.is_well(need, p) for p in others) >= need.instances
    host = board.candidate(need, (*others, placement)) if not enough else None
    if host is None:
        return others
    came_from = placement.host if board.is_drained(placement) else ""
    return (*others, elsewhere(placement, host, came_from))


def elsewhere(placement: Placement, host: str, came_from: str = "") -> Placement:
    return replace(
        placement, host=host, priority=LOW, preempt=False, leaving=False, came_from=came_from
    )


def _is_down(board: Board, need: Need, placement: Placement) -> bool:
    if not need.carries or placement.host not in board.homes:
        return True
    if placement.host in board.said.reports:
        return board.said.is_idle(placement, need.vni)
    return board.is_lost(need, placement) and not board.homes[placement.host].heard
