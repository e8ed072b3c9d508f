"""All features that annotations ask for, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from polpo.ingress.annotations import Annotations
from polpo.ingress.features import (
    access,
    affinity,
    basic,
    clients,
    cors,
    external,
    headers,
    https,
    limits,
    mirror,
    otherwise,
    redirect,
    rewriting,
    sizes,
    times,
    upstream,
)
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature


class Kind(NamedTuple):
    keys: tuple[str, ...]
    guards: bool
    read: Callable[[Annotations, Asking], Feature | None]


EVERY = (
    Kind(https.KEYS, https.GUARDS, https.read),
    Kind(redirect.KEYS, redirect.GUARDS, redirect.read),
    Kind(clients.KEYS, clients.GUARDS, clients.read),
    Kind(access.KEYS, access.GUARDS, access.read),
    Kind(limits.KEYS, limits.GUARDS, limits.read),
    Kind(sizes.KEYS, sizes.GUARDS, sizes.read),
    Kind(cors.KEYS, cors.GUARDS, cors.read),
    Kind(basic.KEYS, basic.GUARDS, basic.read),
    Kind(external.KEYS, external.GUARDS, external.read),
    Kind(mirror.KEYS, mirror.GUARDS, mirror.read),
    Kind(rewriting.KEYS, rewriting.GUARDS, rewriting.read),
    Kind(headers.KEYS, headers.GUARDS, headers.read),
    Kind(times.KEYS, times.GUARDS, times.read),
    Kind(affinity.KEYS, affinity.GUARDS, affinity.read),
    Kind(otherwise.KEYS, otherwise.GUARDS, otherwise.read),
    Kind(upstream.KEYS, upstream.GUARDS, upstream.read),
)
