"""`polpo host`: which hosts belong to the cloud, and the tokens that their agents show."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from polpo.cli.output import console, print_json, print_table

app = App(name="host", help="Hosts of the cloud: add, list, remove.")


@app.command
def add(name: str, *, address: str, token_file: Path | None = None, cloud: str = "") -> None:
    """Make a host known, and get the token for its agent.

    Parameters
    ----------
    name
        The host's name, as `host` in its agent's configuration.
    address
        Where other hosts reach it: its tunnels end there.
    token_file
        Written with mode 0600; without it the token is printed.
    cloud
        Entry of clouds.yaml with the admin's credentials.
    """
    body = {"host": {"name": name, "address": address}}
    token = _session(cloud).hosts("POST", "/hosts", body)["host"]["token"]
    if token_file is None:
        print(token)
        return
    from polpo.runtime.files import replace_file

    replace_file(token_file, token.encode())
    console.print(f"host {name}: the token for its agent is in {token_file}")


@app.command(name="list")
def list_(
    *, cloud: str = "", as_json: Annotated[bool, Parameter(name="--json", negative=())] = False
) -> None:
    """The hosts that are known."""
    hosts = _session(cloud).hosts("GET", "/hosts")["hosts"]
    if as_json:
        print_json(hosts)
    else:
        print_table(("host", "address"), [(h["name"], h["address"]) for h in hosts])


@app.command
def remove(name: str, *, cloud: str = "") -> None:
    """Forget a host; its agent's token is void from now on."""
    _session(cloud).hosts("DELETE", f"/hosts/{name}")
    console.print(f"host {name} is removed")


def _session(cloud: str) -> Any:
    from polpo.client.clouds import admin_cloud
    from polpo.client.session import Session

    return Session(admin_cloud(cloud or None))
