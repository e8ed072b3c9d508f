"""What a feature is told besides annotations: of the Ingress that asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from polpo.ingress.objects import ConfigMap
from polpo.kube.objects import Secret


class Asking(NamedTuple):
    """`secret`, `config_map` and `first_port` (of a Service) look into the Ingress' own namespace,
    and raise Wrong.

    has_tls   the host has a certificate
    path, how the path's text and type: exact, prefix, regex
    hosts     that the Ingress has
    """

    namespace: str
    host: str
    has_tls: bool
    path: str
    how: str
    secret: Callable[[str], Secret]
    config_map: Callable[[str], ConfigMap]
    first_port: Callable[[str], int]
