"""`polpo policy --cluster NAME`: follows a Kubernetes cluster's NetworkPolicies, for the network.

One is enough for a cluster; while none runs, pods keep the groups that they have, and nothing
passes to or from new ones. SIGTERM ends it.
"""

from collections.abc import Sequence

from polpo.apps import following
from polpo.policy.controller import Controller


def main(argv: Sequence[str] | None = None) -> int:
    """0 after SIGTERM, 1 when it cannot begin."""
    return following.main("policy", __doc__, Controller, argv)


if __name__ == "__main__":
    raise SystemExit(main())
