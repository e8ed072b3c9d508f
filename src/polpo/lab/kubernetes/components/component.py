"""The shape of what runs in the cluster."""

from collections.abc import Callable

import msgspec

from polpo.lab.kubernetes.cluster import Cluster


class Component(msgspec.Struct, frozen=True):
    """`what` is its progress line; `start` is idempotent and returns when it serves."""

    what: str
    start: Callable[[Cluster], None]
