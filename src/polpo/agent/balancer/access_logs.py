"""What load balancers write down of who asks for what, where their flavor says so: one file each,
<state_dir>/access/<load balancer's id>.log, to which HAProxy itself appends.

It keeps the file open for as long as it runs. So one that has become long is copied (`.log.1`) and
emptied; what is said between the two is lost. A load balancer's go with it.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Protocol

from polpo.target.balancer import Balancer

MOST_BYTES = 32 << 20  # of a file, and what is said until it is looked at again
LOOK_S = 5.0


class Rows(Protocol):
    @property
    def known(self) -> bool: ...

    def balancers(self) -> Mapping[int, Balancer]: ...


class AccessLogs:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, row: Balancer) -> Path:
        """Also where nothing is written: a running HAProxy can't be given another."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._directory / f"{row.balancer.id}.log"

    async def run(self, rows: Rows) -> None:
        """Beside the passes, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if rows.known:
                self.keep_only({self.path(row).name for row in rows.balancers().values()})
            for path in self.long():
                await asyncio.to_thread(turn, path)

    def long(self) -> list[Path]:
        """Those that have become so."""
        return [x for x in self._directory.glob("*.log") if x.stat().st_size > MOST_BYTES]

    def keep_only(self, names: Set[str]) -> None:
        for path in self._directory.glob("*.log*"):
            if path.name.removesuffix(".1") not in names:
                path.unlink(missing_ok=True)


def turn(path: Path) -> None:
    shutil.copyfile(path, f"{path}.1")
    os.truncate(path, 0)
