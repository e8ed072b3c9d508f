"""What HAProxy says of itself, as the controller is told it (`show stat`; chap. 9.1)."""

import csv
from collections.abc import Mapping, Set

from polpo.target.balancer import Balancing, Flow

STATES = ("UP", "DOWN", "DRAIN", "MAINT")
WORST_FIRST = ("DOWN", "MAINT", "DRAIN", "UP", "NO_CHECK")


def balancing(stat: str, told: Set[str] = frozenset()) -> Balancing:
    """A member that is behind several listeners is as well as it is behind the worst of them. Of
    some HAProxy is `told`, and has no check of its own.
    """
    flows: dict[str, Flow] = {}
    members: dict[str, str] = {}
    for line in csv.DictReader(stat.removeprefix("# ").splitlines()):
        proxy, server = line["pxname"], line["svname"]
        if server == "FRONTEND":
            flows[proxy] = _flow(line)
        elif server != "BACKEND":
            state = _state(line["status"])
            state = "UP" if state == "NO_CHECK" and server in told else state
            members[server] = min(members.get(server, state), state, key=WORST_FIRST.index)
    return Balancing(members=members, flows=flows)


def _state(said: str) -> str:
    """`UP 1/3` and `DOWN (agent)` say how sure it is, too."""
    word = said.split()[0] if said else ""
    if word == "no":
        return "NO_CHECK"
    return word if word in STATES else "MAINT" if word.startswith("MAINT") else "DOWN"


def _flow(line: Mapping[str, str]) -> Flow:
    values = (line[key] or "0" for key in ("bin", "bout", "scur", "stot", "ereq"))
    return Flow(*map(int, values))
