"""The load balancer in front of a cluster's API servers. Pure."""

from __future__ import annotations

from typing import Any

from polpo.client.cluster.plan import API_PORT

READY = "200,401,403"
"""/readyz says 500 while it is not; who lets nobody in unnamed says 401 or 403, and lives."""
WATCH_MS = 3_600_000
"""A watch may be silent for long: what is idle is not dead."""


def body(name: str, mark: str, subnet: str, masters: list[str]) -> dict[str, Any]:
    """TCP, handed through: TLS is between the client and the API server. Who is not ready is asked
    no more after 4 s, so that one that starts or ends costs nobody a request for long."""
    monitor = {
        "type": "HTTPS",
        "delay": 2,
        "timeout": 2,
        "max_retries": 1,
        "max_retries_down": 2,
        "url_path": "/readyz",
        "expected_codes": READY,
    }
    pool = {
        "name": name,
        "protocol": "TCP",
        "lb_algorithm": "LEAST_CONNECTIONS",
        "members": [{"address": one, "protocol_port": API_PORT} for one in masters],
        "healthmonitor": monitor,
    }
    listener = {
        "name": name,
        "protocol": "TCP",
        "protocol_port": API_PORT,
        "timeout_client_data": WATCH_MS,
        "timeout_member_data": WATCH_MS,
        "default_pool": pool,
    }
    return {"name": name, "description": mark, "vip_subnet_id": subnet, "listeners": [listener]}
