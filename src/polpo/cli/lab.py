"""`polpo lab`: what `make up` and `make down` call."""

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from polpo.cli.output import console, print_json

if TYPE_CHECKING:
    from polpo.lab.layout import Lab

app = App(name="lab", help="Hosts as namespaces on this machine: up, down.")

HOSTS = ("h1", "h2", "h3")
NEXT = """
Go on with the tools you have ([bold]. .venv/bin/activate[/bold] puts them on your PATH):

  export OS_CLIENT_CONFIG_FILE={clouds} OS_CLOUD=polpo
  openstack network list
  openstack port create --network net mine
  polpo plug mine --netns mine
  ip netns exec mine curl 10.0.0.12
  polpo status
  OS_CLOUD=polpo-admin openstack network agent list
"""


@app.command
def up(
    *,
    folder: Path = Path("lab"),
    prefix: str = "polpo-lab",
    subnet: str = "198.18.0",
    kubernetes: bool = False,
    masters: Literal[1, 3] = 1,
    workers: Literal[2, 3] = 2,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Start the lab, or what of it does not run, and prove it with real packets.

    Parameters
    ----------
    folder
        Where its files are: keys, database, logs, clouds.yaml.
    prefix
        Begins the names of its namespaces and devices.
    subnet
        First three numbers of the underlay's /24.
    kubernetes
        Also a cluster of real Kubernetes on the hosts h1 and h2, if its programs are here.
    workers
        Of the cluster: the third is h3.
    masters
        Of the cluster: three are an API server and an etcd on each host, behind a load balancer.
    """
    from polpo.lab.kubernetes.layout import CLUSTER
    from polpo.lab.layout import Lab

    _need_root()
    name = CLUSTER if kubernetes else ""
    lab = Lab(
        folder=folder.resolve(),
        prefix=prefix,
        subnet=subnet,
        cluster=name,
        masters=masters,
        workers=HOSTS[:workers],
    )
    return _up(lab, as_json)


@app.command
def down(
    *, folder: Path = Path("lab"), prefix: str = "polpo-lab", subnet: str = "198.18.0"
) -> None:
    """End the lab and leave nothing behind."""
    from polpo.lab.down import take_down
    from polpo.lab.layout import Lab

    _need_root()
    lab = Lab(folder=folder.resolve(), prefix=prefix, subnet=subnet, workers=HOSTS)
    take_down(lab, lambda text: console.print(f"[green]-[/green] {text}"))


def _up(lab: "Lab", as_json: bool) -> int:
    """0 if all that is proven is so."""
    from polpo.lab.up import Builder, Report

    begun = time.monotonic()
    say = partial(console.print, soft_wrap=True)
    builder = Builder(lab, lambda text: None if as_json else say(f"[green]+[/green] {text}"))
    builder.build()
    checks = []
    for check in builder.prove_all():
        checks.append(check)
        mark = "[green]ok[/green]  " if check.passed else "[red]FAIL[/red]"
        if not as_json:
            say(f"{mark} {check.what:<58} [bold]{check.figure}[/bold]", emoji=False)
    report = Report(checks, time.monotonic() - begun)
    if as_json:
        print_json(report)
    elif all(check.passed for check in checks):
        console.print(f"\n{len(checks)} checks passed in {report.took_s:.0f} s.")
        say(NEXT.format(clouds=_shown(lab.clouds)))
        if builder.cluster is not None:
            at = _shown(builder.cluster.at.kubeconfig)
            say(f"  kubectl --kubeconfig {at} get pods -o wide\n")
    return 0 if all(check.passed for check in checks) else 1


def _shown(path: Path) -> str:
    """As $PWD/... where that is true, so that the line can be copied."""
    here = Path.cwd()
    return f"$PWD/{path.relative_to(here)}" if path.is_relative_to(here) else str(path)


def _need_root() -> None:
    from polpo.lab.running import LabFailed

    if os.geteuid() != 0:
        raise LabFailed("namespaces and BPF need root: run it with sudo")
