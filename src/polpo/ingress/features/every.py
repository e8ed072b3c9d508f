"""All features that annotations ask for, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from polpo.ingress.annotations import Annotations
from polpo.ingress.features import https, redirect
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature


class Kind(NamedTuple):
    keys: tuple[str, ...]
    guards: bool
    read: Callable[[Annotations, Asking], Feature | None]


EVERY = (
    Kind(https.KEYS, https.GUARDS, https.read),
    Kind(redirect.KEYS, redirect.GUARDS, redirect.read),
)
