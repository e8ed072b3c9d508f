"""How far hosts are: waiting for a revision to be everywhere, and the whole picture."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.hosts_v1.callers import calling_admin, calling_user
from polpo.api.hosts_v1.errors import Refused, refusal
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.model.host import Host

LONGEST_S = 300.0


async def await_revision(parts: Parts, request: Request) -> Response:
    """`GET /v1/revisions/{revision}?timeout=S`: 200 when all live hosts have it, else 504.

    Which hosts lag is told to the cloud's admin, to others only how many.
    """
    context = await calling_user(parts, request)
    revision, timeout_s = _revision(parts, request), _timeout(request)
    if await parts.convergence.wait(revision, timeout_s):
        return answer(_reached(parts, revision))
    lagging = parts.reports.lagging(parts.store.snapshot, revision)
    message = f"{len(lagging)} hosts have not reached revision {revision}."
    more = {"hosts": lagging} if context.is_admin else {}
    return refusal(Refused(504, message), lagging=len(lagging), **more)


async def show_status(parts: Parts, request: Request) -> Response:
    """`GET /v1/status[?wait=R&timeout=S]`: what `polpo status` shows."""
    await calling_admin(parts, request)
    if "wait" in request.query_params:
        await parts.convergence.wait(_number(request.query_params["wait"]), _timeout(request))
    snapshot, took_s = parts.store.snapshot, parts.convergence.took_s
    hosts = sorted(snapshot.all(Host), key=lambda host: host.name)
    return answer(
        {
            "revision": snapshot.revision,
            "everywhere": parts.convergence.everywhere,
            "last_change_ms": None if took_s is None else round(took_s * 1000, 1),
            "hosts": [_shown(parts, host) for host in hosts],
        }
    )


def _shown(parts: Parts, host: Host) -> dict[str, Any]:
    about: dict[str, Any] = {"host": host.name, "address": host.address, "alive": False}
    report = parts.reports.get(host.name)
    if report is None:
        return about
    said = msgspec.structs.asdict(report.status) | {"ports": len(report.ports)}
    del said["denied"]  # GET /v1/denied
    lag = max(0, parts.store.snapshot.revision - report.status.revision)
    alive = parts.reports.is_alive(host.name)
    return about | said | {"alive": alive, "last_seen": report.at, "lag": lag}


def _reached(parts: Parts, revision: int) -> dict[str, Any]:
    took_s = parts.convergence.took_s
    return {
        "revision": revision,
        "took_ms": None if took_s is None else round(took_s * 1000, 1),
        "hosts": len(parts.reports.live(parts.store.snapshot)),
    }


def _revision(parts: Parts, request: Request) -> int:
    """`head` is the newest there is."""
    text = request.path_params["revision"]
    return parts.store.snapshot.revision if text == "head" else _number(text)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused(400, f"{text!r} is no revision.") from None


def _timeout(request: Request) -> float:
    try:
        seconds = float(request.query_params.get("timeout", "10"))
    except ValueError:
        raise Refused(400, "timeout is in seconds.") from None
    if not 0 <= seconds <= LONGEST_S:
        raise Refused(400, f"timeout is at most {LONGEST_S:.0f} seconds.")
    return seconds
