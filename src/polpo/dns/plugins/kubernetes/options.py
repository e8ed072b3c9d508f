"""What a `kubernetes` directive says, as a value."""

from __future__ import annotations

import msgspec

from polpo.dns.wire.name import from_text
from polpo.dns.wire.reverse import IPV4, IPV6

DISABLED, INSECURE, VERIFIED = "disabled", "insecure", "verified"
TTL_S = 5
STARTUP_TIMEOUT_S = 5.0
SVC, POD = b"\x03svc", b"\x03pod"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`zones` are all that the plugin answers for; `fallthrough` those whose missing names the next
    plugin gets; `tls` certificate, key and CA; `kubeconfig` file and context; `search` the
    machine's own search list, after the cluster's. See README.md."""

    zones: tuple[bytes, ...]
    multicluster: tuple[bytes, ...] = ()
    fallthrough: tuple[bytes, ...] = ()
    pods: str = DISABLED
    ttl_s: int = TTL_S
    endpoints: bool = True
    endpoint_pod_names: bool = False
    ignore_empty: bool = False
    zonal: bool = False
    namespaces: frozenset[str] = frozenset()
    namespace_labels: str = ""
    labels: str = ""
    endpoint: str = ""
    tls: tuple[str, str, str] | None = None
    kubeconfig: tuple[str, str] | None = None
    search: tuple[bytes, ...] = ()
    startup_timeout_s: float = STARTUP_TIMEOUT_S
    qps: float = 0.0
    burst: int = 0
    inflight: int = 0

    @property
    def forward(self) -> tuple[bytes, ...]:
        """The zones of names; the first of them is where PTR records point."""
        return tuple(zone for zone in self.zones if not is_reverse(zone))

    @property
    def local(self) -> tuple[bytes, ...]:
        """Those of this cluster's own Services."""
        return tuple(zone for zone in self.forward if zone not in self.multicluster)

    @property
    def reverse(self) -> tuple[bytes, ...]:
        """The zones of addresses."""
        return tuple(zone for zone in self.zones if is_reverse(zone))


def is_reverse(zone: bytes) -> bool:
    return zone.endswith((IPV4, IPV6))


def nameserver(zone: bytes) -> bytes:
    """ns.dns.ZONE: what the SOA names, and the zone's own name server outside of a cluster."""
    return b"\x02ns\x03dns" + zone


VERSION = from_text("dns-version")[:-1]
