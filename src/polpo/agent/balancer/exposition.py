"""HAProxy's figures on the agent's Prometheus page, by the names that users gave.

They are read from `show stat` (chap. 9.1), as it was last asked for the status: a scrape costs
HAProxy nothing more. A reload begins counters anew, which `rate()` knows.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from polpo.agent.balancer.proxy.tree import parted
from polpo.target.balancer import Balancer

Line = Mapping[str, str]
OF_LISTENER = ("project", "load_balancer_id", "load_balancer", "listener_id", "listener")
OF_POOL = (*OF_LISTENER, "pool_id", "pool")
OF_MEMBER = (*OF_POOL, "member_id", "member")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")


class Figure(NamedTuple):
    """`field` of a line, times `unit`; `kinds`: of listeners, pools, members."""

    name: str
    help: str
    field: str
    kinds: str
    counts: bool = True
    unit: float = 1.0


MS = 0.001
FIGURES = (
    Figure("requests", "HTTP requests", "req_tot", "l"),
    Figure("connections", "Connections", "conn_tot", "l"),
    Figure("sessions", "Sessions: TCP connections, or HTTP requests", "stot", "pm"),
    Figure("received_bytes", "From clients", "bin", "lpm"),
    Figure("sent_bytes", "To clients", "bout", "lpm"),
    Figure("request_errors", "Requests that made no sense or ended early", "ereq", "l"),
    Figure("denied_requests", "Requests that a rule refused", "dreq", "l"),
    Figure("connection_errors", "Connections that could not be made", "econ", "pm"),
    Figure("response_errors", "Answers that made no sense or ended early", "eresp", "pm"),
    Figure("retries", "Connections that were tried again", "wretr", "pm"),
    Figure("redispatches", "Requests that went to another member", "wredis", "pm"),
    Figure("failed_checks", "Health checks that failed", "chkfail", "m"),
    Figure("down_seconds", "Without a member that works; not working", "downtime", "pm"),
    Figure("current_sessions", "Sessions now", "scur", "lpm", False),
    Figure("session_limit", "Sessions that there may be", "slim", "l", False),
    Figure("queue", "Requests that wait for a member", "qcur", "pm", False),
    Figure("weight", "Weight; of a pool, all that work", "weight", "pm", False),
    Figure("active_members", "Members that work, without backups", "act", "p", False),
    Figure("backup_members", "Backups that work", "bck", "p", False),
    Figure("check_seconds", "What the last health check took", "check_duration", "m", False, MS),
    Figure("queue_seconds", "Mean of the last 1024", "qtime", "pm", False, MS),
    Figure("connect_seconds", "Mean of the last 1024", "ctime", "pm", False, MS),
    Figure("response_seconds", "Mean of the last 1024", "rtime", "pm", False, MS),
)
KINDS = {"l": ("listener", OF_LISTENER), "p": ("pool", OF_POOL), "m": ("member", OF_MEMBER)}
Found = list[tuple[list[str], Line]]


def metrics(said: Iterable[tuple[Balancer, str]]) -> Iterator[Metric]:
    """Of all load balancers here: the row, and what its HAProxy said."""
    found: dict[str, Found] = {kind: [] for kind in KINDS}
    for row, text in said:
        for line in csv.DictReader(text.removeprefix("# ").splitlines()):
            kind, labels = _labels(row, line)
            found[kind].append((labels, line))
    for figure in FIGURES:
        for kind in figure.kinds:
            yield _metric(figure, *KINDS[kind], found[kind])
    for kind, (noun, names) in KINDS.items():
        yield _responses(noun, names, found[kind])
    yield _up(found["m"])


def _labels(row: Balancer, line: Line) -> tuple[str, list[str]]:
    pool, listener = parted(line["pxname"])
    labels = [row.project, row.balancer.id, row.name, listener, row.names.get(listener, "")]
    if line["svname"] == "FRONTEND":
        return "l", labels
    labels += [pool, row.names.get(pool, "")]
    if line["svname"] == "BACKEND":
        return "p", labels
    return "m", [*labels, line["svname"], row.names.get(line["svname"], "")]


def _family(
    name: str, help: str, labels: Iterable[str], counts: bool
) -> CounterMetricFamily | GaugeMetricFamily:
    make: Callable[..., CounterMetricFamily | GaugeMetricFamily]
    make = CounterMetricFamily if counts else GaugeMetricFamily
    return make(f"polpo_{name}", help, labels=list(labels))


def _metric(figure: Figure, noun: str, names: Iterable[str], lines: Found) -> Metric:
    metric = _family(f"{noun}_{figure.name}", figure.help, names, figure.counts)
    for labels, line in lines:
        if line[figure.field]:
            metric.add_metric(labels, int(line[figure.field]) * figure.unit)
    return metric


def _responses(noun: str, names: Iterable[str], lines: Found) -> Metric:
    metric = _family(f"{noun}_responses", "HTTP answers", (*names, "code"), True)
    for labels, line in lines:
        for code in CLASSES:
            if line[f"hrsp_{code}"]:
                metric.add_metric([*labels, code], int(line[f"hrsp_{code}"]))
    return metric


def _up(lines: Found) -> Metric:
    """Also 1 for a member that nobody checks, and for one that gets no new ones (weight 0)."""
    metric = _family("member_up", "1 while it is used", OF_MEMBER, False)
    for labels, line in lines:
        metric.add_metric(labels, line["status"].startswith(("UP", "no check", "DRAIN")))
    return metric
