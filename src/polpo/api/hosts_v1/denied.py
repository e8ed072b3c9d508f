"""`GET /v1/denied[?port=ID&since=UNIX]`: what ports were not to send, or to receive, of late.

A sample: what the hosts have last reported. The asker's own ports' only; for an admin all.
"""

from collections.abc import Iterator
from math import isfinite

from starlette.requests import Request
from starlette.responses import Response

from polpo.api.hosts_v1.callers import calling_user
from polpo.api.hosts_v1.denied_view import shown
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.target.denial import Denial


async def show(parts: Parts, request: Request) -> Response:
    """Oldest first."""
    context = await calling_user(parts, request)
    port, since = request.query_params.get("port"), _since(request)
    snapshot = parts.store.snapshot
    wanted = [
        (host, denial)
        for host, denial in _reported(parts)
        if denial.at >= since and port in (None, denial.port)
    ]
    wanted.sort(key=lambda one: one[1].at)
    found = (shown(snapshot, context, host, denial) for host, denial in wanted)
    return answer({"denied": [said for said in found if said is not None]})


def _reported(parts: Parts) -> Iterator[tuple[str, Denial]]:
    for host, report in parts.reports.items():
        for denial in report.status.denied:
            yield host, denial


def _since(request: Request) -> float:
    text = request.query_params.get("since", "0")
    try:
        since = float(text)
    except ValueError:
        since = float("nan")
    if not isfinite(since):
        raise Refused(400, f"since: {text!r} is no time (unix seconds).")
    return since
