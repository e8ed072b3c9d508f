"""A PostgreSQL server of the tests' own: made in a temporary folder, gone with it."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
"""A crash of the machine may lose everything: nothing here outlives the tests."""


class PostgreSQL:
    """Listens on a socket in its folder only. PostgreSQL refuses to run as root: as `postgres`."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="polpo-postgresql-", dir="/tmp"))
        self._databases = 0
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")

    @staticmethod
    def is_installed() -> bool:
        return (PROGRAMS / "initdb").exists()

    def start(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync")
        log, options = str(self.folder / "log"), f"-k {self.folder} -c listen_addresses='' {FAST}"
        self._run("pg_ctl", "-D", str(data), "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """Its URL."""
        self._databases += 1
        name = f"polpo{self._databases}"
        self._run("createdb", "-h", str(self.folder), "-U", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(PROGRAMS / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)
