"""`polpo controller`, `agent`, `dns`, `services` and others: the programs that stay."""

import os
import sys


def controller(*words: str) -> int:
    """Run the controller. `polpo controller --help` lists its settings."""
    from polpo.apps import controller as program

    return program.main(words) or 0


def agent(*words: str) -> int:
    """Run this host's agent. `polpo agent --help` lists its settings."""
    from polpo.apps import agent as program

    return program.main(words) or 0


def dns(*words: str) -> int:
    """Run the DNS server. `polpo dns --help` lists its options, which are CoreDNS's.

    It takes this process' place, without the memory of the command line's libraries.
    """
    os.execv(sys.executable, [sys.executable, "-m", "polpo.apps.dns", *words])


def services(*words: str) -> int:
    """Follow a Kubernetes cluster's Services. `polpo services --help` lists its options."""
    from polpo.apps import services as program

    return program.main(words)


def policy(*words: str) -> int:
    """Follow a Kubernetes cluster's NetworkPolicies. `polpo policy --help` lists its options."""
    from polpo.apps import policy as program

    return program.main(words)


def cloud_controller(*words: str) -> int:
    """Be a Kubernetes cluster's cloud provider. `polpo cloud-controller --help` lists its options.

    Services of type LoadBalancer get load balancers, nodes are known by their machines.
    """
    from polpo.apps import cloud_controller as program

    return program.main(words)


def ingress(*words: str) -> int:
    """Ingresses and Gateways of a Kubernetes cluster, on HAProxy. `polpo ingress --help`."""
    from polpo.apps import ingress as program

    return program.main(words)
