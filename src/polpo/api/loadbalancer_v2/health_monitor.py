"""Health monitors (Octavia API reference, "Health Monitor")."""

import re
from collections.abc import Sequence
from typing import Any

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import protocols, quotas, tree
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.loadbalancer_v2.fields import octavia_table, optional, url_path
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.api.network_v2.values import Kind
from polpo.model.load_balancer import HealthMonitor, Pool

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "CONNECT", "PATCH")
_CODES = re.compile(r"[1-5]\d\d(-[1-5]\d\d|(, *[1-5]\d\d)*)")
_DOMAIN = re.compile(r"(?=.{1,255}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
LONGEST_S = 1_000_000
"""HAProxy counts milliseconds in 31 bits."""
HTTP_ONLY = ("http_method", "url_path", "expected_codes", "http_version", "domain_name")


def _like(pattern: re.Pattern[str], what: str) -> Kind:
    string = values.text(255)

    def read(value: Any) -> str:
        value = string.read(value)
        if not pattern.fullmatch(value):
            raise ValueError(f"'{value}' is not a valid {what}")
        return str(value)

    return Kind(read, string.schema)


def _codes() -> Kind:
    """One, a range or a list, kept without spaces."""
    listed = _like(_CODES, "list of codes")
    return Kind(lambda value: listed.read(value).replace(" ", ""), listed.schema)


def _http_version() -> Kind:
    """1.0 or 1.1, as a number or as text; kept as text."""

    def read(value: Any) -> str:
        if isinstance(value, bool) or str(value) not in ("1.0", "1.1"):
            raise ValueError(f"'{value}' is not 1.0 or 1.1")
        return str(value)

    return Kind(read, {"enum": [1.0, 1.1]})


def _whole(default: Any, low: int, high: int) -> Attribute:
    if default is REQUIRED:
        return Attribute(kind=values.integer(low, high), default=REQUIRED)
    return optional(values.integer(low, high), default)


TABLE = octavia_table(
    "healthmonitor",
    {
        "pool_id": Attribute(kind=values.uuid(), put=False, default=REQUIRED, field="pool_id"),
        "type": Attribute(
            kind=values.one_of(*protocols.MONITORS), put=False, default=REQUIRED, field="type"
        ),
        "delay": _whole(REQUIRED, 1, LONGEST_S),
        "timeout": _whole(REQUIRED, 1, LONGEST_S),
        "max_retries": _whole(REQUIRED, 1, 10),
        "max_retries_down": _whole(3, 1, 10),
        "http_method": optional(values.one_of(*METHODS), "GET", field="http_method"),
        "url_path": optional(url_path(), "/", field="url_path"),
        "expected_codes": optional(_codes(), "200"),
        "http_version": optional(_http_version(), ""),
        "domain_name": optional(_like(_DOMAIN, "domain name"), ""),
    },
)


def create(w: Writing, given: dict[str, Any]) -> HealthMonitor:
    pool = tree.named(w, Pool, given["pool_id"])
    quotas.check(w, "healthmonitor", pool.project_id)
    given["project_id"] = pool.project_id
    return _put(w, HealthMonitor(id=new_id(), load_balancer_id=pool.load_balancer_id, **given))


def update(w: Writing, monitor: HealthMonitor, given: dict[str, Any]) -> HealthMonitor:
    after = changed(monitor, given)
    return _put(w, after) if after is not monitor else monitor


def _put(w: Writing, monitor: HealthMonitor) -> HealthMonitor:
    usual = {key: TABLE.defaults[key] for key in HTTP_ONLY}
    if monitor.type not in ("HTTP", "HTTPS"):
        for key, value in usual.items():
            if getattr(monitor, key) != value:
                raise invalid(f"Health monitors of type {monitor.type} have no {key}.")
    pool = tree.named(w, Pool, monitor.pool_id)
    protocols.check_monitor(tree.balancer_of(w.snapshot, pool), pool, monitor)
    monitor = w.tx.put(monitor)
    tree.touch(w, monitor.load_balancer_id)
    return monitor


def delete(w: Writing, monitor: HealthMonitor) -> None:
    w.tx.remove(monitor)
    tree.touch(w, monitor.load_balancer_id)


def view(r: Reading, monitors: Sequence[HealthMonitor]) -> list[View]:
    seen = look(r, monitors)
    return [{**seen.standard(monitor), **_own(monitor)} for monitor in monitors]


def _own(monitor: HealthMonitor) -> View:
    http = monitor.type in ("HTTP", "HTTPS")
    return {
        "type": monitor.type,
        "delay": monitor.delay,
        "timeout": monitor.timeout,
        "max_retries": monitor.max_retries,
        "max_retries_down": monitor.max_retries_down,
        "http_method": monitor.http_method if http else None,
        "url_path": monitor.url_path if http else None,
        "expected_codes": monitor.expected_codes if http else None,
        "http_version": float(monitor.http_version) if monitor.http_version else None,
        "domain_name": monitor.domain_name or None,
        "pools": [{"id": monitor.pool_id}],
    }


RESOURCE = Resource(
    member="healthmonitor",
    collection="healthmonitors",
    path="healthmonitors",
    model=HealthMonitor,
    table=TABLE,
    missing=("NotFound", "Health Monitor {id} not found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={"pool_id": "pool", "name": "name", "project_id": "project"},
)
