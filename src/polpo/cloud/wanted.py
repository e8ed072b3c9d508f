"""What a Service comes to in the cloud, as plain values in Octavia's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


class Member(msgspec.Struct, frozen=True, order=True):
    """`weight` 0: has no new connections, and keeps those that it has."""

    address: str
    port: int
    name: str = ""
    subnet_id: str = ""
    weight: int = 1
    monitor_port: int | None = None

    def body(self) -> dict[str, Any]:
        said = {"address": self.address, "protocol_port": self.port, "weight": self.weight}
        more = {"name": self.name, "monitor_port": self.monitor_port}
        subnet = {"subnet_id": self.subnet_id} if self.subnet_id else {}
        return {**said, **more, **subnet}


class Monitor(msgspec.Struct, frozen=True):
    """Times are in seconds."""

    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int
    url_path: str = ""

    def body(self) -> dict[str, Any]:
        http = {"http_method": "GET", "url_path": self.url_path, "expected_codes": "200"}
        plain = {
            "delay": self.delay,
            "timeout": self.timeout,
            "max_retries": self.max_retries,
            "max_retries_down": self.max_retries_down,
        }
        return plain | (http if self.url_path else {})


class Pool(msgspec.Struct, frozen=True):
    """`sticks_s`: a client comes back to its member for so long; None: as long as is usual."""

    protocol: str
    algorithm: str
    sticks: bool
    sticks_s: int | None
    members: tuple[Member, ...]
    monitor: Monitor | None

    def body(self) -> dict[str, Any]:
        kept: dict[str, Any] | None = {"type": "SOURCE_IP"} if self.sticks else None
        if kept is not None and self.sticks_s is not None:
            kept["persistence_timeout"] = self.sticks_s
        return {"lb_algorithm": self.algorithm, "session_persistence": kept}


class Listener(msgspec.Struct, frozen=True):
    """Times are in milliseconds. `transport` is the Service's protocol: TCP or UDP."""

    name: str
    transport: str
    protocol: str
    port: int
    pool: Pool
    connection_limit: int = -1
    timeout_client_data: int = 50_000
    timeout_member_connect: int = 5_000
    timeout_member_data: int = 50_000
    timeout_tcp_inspect: int = 0
    allowed_cidrs: tuple[str, ...] = ()
    forwarded_for: bool = False
    tls_container: str = ""

    @property
    def key(self) -> tuple[str, int]:
        """By which one that is there is known."""
        return self.protocol, self.port

    def _headers(self) -> Iterator[str]:
        """Where TLS has ended, members have to know it: else they send clients to TLS for ever."""
        if self.forwarded_for:
            yield "X-Forwarded-For"
            if self.tls_container:
                yield "X-Forwarded-Proto"

    def body(self) -> dict[str, Any]:
        return {
            "connection_limit": self.connection_limit,
            "timeout_client_data": self.timeout_client_data,
            "timeout_member_connect": self.timeout_member_connect,
            "timeout_member_data": self.timeout_member_data,
            "timeout_tcp_inspect": self.timeout_tcp_inspect,
            "allowed_cidrs": list(self.allowed_cidrs),
            "insert_headers": dict.fromkeys(self._headers(), "true"),
            "default_tls_container_ref": self.tls_container or None,
        }


class Vip(msgspec.Struct, frozen=True):
    """Where the addresses are from. `near`: the subnet of this node's address, if nothing else
    is known; `more`: subnets of addresses besides the first."""

    port_id: str = ""
    network_id: str = ""
    subnet_id: str = ""
    address: str = ""
    more: tuple[str, ...] = ()
    near: str = ""


class Floating(msgspec.Struct, frozen=True):
    """An address outside. `address`: this one and no other."""

    network_id: str = ""
    subnet_id: str = ""
    subnet: str = ""
    subnet_tags: str = ""
    address: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """`shared_id`: hang the listeners on this load balancer, which is another's. `floating`: None
    for a Service that is internal."""

    uid: str
    name: str
    description: str
    floating_description: str
    tags: tuple[str, ...]
    vip: Vip
    listeners: tuple[Listener, ...]
    floating: Floating | None
    keeps_floating: bool
    provider: str = ""
    flavor_id: str = ""
    availability_zone: str = ""
    shared_id: str = ""
    internal: bool = False
    hostname: str = ""
    hostname_suffix: str = ""
    proxied: bool = False
