"""`polpo trace`: what would become of a packet, step by step."""

from typing import Annotated, Any

from cyclopts import Parameter

from polpo.cli.finding import find_port, session_of
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
    live: Annotated[bool, Parameter(negative=())] = False,
    cloud: str = "",
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say every step that a packet would take, without sending it: an echo request if not told.

    The exit code is 1 if it would be dropped, or is not seen to end as it should.

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
    live
        Send it, too, from the port as its workload would, and say where it was seen.
    cloud
        Entry of clouds.yaml to ask as; else $OS_CLOUD. An admin is shown hosts and tunnels, too.
    as_json
        The answer of the API as it is.
    """
    found = _ask(cloud, from_, to, tcp, udp, icmp, live)
    if as_json:
        print_json(found)
    else:
        _show(found, live)
    proven = found.get("live", {"agrees": True})["agrees"]
    return 1 if found["verdict"] == "dropped" or not proven else 0


def _ask(
    cloud: str, port: str, to: str, tcp: int, udp: int, icmp: bool, live: bool
) -> dict[str, Any]:
    from polpo.client.session import ApiError

    if bool(tcp) + bool(udp) + icmp > 1:
        raise ApiError(0, "one of --tcp, --udp and --icmp")
    session = session_of(cloud)
    kind = "tcp" if tcp else "udp" if udp else "icmp"
    query = {"from": find_port(session, port), "to": to, "protocol": kind}
    if tcp or udp:
        query["port"] = str(tcp or udp)
    if live:
        found = session.hosts("POST", "/trace", {"trace": query})
    else:
        found = session.hosts("GET", "/trace", **query)
    asked: dict[str, Any] = found["trace"]
    return asked


def _show(found: dict[str, Any], asked_live: bool) -> None:
    steps, live = found["steps"], found.get("live")
    columns = {"step": _kind, "what": _what}
    if any("host" in step for step in steps):
        columns["host"] = _host
    if live:
        columns["seen"] = _seen
    print_table(tuple(columns), [tuple(cell(step) for cell in columns.values()) for step in steps])
    colour, reason = COLOURS[found["verdict"]], found["reason"]
    why = f": {reason.replace('_', ' ')}" if reason else ""
    console.print(f"[{colour}]{ENDS[found['verdict']]}{why}[/{colour}]")
    if live:
        _show_live(live)
    elif asked_live:
        console.print("it was not sent: no switch could show it")
    if found["pending"]:
        console.print(f"{found['pending']} hosts have not got all of revision {found['revision']}")


def _show_live(live: dict[str, Any]) -> None:
    colour = "green" if live["agrees"] else "red"
    reasons = ", ".join(reason.replace("_", " ") for reason in live["reasons"])
    why = f" (packets were dropped meanwhile: {reasons})" if reasons else ""
    console.print(f"[{colour}]the packet that was sent: {live['verdict']}{why}[/{colour}]")


def _kind(step: dict[str, Any]) -> str:
    return str(step["step"])


def _what(step: dict[str, Any]) -> str:
    about = step["object"] or {}
    kind, name = about.get("kind", "").replace("_", " "), about.get("name") or about.get("id", "")
    named = f"{kind} {name}" if name else f"a {kind}" if kind else ""
    return f"{named} {step['text']}".strip()


def _host(step: dict[str, Any]) -> str:
    return step.get("host") or ""


def _seen(step: dict[str, Any]) -> str:
    return {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}[step["seen"]]
