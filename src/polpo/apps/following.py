"""What the programs have in common that follow a Kubernetes cluster and tell the network of it."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from polpo.client.clouds import Cloud, NoCloud
from polpo.client.session import Session
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster, ConfigurationError, from_kubeconfig, in_cluster
from polpo.runtime import log


class Follower(Protocol):
    async def run(self) -> None: ...


Makes = Callable[[Client, Session, str], Follower]
"""Of the Kubernetes API, the network's, and the cluster's name."""


async def _run(makes: Makes, name: str, cluster: Cluster, session: Session, of: str) -> None:
    client = Client(cluster, agent=f"polpo-{name}")
    task = asyncio.create_task(makes(client, session, of).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.close()


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """What all of them are told."""
    made = argparse.ArgumentParser(prog=f"polpo {name}", description=description)
    made.add_argument("--cluster", required=True, help="its name, as `polpo cluster list` has it")
    made.add_argument("--kubeconfig", type=Path, help="without it, as a pod of the cluster")
    made.add_argument("--context", default="", help="of the kubeconfig; else its current one")
    made.add_argument("--cloud", help="of clouds.yaml: whose project has the cluster")
    made.add_argument("--log-level", default="info")
    return made


def follow(name: str, given: argparse.Namespace, makes: Makes, cloud: Callable[[], Cloud]) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    log.set_up(given.log_level)
    try:
        file = given.kubeconfig
        cluster = from_kubeconfig(file, given.context) if file else in_cluster()
        session = Session(cloud())
        asyncio.run(_run(makes, name, cluster, session, given.cluster))
    except (ConfigurationError, NoCloud) as failed:
        print(f"polpo: {failed}", file=sys.stderr)
        return 1
    return 0
