"""`polpo denied`: packets that policies, or the rules of the network, have not let pass."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from polpo.cli.finding import find_port, session_of
from polpo.cli.output import console, print_table

if TYPE_CHECKING:
    from polpo.client.session import Session

POLL_S = 1.0
SKEW_S = 30.0  # by which hosts' clocks may differ

COLUMNS = ("time", "from", "to", "what", "denied by", "because of", "times")


def denied(
    *,
    port: str = "",
    follow: Annotated[bool, Parameter(negative=())] = False,
    cloud: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say what was denied of late: to whom, by which port (or pod), because of which policies.

    It is a sample, of the last ten minutes: each host keeps the newest kinds, and counts how often
    it has seen each. All are counted in the agents' metrics.

    Parameters
    ----------
    port
        Only what this port has denied, or was denied: an id, or a name in the project; of a pod
        <namespace>/<pod>.
    follow
        Go on, until it is interrupted.
    cloud
        Entry of clouds.yaml to ask as; else $OS_CLOUD. An admin is shown all projects'.
    as_json
        One line of JSON for each.
    """
    session = session_of(cloud)
    query = {"port": find_port(session, port)} if port else {}
    if not follow:
        _show(session.hosts("GET", "/denied", **query)["denied"], as_json)
        return 0
    for news in followed(session, query):
        _show(news, as_json, head=False)
    return 0


def followed(session: "Session", query: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    """What is new, again and again: also what happens once more."""
    seen: dict[str, int] = {}
    since = 0.0
    while True:
        found = session.hosts("GET", "/denied", since=str(since), **query)["denied"]
        news = [one for one in found if seen.get(_kind(one)) != one["count"]]
        if news:
            yield news
        seen = {_kind(one): one["count"] for one in found}
        since = max((since, *(one["at"] - SKEW_S for one in found)))
        time.sleep(POLL_S)


def _kind(one: dict[str, Any]) -> str:
    return repr({name: value for name, value in one.items() if name not in ("at", "count")})


def _show(found: list[dict[str, Any]], as_json: bool, head: bool = True) -> None:
    import msgspec

    if as_json:
        for one in found:
            print(msgspec.json.encode(one).decode(), flush=True)
    elif head:
        print_table(COLUMNS, [_cells(one) for one in found])
    else:
        for one in found:
            console.print("  ".join(_cells(one)), soft_wrap=True)


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    at = datetime.fromtimestamp(one["at"], UTC).strftime("%H:%M:%S")
    ends = {"ingress": (one["peer"], one["port"]), "egress": (one["port"], one["peer"])}
    sender, receiver = ends[one["direction"]]
    return (
        at,
        _end(sender, one["source"]),
        _end(receiver, one["destination"]),
        _what(one),
        f"{_name(one['port'])}: {one['reason'].replace('_', ' ')}",
        _because(one),
        str(one["count"]),
    )


def _end(port: dict[str, str] | None, address: str) -> str:
    return f"{_name(port)} ({address})" if port else address


def _name(port: dict[str, str]) -> str:
    return escape(port["name"] or port["id"])


def _what(one: dict[str, Any]) -> str:
    if "icmp_type" in one:
        return f"{one['protocol']} {one['icmp_type']}/{one['icmp_code']}"
    return f"{one['protocol']} {one['destination_port'] or ''}".strip()


def _because(one: dict[str, Any]) -> str:
    if "policies" not in one:
        return ""
    names = one["policies"] + [f"group {name}" for name in one["security_groups"]]
    return escape(", ".join(names)) or "no group lets it pass"
