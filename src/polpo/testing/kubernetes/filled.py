"""The small API server in a process of its own, with so many Services: for figures.

`python -m polpo.testing.kubernetes.filled SERVICES` writes its port; for each line "RATE SECONDS"
that it reads, it changes so many EndpointSlices a second for so long, and writes how many it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from polpo.testing.kubernetes.api_server import ApiServer
from polpo.testing.kubernetes.objects import Object, endpoints, namespace, service

NAMESPACES = 100
HEADLESS = 10  # one in so many
MANAGED = [  # what the real server adds to each object, which nobody reads
    {
        "manager": "kubectl",
        "operation": "Update",
        "apiVersion": "v1",
        "time": "2026-11-27T10:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {f"f:field{n}": {f"f:part{m}": {} for m in range(4)} for n in range(5)},
    }
]


def place(number: int) -> str:
    return f"ns-{number % NAMESPACES}"


def items(services: int) -> Iterator[Object]:
    """Services and an EndpointSlice of two endpoints for each."""
    yield from map(namespace, {place(number) for number in range(services)})
    for n in range(services):
        address = "None" if n % HEADLESS == 0 else f"10.254.{n >> 8}.{n & 255}"
        made = service(f"service-{n}", place(n), address, ports="http:tcp:80")
        made["metadata"]["managedFields"] = MANAGED
        yield made
        slice = of(n, [f"10.{100 + (n >> 15)}.{n >> 7 & 255}.{(2 * n + i) & 255}" for i in (0, 1)])
        slice["metadata"]["managedFields"] = MANAGED
        yield slice


def of(number: int, addresses: list[str]) -> Object:
    """The EndpointSlice of a Service."""
    listed = [
        {
            "addresses": [address],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "node-7",
            "targetRef": {"kind": "Pod", "namespace": place(number), "name": f"pod-{address}"},
        }
        for address in addresses
    ]
    name = f"service-{number}"
    return endpoints(f"{name}-a", name, place(number), ports="http:tcp:8080", endpoints=listed)


class Filled:
    """The process, from outside."""

    def __init__(self, services: int) -> None:
        command = [sys.executable, "-m", "polpo.testing.kubernetes.filled", str(services)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = f"http://127.0.0.1:{self._read()}"

    def begin_changes(self, rate: int, seconds: float) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{rate} {seconds}\n")
        self._process.stdin.flush()

    def changes(self) -> int:
        """How many there were; waits for their end."""
        return int(self._read())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def filled(services: int) -> Iterator[Filled]:
    made = Filled(services)
    try:
        yield made
    finally:
        made.close()


async def _serve(services: int) -> None:
    api = ApiServer()
    await api.start()
    api.put(*items(services))
    print(api.port, flush=True)
    loop = asyncio.get_running_loop()
    count = 0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        rate, seconds = map(float, line.split())
        before, ends = count, loop.time() + seconds
        while loop.time() < ends:
            api.put(of(count % services, [f"10.200.{count >> 8 & 255}.{count & 255}"]))
            count += 1
            await asyncio.sleep(1 / rate)
        print(count - before, flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
