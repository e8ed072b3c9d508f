"""`polpo services --cluster NAME`: follows a Kubernetes cluster's Services, for the network.

Several may run: one leads. While none does, Services stay as they were. SIGTERM ends it.
"""

import argparse
from collections.abc import Sequence

from polpo.apps import following
from polpo.client.clouds import admin_cloud
from polpo.services.controller import Controller


def arguments() -> argparse.ArgumentParser:
    return following.parser("services", __doc__)


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    given = arguments().parse_args(argv)
    return following.follow("services", given, Controller, lambda: admin_cloud(given.cloud))


if __name__ == "__main__":
    raise SystemExit(main())
