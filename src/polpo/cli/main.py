"""`polpo`: its commands. Exit codes: 0 done, 1 refused or failed, 2 the command line is wrong."""

import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App
from rich.console import Console
from rich.text import Text

from polpo.cli import (
    clusters,
    cni,
    denied,
    hosts,
    image,
    lab,
    manifest,
    ports,
    programs,
    status,
    trace,
)

app = App(
    name="polpo",
    help="A complete network for Kubernetes clusters.",
    version=version("polpo"),
    help_format="plaintext",
)
app.command(programs.controller, name="controller")
app.command(programs.agent, name="agent")
app.command(programs.dns, name="dns")
app.command(programs.services, name="services")
app.command(programs.policy, name="policy")
app.command(programs.cloud_controller, name="cloud-controller")
app.command(programs.ingress, name="ingress")
app.command(ports.plug, name="plug")
app.command(ports.unplug, name="unplug")
app.command(status.status, name="status")
app.command(trace.trace, name="trace")
app.command(denied.denied, name="denied")
clusters.app.command(manifest.manifest, name="manifest")
app.command(hosts.app)
app.command(clusters.app)
app.command(cni.app)
app.command(image.image, name="image")
app.command(lab.app)

PROGRAMS = {
    "controller": programs.controller,
    "agent": programs.agent,
    "dns": programs.dns,
    "services": programs.services,
    "policy": programs.policy,
    "cloud-controller": programs.cloud_controller,
    "ingress": programs.ingress,
}


def main(words: Sequence[str] | None = None) -> None:
    """The console script. Errors that users can do something about are one line on stderr."""
    given = list(sys.argv[1:] if words is None else words)
    if given and given[0] in PROGRAMS:  # long-lived programs read their own flags
        raise SystemExit(PROGRAMS[given[0]](*given[1:]))
    try:
        result = app(given, result_action="return_value")
    except Exception as error:
        if not _is_for_users(error):
            raise
        line = Text.assemble(("polpo:", "red"), f" {error}")
        Console(stderr=True, highlight=False).print(line, soft_wrap=True)
        raise SystemExit(1) from None
    raise SystemExit(result if isinstance(result, int) else 0)


def _is_for_users(error: Exception) -> bool:
    from polpo.cli.manifest import Unclear
    from polpo.client.agent import AgentError
    from polpo.client.clouds import NoCloud
    from polpo.client.cluster.plan import Unfit
    from polpo.client.session import ApiError
    from polpo.image.build import Missing
    from polpo.image.libraries import NotLinked
    from polpo.lab.running import LabFailed

    ours = AgentError | NoCloud | ApiError | LabFailed | Unfit | Missing | NotLinked | Unclear
    return isinstance(error, ours)


if __name__ == "__main__":
    main()
