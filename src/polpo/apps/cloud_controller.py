"""`polpo cloud-controller --cluster NAME`: a Kubernetes cluster's cloud provider.

Services of type LoadBalancer get load balancers, nodes are known by their machines. Several may
run: one leads. While none does, what is there goes on. SIGTERM ends it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from polpo.apps import following
from polpo.client.clouds import user_cloud
from polpo.client.session import Session
from polpo.cloud.controller import Controller
from polpo.cloud.settings import Settings, Unreadable, read
from polpo.kube.client import Client
from polpo.kube.lease import own_identity


def arguments() -> argparse.ArgumentParser:
    parser = following.parser("cloud-controller", __doc__)
    parser.add_argument("--config", type=Path, help="cloud.conf: [LoadBalancer] and its classes")
    parser.add_argument("--identity", help="among those that may lead; else its own")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    given = arguments().parse_args(argv)
    try:
        settings = read(given.config.read_text()) if given.config else Settings()
    except (OSError, Unreadable) as failed:
        print(f"polpo: {given.config}: {failed}", file=sys.stderr)
        return 1
    identity = given.identity or own_identity()

    def make(client: Client, session: Session, cluster: str) -> following.Follower:
        return Controller(client, session, cluster, settings, identity)

    return following.follow("cloud-controller", given, make, lambda: user_cloud(given.cloud))


if __name__ == "__main__":
    raise SystemExit(main())
