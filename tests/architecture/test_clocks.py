"""What happens when is decided by monotonic clocks: the wall clock may jump (NTP, a paused VM)."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "polpo"

ALLOWED = {
    "agent/assembly.py": "denials have a time for people",
    "agent/reporter.py": "since when an agent runs, for people",
    "api/hosts_v1/live.py": "when a probe that was left behind is nobody's any more",
    "api/identity_v3/keystone.py": "a token of Keystone's is believed no longer than it says",
    "api/identity_v3/local.py": "when tokens expire: other replicas have to agree",
    "apps/controller.py": "when objects were made and changed, for people",
    "dns/plugins/hosts/feed.py": "a figure for Prometheus, as CoreDNS's",
    "dns/plugins/kubernetes/feed.py": "a zone's serial, and delays from times that Kubernetes says",
    "ingress/gateway/telling.py": "when a condition of a Gateway changed, for people",
    "kube/events.py": "when something happened, for people",
    "kube/lease.py": "written into a Lease; who holds it is judged by when it was seen to change",
    "policy/reporting.py": "when a condition of a policy changed, for people",
    "runtime/clock.py": "where a steady clock begins",
    "runtime/self_signed.py": "how long a certificate of our own is good",
}
"""Whoever is not here asks no wall clock, outside of the lab and of tests. And what for."""

WALL = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "gmtime"),
    ("time", "localtime"),
    ("time", "ctime"),
    ("time", "strftime"),
    ("time", "CLOCK_REALTIME"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def wall_clocks(tree: ast.AST) -> Iterator[int]:
    """The lines in which one is asked, or named to be asked later."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.attr) in WALL:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            names = {alias.name for alias in node.names}
            yield from [node.lineno] * bool(names & {name for _, name in WALL})


def test_only_those_that_say_why_ask_the_wall_clock() -> None:
    asking = set()
    for path in SOURCE.rglob("*.py"):
        name = str(path.relative_to(SOURCE))
        if not name.startswith(("lab/", "testing/")) and any(
            wall_clocks(ast.parse(path.read_text()))
        ):
            asking.add(name)
    assert asking == ALLOWED.keys()


def test_every_way_to_ask_is_seen() -> None:
    said = (
        "time.time()\nf(time.time)\ndatetime.datetime.now(UTC)\nfrom time import time\ndate.today()"
    )
    assert sorted(wall_clocks(ast.parse(said))) == [1, 2, 3, 4, 5]
