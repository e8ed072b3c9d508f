"""The increment: from what changed in the model to what changes in slices."""

from collections.abc import Sequence
from typing import Any

from polpo.compiler.touched import Touched, touched
from polpo.compiler.touched_balancers import touched_balancers
from polpo.compiler.touched_cluster_services import touched_cluster_services
from polpo.compiler.touched_domains import touched_carriage, touched_domains
from polpo.compiler.touched_exposed import touched_exposed
from polpo.compiler.touched_gateways import touched_gateways
from polpo.compiler.touched_services import touched_services
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.snapshot import Snapshot
from polpo.target.rows import AnyRow

SliceChanges = dict[str, dict[str, AnyRow | None]]
"""slice -> key -> the row that is there now, None where there is none any more."""


def slice_changes(before: View, after: View, changes: Sequence[Change[Any]]) -> SliceChanges:
    """What turns the slices of `before` into those of `after`; `changes` lie between the two.

    Rows that are the same as before are left out.
    """
    rows: Touched = touched_carriage(before, after, changes)
    for view in (before, after):
        rows.update(touched_domains(view, changes))
        rows.update(touched_gateways(view, changes))
        rows.update(touched_balancers(view, changes))
        rows.update(touched_services(view, changes))
        rows.update(touched_cluster_services(view, changes))
        rows.update(touched_exposed(view, changes))
        for change in changes:
            rows.update(touched(view, change))
    found: SliceChanges = {}
    for (slice, key), row_of in rows.items():
        row = row_of(after)
        if row_of(before) != row:
            found.setdefault(slice, {})[key] = row
    return found


def rewind(snapshot: Snapshot, changes: Sequence[Change[Any]], revision: int) -> Snapshot:
    """The snapshot as it was at `revision`, before the changes (given in order, all since)."""
    for change in reversed(changes):
        before = change.before
        snapshot = snapshot.put(before) if before is not None else snapshot.remove(change.subject)
    return snapshot.at(revision)
