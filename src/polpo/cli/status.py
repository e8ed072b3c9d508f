"""`polpo status`: the whole cloud on one screen."""

from typing import Annotated, Any

from cyclopts import Parameter

from polpo.cli.output import console, print_json, print_table


def status(
    *,
    cloud: str = "",
    local: bool = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Hosts, revisions reached, drift repaired, how long the last change took to be everywhere.

    Parameters
    ----------
    cloud
        Entry of clouds.yaml with the admin's credentials; else the `-admin` beside $OS_CLOUD.
    local
        Ask the agents of this machine instead of the controller.
    """
    report = _local() if local else _remote(cloud)
    if as_json:
        print_json(report)
    else:
        _show(report)
    return (
        0
        if all(host.get("alive", True) and not host.get("error") for host in report["hosts"])
        else 1
    )


def _remote(cloud: str) -> dict[str, Any]:
    from polpo.client.clouds import admin_cloud
    from polpo.client.session import Session

    report: dict[str, Any] = Session(admin_cloud(cloud or None)).hosts("GET", "/status")
    return report


def _local() -> dict[str, Any]:
    from polpo.client.agent import local_agents

    return {"hosts": [{"host": agent.host} | agent.status() for agent in local_agents()]}


def _show(report: dict[str, Any]) -> None:
    """One line a host, and one for the cloud."""
    columns = (
        "host",
        "state",
        "revision",
        "ports",
        "entries",
        "drift repaired",
        "dropped",
        "error",
    )
    print_table(columns, [_row(host) for host in report["hosts"]])
    if "revision" in report:
        took = report.get("last_change_ms")
        everywhere = f", the last change was everywhere after {took:.0f} ms" if took else ""
        console.print(f"revision {report['revision']}{everywhere}")


def _row(host: dict[str, Any]) -> tuple[str, ...]:
    ports = host.get("ports", 0)
    return (
        str(host["host"]),
        "[green]alive[/green]" if host.get("alive", True) else "[red]silent[/red]",
        str(host.get("revision", "-")),
        str(ports if isinstance(ports, int) else len(ports)),
        str(sum(host.get("rows", {}).values())),
        str(sum(host.get("drift", {}).values())),
        str(sum(host.get("drops", {}).values())),
        host.get("error") or "",
    )
