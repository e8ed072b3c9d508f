"""Whether a busy host is taken for a dead one: ten minutes in which every core has twice the work
that it can do, and nothing of a load balancer's pair is broken.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.balancer_load import figure, takeovers
from polpo.testing.balancers import balancer_cloud

BUSY_S = 600.0


@contextlib.contextmanager
def spinning(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


async def measure(folder: Path) -> list[dict[str, Any]]:
    async with balancer_cloud(folder) as cloud:
        await cloud.settled()
        before = takeovers(cloud)
        with spinning(2 * (os.cpu_count() or 1)):
            await asyncio.sleep(BUSY_S)
        name = f"failovers in {BUSY_S:.0f} s with twice the work that the host can do"
        return [figure(name, takeovers(cloud) - before, "1")]


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="pt-lb-") as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
