"""The network between two instances (and a router): the same addresses in each, as each has a
number of its own (docs/design/routing.md).
"""

ROUTER = {4: "169.254.0.1", 6: "fe80::1"}
ACTIVE = {4: "169.254.0.2", 6: "fe80::2"}
PREFIX_LENGTH = {4: 24, 6: 64}
ANY = {4: "0.0.0.0/0", 6: "::/0"}
INSTANCES = (3, 4)
HANDOVER_PORT = 3780  # TCP: where a gateway gives its connections to its peer
PREFIXED = {v: f"{ACTIVE[v]}/{PREFIX_LENGTH[v]}" for v in ACTIVE}


def address(version: int, instance: int) -> str:
    """An instance's own address."""
    return f"169.254.0.{instance}" if version == 4 else f"fe80::{instance}"


def peer(instance: int) -> int:
    return sum(INSTANCES) - instance


def check(instance: int) -> None:
    """ValueError if there is none of that number."""
    if instance not in INSTANCES:
        raise ValueError(f"instance {instance} is none of {INSTANCES}")
