"""`polpo services --cluster NAME`: follows a Kubernetes cluster's Services, for the network.

One is enough for a cluster; while none runs, Services stay as they were. SIGTERM ends it.
"""

from collections.abc import Sequence

from polpo.apps import following
from polpo.services.controller import Controller


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    return following.main("services", __doc__, Controller, argv)


if __name__ == "__main__":
    raise SystemExit(main())
