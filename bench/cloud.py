"""Services of type LoadBalancer: from `kubectl apply` to the first answer that a client has.

The lab's hosts with their agents, the real API server, `polpo cloud-controller`; the client is in
the world outside. Octavia's own times are its operators' experience (see the issue's research).
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.loop import figure
from polpo.testing.exposed import PORT, Exposed, exposed
from polpo.testing.kubernetes.objects import service

TIMES = 11
PEER, PEER_S = "Octavia with amphorae (60 to 120 s)", 60.0


def run() -> list[dict[str, Any]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        exposed(Path(folder), "bench-cl", "198.18.78") as scene,
    ):
        if scene is None:
            return []
        once(scene, "warm")
        took = [once(scene, f"web-{number}") for number in range(TIMES)]
    answered = [answer for _, answer in took]
    shown = [shown for shown, _ in took]
    what = "cloud: a Service from apply to the first answer"
    return [
        figure(f"{what}, median of {TIMES}", statistics.median(answered), "s", PEER, PEER_S),
        figure(f"{what}, worst of {TIMES}", max(answered), "s"),
        figure(f"cloud: to its address, median of {TIMES}", statistics.median(shown), "s"),
    ]


def once(scene: Exposed, name: str) -> tuple[float, float]:
    """Seconds until its address is shown, and until the first answer."""
    web = service(name, ports="http:tcp:80", type="LoadBalancer")
    begun = time.monotonic()
    scene.apply(web, *scene.slices(name, f"http:tcp:{PORT}"))
    (address,) = scene.shown(name)
    shown_s = time.monotonic() - begun
    scene.hears(address)
    answered_s = time.monotonic() - begun
    scene.remove(name)
    return shown_s, answered_s
