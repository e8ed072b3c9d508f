"""How much a pod may receive and send (capability `bandwidth`): as the plugin `bandwidth` means it.

Kubernetes makes it of the annotations kubernetes.io/ingress-bandwidth and egress-bandwidth.
Pure.
"""

from typing import Any

import msgspec

from polpo.agent.plugs import Limits
from polpo.model.qos import BURST
from polpo.target.rows import Limit

LEAST = 1000
"""Bits a second, Kubernetes' own least."""

ENDLESS = 2**31 - 1
"""A burst, in bits, that is none: runtimes say so much, or more, when nobody has said one.
Then it is a QoS policy's."""


class Bandwidth(msgspec.Struct, frozen=True):
    """Bits a second, and bits; 0 for no limit. Go takes names in any case, and containerd writes
    IngressRate where the conventions of CNI have ingressRate."""

    ingressrate: int = 0
    ingressburst: int = 0
    egressrate: int = 0
    egressburst: int = 0


def limits(given: dict[str, Any] | None) -> Limits:
    """ValueError if it makes no sense."""
    lower = {name.lower(): value for name, value in (given or {}).items()}
    said = msgspec.convert(lower, Bandwidth)
    return Limits(
        _limit("ingress", said.ingressrate, said.ingressburst),
        _limit("egress", said.egressrate, said.egressburst),
    )


def _limit(side: str, rate: int, burst: int) -> Limit | None:
    if rate == burst == 0:
        return None
    if rate < LEAST:
        raise ValueError(f"{side}Rate {rate} is less than {LEAST} bits a second")
    if burst < 0:
        raise ValueError(f"{side}Burst {burst} is less than nothing")
    kbps = rate // 1000
    return Limit(kbps, burst // 1000 if 0 < burst < ENDLESS else int(kbps * BURST))
