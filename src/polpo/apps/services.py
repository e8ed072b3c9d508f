"""`polpo services --cluster NAME`: follows a Kubernetes cluster's Services, for the network.

One is enough for a cluster; while none runs, Services stay as they were. SIGTERM ends it.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from polpo.client.clouds import NoCloud, admin_cloud
from polpo.client.session import Session
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster, ConfigurationError, from_kubeconfig, in_cluster
from polpo.runtime import log
from polpo.services.controller import Controller


async def run(cluster: Cluster, session: Session, name: str) -> None:
    client = Client(cluster, agent="polpo-services")
    task = asyncio.create_task(Controller(client, session, name).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.close()


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    parser = argparse.ArgumentParser(prog="polpo services", description=__doc__)
    parser.add_argument("--cluster", required=True, help="its name, as `polpo cluster list` has it")
    parser.add_argument("--kubeconfig", type=Path, help="without it, as a pod of the cluster")
    parser.add_argument("--context", default="", help="of the kubeconfig; else its current one")
    parser.add_argument("--cloud", help="of clouds.yaml: whose project has the cluster")
    parser.add_argument("--log-level", default="info")
    given = parser.parse_args(argv)
    log.set_up(given.log_level)
    try:
        file = given.kubeconfig
        cluster = from_kubeconfig(file, given.context) if file else in_cluster()
        session = Session(admin_cloud(given.cloud))
        asyncio.run(run(cluster, session, given.cluster))
    except (ConfigurationError, NoCloud) as failed:
        print(f"polpo: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
