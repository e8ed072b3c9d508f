"""`python -m bench [api convergence …]`: runs them, prints a table, keeps the results."""

import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from polpo.testing.alone import take_the_machine

BENCHMARKS = (
    *("forwarding", "routing", "api", "convergence", "loop", "dhcp", "gateway"),
    *("balancer", "balancer_busy"),
    *("dns", "dns_kubernetes", "pods", "services", "policies"),
    *("cloud", "ingress", "ingress_path"),
)
RESULTS = Path(__file__).parent / "results" / "network.json"


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def show(figures: list[dict[str, Any]]) -> None:
    table = Table("what", "value", "unit", "peer", "peer's value", "ratio", box=None)
    for f in figures:
        ratio = f"{f['ratio']:.2f}" if f["ratio"] is not None else ""
        peer = f"{f['peer_value']:g}" if f["peer_value"] is not None else ""
        table.add_row(f["name"], f"{f['value']:.4g}", f["unit"], f["peer"] or "", peer, ratio)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def keep(figures: list[dict[str, Any]]) -> None:
    """Replace the figures of what was run; what was not run stays as it was measured."""
    old = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    names = {f["name"] for f in figures}
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    kept = [f for f in old if f["name"] not in names]
    results = kept + [{**f, "date": now} for f in figures]
    RESULTS.parent.mkdir(exist_ok=True)
    report = {"machine": machine(), "date": now, "results": results}
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


def main() -> None:
    take_the_machine()
    figures: list[dict[str, Any]] = []
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        figures += importlib.import_module(f"bench.{name}").run()
    show(figures)
    keep(figures)


if __name__ == "__main__":
    main()
