"""`polpo policy --cluster NAME`: follows a Kubernetes cluster's NetworkPolicies, for the network.

One is enough for a cluster; while none runs, pods keep the groups that they have, and nothing
passes to or from new ones. SIGTERM ends it.
"""

import argparse
import os
from collections.abc import Sequence

from polpo.apps import following
from polpo.client.clouds import admin_cloud
from polpo.client.session import Session
from polpo.kube.client import Client
from polpo.policy.controller import Controller
from polpo.policy.hearing import PORT, Place
from polpo.policy.names import resolver


def arguments() -> argparse.ArgumentParser:
    parser = following.parser("policy", __doc__)
    parser.add_argument(
        "--dns",
        default="",
        help="address of who resolves domain names of policies, best whom pods ask; or the system",
    )
    parser.add_argument(
        "--address",
        default=os.environ.get("POLPO_ADDRESS", ""),
        help="where the cluster's DNS servers tell of answers under wildcards of policies: an "
        "address that leads here (default: $POLPO_ADDRESS; without it they can't)",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"there (default: {PORT})")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    given = arguments().parse_args(argv)
    place = Place(given.address, given.port) if given.address else None

    def makes(client: Client, session: Session, cluster: str) -> Controller:
        return Controller(client, session, cluster, resolver(given.dns), place=place)

    return following.follow("policy", given, makes, lambda: admin_cloud(given.cloud))


if __name__ == "__main__":
    raise SystemExit(main())
