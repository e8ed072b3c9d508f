"""`polpo trace`: what would become of a packet, step by step."""

import os
from typing import Annotated, Any

from cyclopts import Parameter

from polpo.cli.finding import find_port
from polpo.cli.output import console, print_json, print_table

COLOURS = {"delivered": "green", "answered": "green", "left": "green", "dropped": "red"}
ENDS = {
    "delivered": "it is delivered",
    "answered": "it is answered",
    "left": "it leaves for the outside",
    "dropped": "it is dropped",
}


def trace(
    *,
    from_: Annotated[str, Parameter(name="--from")],
    to: str,
    tcp: int = 0,
    udp: int = 0,
    icmp: Annotated[bool, Parameter(negative=())] = False,
    cloud: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say every step that a packet would take, without sending it: an echo request if not told.

    The exit code is 1 if it would be dropped.

    Parameters
    ----------
    from_
        The port that sends it: an id, or a name in the project of $OS_CLOUD.
    to
        The address that it is for.
    tcp
        Destination port of a connection that begins.
    udp
        Destination port of a datagram.
    icmp
        An echo request, as ping sends it.
    cloud
        Entry of clouds.yaml to ask as; else $OS_CLOUD. An admin is shown hosts and tunnels, too.
    as_json
        The answer of the API as it is.
    """
    from polpo.client.clouds import read_cloud
    from polpo.client.session import ApiError, Session

    if bool(tcp) + bool(udp) + icmp > 1:
        raise ApiError(0, "one of --tcp, --udp and --icmp")
    session = Session(read_cloud(cloud or os.environ.get("OS_CLOUD", "polpo")))
    kind = "tcp" if tcp else "udp" if udp else "icmp"
    query = {"from": find_port(session, from_), "to": to, "protocol": kind}
    if tcp or udp:
        query["port"] = str(tcp or udp)
    found = session.hosts("GET", "/trace", **query)["trace"]
    if as_json:
        print_json(found)
    else:
        _show(found)
    return 1 if found["verdict"] == "dropped" else 0


def _show(found: dict[str, Any]) -> None:
    shows_hosts = any("host" in step for step in found["steps"])
    columns = ("step", "what", "host") if shows_hosts else ("step", "what")
    print_table(columns, [_row(step)[: len(columns)] for step in found["steps"]])
    colour, reason = COLOURS[found["verdict"]], found["reason"]
    why = f": {reason.replace('_', ' ')}" if reason else ""
    console.print(f"[{colour}]{ENDS[found['verdict']]}{why}[/{colour}]")
    if found["pending"]:
        console.print(f"{found['pending']} hosts have not got all of revision {found['revision']}")


def _row(step: dict[str, Any]) -> tuple[str, str, str]:
    about = step["object"] or {}
    kind, name = about.get("kind", "").replace("_", " "), about.get("name") or about.get("id", "")
    named = f"{kind} {name}" if name else f"a {kind}" if kind else ""
    return step["step"], f"{named} {step['text']}".strip(), step.get("host") or ""
