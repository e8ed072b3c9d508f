"""Metrics as slots of a list: what is counted often costs one increment.

A sample is known by its name and the values of its labels; a histogram is one slot a bucket, not
cumulative, and one for the sum. Workers hand `rows()` to control, which adds up and renders them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

Row = tuple[str, tuple[str, ...], float]


class Metric(NamedTuple):
    """How a metric is exported: `kind` counter, gauge or histogram; `labels` in the order in which
    their values are given; `bounds` of a histogram's buckets, without infinity."""

    name: str
    kind: str
    words: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


class Histogram:
    """One histogram with its labels' values."""

    __slots__ = ("_bounds", "_first", "_values")

    def __init__(self, values: list[float], first: int, bounds: tuple[float, ...]) -> None:
        self._values = values
        self._first = first
        self._bounds = bounds

    def observe(self, value: float, times: int = 1) -> None:
        self._values[self._first + bisect_left(self._bounds, value)] += times
        self._values[self._first + len(self._bounds) + 1] += value * times

    def slots(self, value: float) -> tuple[int, int]:
        """The slots of the bucket for a value and of the sum."""
        return self._first + bisect_left(self._bounds, value), self._first + len(self._bounds) + 1


class Counts:
    """The slots of one process. `values` may be written to at the places that `slot` gives."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._slots: dict[tuple[str, tuple[str, ...]], int] = {}

    def slot(self, name: str, *labels: str) -> int:
        """The place of a counter or gauge."""
        key = (name, labels)
        found = self._slots.get(key)
        if found is None:
            found = self._slots[key] = len(self.values)
            self.values.append(0)
        return found

    def histogram(self, metric: Metric, *labels: str) -> Histogram:
        names = [f"{metric.name}_bucket"] * (len(metric.bounds) + 1)
        first = self.slot(names[0], *labels, _bound(metric.bounds[0]))
        for name, bound in zip(names[1:], (*metric.bounds[1:], float("inf")), strict=True):
            self.slot(name, *labels, _bound(bound))
        self.slot(f"{metric.name}_sum", *labels)
        return Histogram(self.values, first, metric.bounds)

    def also(self, slot: int, name: str, *labels: str) -> None:
        """Show what is counted in a slot under another name as well."""
        self._slots[name, labels] = slot

    def histogram_also(
        self, metric: Metric, labels: tuple[str, ...], other: Metric, *own: str
    ) -> None:
        """Show a histogram under another name, with other labels, as well."""
        for bound in (*metric.bounds, float("inf")):
            slot = self.slot(f"{metric.name}_bucket", *labels, _bound(bound))
            self.also(slot, f"{other.name}_bucket", *own, _bound(bound))
        self.also(self.slot(f"{metric.name}_sum", *labels), f"{other.name}_sum", *own)

    def rows(self) -> list[Row]:
        return [(name, labels, self.values[at]) for (name, labels), at in self._slots.items()]


def add_up(many: Iterable[Iterable[Row]]) -> list[Row]:
    """The sums over several processes."""
    sums: dict[tuple[str, tuple[str, ...]], float] = {}
    for rows in many:
        for name, labels, value in rows:
            key = (name, tuple(labels))
            sums[key] = sums.get(key, 0) + value
    return [(name, labels, value) for (name, labels), value in sums.items()]


def render(metrics: Iterable[Metric], rows: Iterable[Row]) -> str:
    """Prometheus' text format (0.0.4). Rows of metrics that nobody declared are left out."""
    by_name: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for name, labels, value in rows:
        by_name.setdefault(name, []).append((labels, value))
    out: list[str] = []
    for metric in sorted(metrics):
        lines = list(_lines(metric, by_name))
        if lines:
            out.append(f"# HELP {metric.name} {metric.words}")
            out.append(f"# TYPE {metric.name} {metric.kind}")
            out += lines
    return "\n".join(out) + "\n" if out else ""


def _lines(metric: Metric, rows: dict[str, list[tuple[tuple[str, ...], float]]]) -> Iterator[str]:
    if metric.kind == "histogram":
        yield from _histogram_lines(metric, rows)
        return
    for labels, value in sorted(rows.get(metric.name, ())):
        yield f"{metric.name}{_labels(metric.labels, labels)} {_number(value)}"


def _histogram_lines(
    metric: Metric, rows: dict[str, list[tuple[tuple[str, ...], float]]]
) -> Iterator[str]:
    sums = dict(rows.get(f"{metric.name}_sum", ()))
    buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for labels, value in rows.get(f"{metric.name}_bucket", ()):
        buckets.setdefault(labels[:-1], []).append((float(labels[-1]), value))
    for labels, counted in sorted(buckets.items()):
        total = 0.0
        for bound, value in sorted(counted):
            total += value
            shown = _labels((*metric.labels, "le"), (*labels, _bound(bound)))
            yield f"{metric.name}_bucket{shown} {_number(total)}"
        shown = _labels(metric.labels, labels)
        yield f"{metric.name}_sum{shown} {_number(sums.get(labels, 0))}"
        yield f"{metric.name}_count{shown} {_number(total)}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _bound(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:g}"


def exponential(first: float, factor: float, count: int) -> tuple[float, ...]:
    """Bounds that grow by a factor."""
    out = [first]
    while len(out) < count:
        out.append(out[-1] * factor)
    assert all(a < b for a, b in pairwise(out))
    return tuple(out)
