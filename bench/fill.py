"""One real switch filled from nothing: the real feed, the real tables, no agent's loop around."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2

from polpo.dataplane.entries import Entries
from polpo.dataplane.tables import ORDER
from polpo.kernel import bpf
from polpo.runtime import garbage
from polpo.target.rows import Slices
from polpo.target.wire import apply_line, decode_line

Row = dict[str, Any]


async def fill_a_switch(port: int, host: Row, row: Callable[..., Row]) -> list[Row]:
    """Nothing where we may not load programs."""
    if os.geteuid() != 0:
        return []
    garbage.unhurried()  # as the agent
    with tempfile.TemporaryDirectory(prefix="polpo-bench-bpf-") as folder:
        directory = Path(folder)
        bpf.mount(directory)
        switch = bpf.load(directory)
        try:
            begun = time.monotonic()
            slices = await _target(port, host)
            read_s = time.monotonic() - begun
            _write(switch, slices)
            whole_s = time.monotonic() - begun
        finally:
            switch.close()
            bpf.unmount(directory)
    peer = 3.2  # ovn-controller restarted, ovn-monitor-all=true: its flows all back
    return [
        row("one real switch, feed read", read_s, "s"),
        row("one real switch filled from nothing", whole_s, "s", peer),
    ]


async def _target(port: int, host: Row) -> Slices:
    slices: Slices = {}
    url = f"http://127.0.0.1:{port}/v1/hosts/{host['name']}/target"
    headers = {"authorization": f"Bearer {host['token']}"}
    async with (
        httpx2.AsyncClient() as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        rest = b""
        async for piece in answer.aiter_raw():
            *lines, rest = (rest + piece).split(b"\n")
            for line in map(decode_line, lines):
                apply_line(slices, line)
                if line.revision is not None:
                    return slices
    raise RuntimeError("the feed ended")


def _write(switch: bpf.Switch, slices: Slices) -> None:
    entries = Entries(vtep="10.254.0.0", vxlan=1)
    for name, rows in slices.items():
        entries.apply(name, tuple(rows.values()), ())
    for name in ORDER:
        switch.tables[name].put(entries.full[name])
