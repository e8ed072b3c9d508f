"""What is not the cluster's to say: where HAProxy lives, and whom it believes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from polpo.kernel.haproxy.words import token


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """
    place         a directory of ours
    proxies       networks whose connections begin with a PROXY protocol header
    forwarders    networks whose X-Forwarded-For and -Proto are believed
    threads       0: one for each CPU
    metrics_port  where Prometheus asks, and /healthz; 0: nowhere
    user          whose HAProxy's worker is, and the group of that name; "": ours
    resolver      address:port of a DNS server, for ExternalName; "": /etc/resolv.conf's
    """

    place: Path
    proxies: tuple[str, ...] = ()
    forwarders: tuple[str, ...] = ()
    threads: int = 0
    metrics_port: int = 0
    metrics_address: str = ""
    access_log: bool = False
    resolver: str = ""
    user: str = ""

    @property
    def inner(self) -> str:
        """Of a socket by which HAProxy speaks to itself: its worker's, whoever has begun it."""
        return f"mode 600 user {token(self.user)}" if self.user else "mode 600"

    @property
    def configuration(self) -> Path:
        return self.place / "haproxy.cfg"

    @property
    def socket(self) -> Path:
        return self.place / "haproxy.sock"

    @property
    def master(self) -> Path:
        return self.place / "master.sock"

    @property
    def pid(self) -> Path:
        return self.place / "haproxy.pid"

    @property
    def maps(self) -> Path:
        return self.place / "maps"

    @property
    def certificates(self) -> Path:
        return self.place / "certificates"

    @property
    def files(self) -> Path:
        return self.place / "files"
