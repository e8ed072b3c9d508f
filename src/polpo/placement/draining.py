"""Emptying hosts that are switched off (`openstack network agent set --disable`), without loss.

One instance of a host at a time, those that stand by first. An active one stays until its peer,
ready, has been made the active one: then it stands by itself. Where there is no other host nothing
is moved: a gateway on a host that is to be drained is better than none.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from polpo.model.placement import LOW, MOVING, Placement
from polpo.placement.board import Board, Instances, beside
from polpo.placement.leaving import sent_away
from polpo.placement.needs import Need


def drain(board: Board) -> None:
    """At most one step for each host that is drained."""
    drained = sorted(home.name for home in board.homes.values() if not home.admin_state_up)
    for host in drained:
        if any(_is_under_way(board, host, need) for need in board.needs):
            continue
        function_id, instances = next(_steps(board, host), ("", ()))
        if function_id:
            board.put(function_id, instances)


def _is_under_way(board: Board, host: str, need: Need) -> bool:
    """Something that has left the host, or is about to, is not where it is to be yet."""
    now = board.of(need.function_id)
    here = any(placement.host == host for placement in now)
    moving = (
        placement
        for placement in now
        if (placement.came_from == host and not board.said.is_ready(placement, need.vni))
        or (placement.preempt and here)
        or (placement.leaving and placement.host == host)
    )
    return need.carries and not all(board.is_lost(need, placement) for placement in moving)


def _steps(board: Board, host: str) -> Iterator[tuple[str, Instances]]:
    """(router, its instances after it), in the order in which they are to be taken."""
    here = [
        (need, placement)
        for need in board.needs
        for placement in board.of(need.function_id)
        if placement.host == host
    ]
    for step in (_leave, _hand_over):
        for need, placement in here:
            after = step(board, need, placement)
            if after is not None:
                yield need.function_id, after


def _leave(board: Board, need: Need, placement: Placement) -> Instances | None:
    """One that carries nothing goes to another host, or away where its peer is all that can be."""
    others = beside(board.of(need.function_id), placement)
    if placement.leaving or not _is_free(board, need, placement, others):
        return None
    stays = any(board.is_well(need, p) for p in others) or len(others) >= need.instances
    if not stays and board.candidate(need, (*others, placement)) is None:
        return None
    return sent_away(board, need, placement)


def _is_free(board: Board, need: Need, placement: Placement, others: Instances) -> bool:
    """Its peer is active, or it is of no use as it is. The agent must be there to take it away."""
    said = board.said
    if not need.carries:
        return True
    if said.of(placement) is None or said.is_active(placement, need.vni):
        return False
    return said.is_idle(placement, need.vni) or any(said.is_active(p, need.vni) for p in others)


def _hand_over(board: Board, need: Need, placement: Placement) -> Instances | None:
    """Has the peer become active, or get ready for it on another host."""
    now = board.of(need.function_id)
    others = beside(now, placement)
    if placement.leaving or board.said.of(placement) is None:  # nobody would take it down then
        return None
    if any(board.is_well(need, p) for p in others):
        return _with_peer_ahead(board, need, placement, others)
    more = board.one_more(need, now) if not others else None
    return (placement, replace(more, came_from=placement.host)) if more else None


def _with_peer_ahead(
    board: Board, need: Need, placement: Placement, others: Instances
) -> Instances | None:
    """Once: one that is active, or on its way, needs no push."""
    said, vni = board.said, need.vni
    if not all(
        said.is_ready(p, vni) and not said.is_active(p, vni) and not p.preempt for p in others
    ):
        return None
    behind = replace(
        placement, priority=LOW
    )  # at no time, whoever hears of it first, are they equal
    return (behind, *(replace(p, priority=MOVING, preempt=True) for p in others))
