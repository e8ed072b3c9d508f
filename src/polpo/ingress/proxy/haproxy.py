"""The HAProxy that a plan is in: told at run time what it can be told, else reloaded.

In the settings' place: haproxy.cfg, maps/, certificates/, haproxy.pid, haproxy.sock, master.sock.
The files say all of it when HAProxy reads them; in between it may know more. It outlives us (unless
the pod ends): the next of us finds it and has it read everything anew.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import structlog

from polpo.ingress.plan import Plan, file_of
from polpo.ingress.proxy import certificates, maps, runtime, servers
from polpo.ingress.proxy.configuration import configuration
from polpo.ingress.proxy.maps import Maps
from polpo.ingress.proxy.servers import Servers
from polpo.ingress.proxy.settings import Settings
from polpo.ingress.table import Table, table
from polpo.kernel import processes
from polpo.kernel.haproxy import socket
from polpo.kernel.haproxy.workers import proc
from polpo.kernel.processes import Process
from polpo.runtime.files import replace_quickly

PROGRAM = "haproxy"
BEGIN_S, LOOK_S, END_S = 20.0, 0.02, 5.0
_LINE = re.compile(r"candidate\.cfg:([0-9]+)")

log = structlog.get_logger("polpo.ingress")


class Failed(Exception):
    """HAProxy does not take it, and why; `backend`: whose line it is, if it is of one."""

    def __init__(self, why: str, backend: str = "") -> None:
        super().__init__(why)
        self.backend = backend


class Haproxy:
    """`reloads` and `told` count. Not for two threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan: Plan | None = None
        self._table: Table | None = None
        self._maps: Maps = {}
        self._shape = ""
        self._placed: dict[str, Servers] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self.reloads = self.told = 0

    def table(self, plan: Plan) -> Table:
        """Of the plan; worked out once."""
        if self._table is None or plan is not self._plan:
            return table(plan)
        return self._table

    def placed(self, name: str) -> Servers | None:
        """Who is in a backend's slots now."""
        return self._placed.get(name)

    def apply(self, plan: Plan, made: Table, placed: Mapping[str, Servers]) -> bool:
        """Until it is so: returns whether that took a reload. Failed if it cannot be."""
        running = self._find()
        try:
            if running is not None and self._tell(plan, made, placed):
                return False
            self.write(plan, made, placed)
            if running is None:
                self._start()
            else:
                self._reload(running)
        finally:
            if running is not None:
                running.close()
        self._know(plan, made, placed)
        return True

    def is_alive(self) -> bool:
        found = self._find()
        if found is not None:
            found.close()
        return found is not None

    def end(self, grace_s: float) -> None:
        """It takes nobody any more, answers what it has been asked, and ends."""
        found = self._find()
        if found is not None:
            found.signal(signal.SIGUSR1)
            found.ended(grace_s)
            processes.end([found], END_S)
        if self._child is not None:
            self._child.wait()

    def _know(self, plan: Plan, made: Table, placed: Mapping[str, Servers]) -> None:
        self._plan, self._table, self._placed = plan, made, dict(placed)
        self._maps = maps.maps(made)

    def _tell(self, plan: Plan, made: Table, placed: Mapping[str, Servers]) -> bool:
        commands: Iterable[str] | None = self._commands(plan, made, placed)
        if commands is None:
            return False
        commands = list(commands)
        try:
            runtime.tell(self._settings.socket, commands)
        except (OSError, runtime.Refused) as error:
            log.warning("HAProxy is reloaded", reason=str(error))
            self._plan = None
            return False
        self.told += bool(commands)
        if plan is not self._plan:
            self._know(plan, made, placed)
        else:
            self._placed = dict(placed)
        return True

    def _commands(
        self, plan: Plan, made: Table, placed: Mapping[str, Servers]
    ) -> Iterator[str] | None:
        if self._plan is None:
            return None
        found: list[Iterator[str]] = []
        if plan is not self._plan:
            shape = self._shaped(plan, made, placed)
            listed = certificates.commands(self._plan, plan, self._settings)
            mapped = maps.commands(self._settings.maps, self._maps, maps.maps(made))
            if shape != self._shape or listed is None or mapped is None:
                return None
            found += [listed, mapped]
        for name, now in placed.items():
            before = self._placed.get(name)
            if before is now or before == now:
                continue
            lines = servers.commands(name, before, now) if before is not None else None
            if lines is None:
                return None
            found.append(lines)
        return chain.from_iterable(found)

    def _shaped(self, plan: Plan, made: Table, placed: Mapping[str, Servers]) -> str:
        """The configuration, but for who is in which slot."""
        empty = {n: Servers((None,) * len(s.slots), *s[1:]) for n, s in placed.items()}
        return configuration(plan, made, empty, self._settings)

    def write(self, plan: Plan, made: Table, placed: Mapping[str, Servers]) -> None:
        """Its files, checked. Failed if HAProxy does not take them."""
        place = self._settings
        for folder in (place.place, place.maps, place.certificates, place.files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._let_worker_in()
        wanted: dict[Path, str] = {}
        for name, lines in maps.maps(made).items():
            wanted[place.maps / f"{name}.map"] = maps.content(lines)
        for certificate in plan.certificates:
            wanted[certificates.path(place, certificate)] = certificate.pem
            if certificate.ca:
                wanted[certificates.ca_path(place, certificate)] = certificate.ca
        for file, entries in certificates.lists(plan, place).items():
            wanted[file] = "".join(f"{line}\n" for line in entries)
        for backend in made.backends.values():
            for content in (x for feature in backend.policy for x in feature.files()):
                wanted[place.files / file_of(content)] = content
        text = configuration(plan, made, placed, place)
        candidate = place.place / "candidate.cfg"
        for file, content in (wanted | {candidate: text}).items():
            replace_quickly(file, content.encode())
        self._check(candidate)
        replace_quickly(place.configuration, text.encode())
        self._shape = self._shaped(plan, made, placed)
        self._forget(wanted.keys())

    def _let_worker_in(self) -> None:
        """Of another user than we are, it finds the sockets by which it speaks to itself, and may
        neither list nor write what is beside them."""
        place = self._settings
        if place.user:
            shutil.chown(place.place, group=place.user)
            place.place.chmod(0o710)

    def _check(self, candidate: Path) -> None:
        command = [PROGRAM, "-c", "-f", str(candidate)]  # -q would hide why not
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self._settings.place
        )
        if done.returncode:
            said = (done.stderr + done.stdout).splitlines()
            silent = f"status {done.returncode}: {' '.join(said[-1:]) or 'it said nothing'}"
            alert = next((line for line in said if "[ALERT]" in line), silent)
            raise Failed(alert, _whose(alert, candidate.read_text()))

    def _forget(self, wanted: object) -> None:
        """Files of what is no more."""
        folders = (self._settings.maps, self._settings.certificates, self._settings.files)
        for file in (file for folder in folders for file in folder.iterdir()):
            if file not in wanted:  # type: ignore[operator]
                file.unlink(missing_ok=True)

    def _find(self) -> Process | None:
        """Our own is known without its pid file, which is empty for a moment in a reload."""
        own = processes.of_child(self._child) if self._child is not None else None
        return own or processes.find(self._settings.pid, str(self._settings.configuration))

    def _start(self) -> None:
        place = self._settings
        files = ["-f", str(place.configuration), "-p", str(place.pid)]
        command = [PROGRAM, "-W", "-db", *files, "-S", f"{place.master},mode,600"]
        place.pid.unlink(missing_ok=True)
        self._child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, cwd=place.place
        )
        until = time.monotonic() + BEGIN_S
        while not proc(place.master).workers or not self._answers():
            if self._child.poll() is not None or time.monotonic() > until:
                raise Failed("HAProxy does not start")
            time.sleep(LOOK_S)

    def _answers(self) -> bool:
        try:
            return bool(socket.ask(self._settings.socket, "show version"))
        except OSError:
            return False

    def _reload(self, running: Process) -> None:
        """Returns when the new worker is there, which has taken over the sockets."""
        place = self._settings
        before = proc(place.master)
        socket.ask(place.master, "reload")
        self.reloads += 1
        until = time.monotonic() + BEGIN_S
        while True:
            now = proc(place.master)
            if now.workers - before.workers and self._answers():
                return
            if now.failed > before.failed or time.monotonic() > until or running.ended():
                self._plan = None
                raise Failed("no new worker has begun: see what HAProxy says")
            time.sleep(LOOK_S)


def _whose(alert: str, text: str) -> str:
    """The backend whose line is complained of."""
    found = _LINE.search(alert)
    lines = text.splitlines()[: int(found[1])] if found else []
    head = next((line for line in reversed(lines) if line[:1].strip()), "")
    return head.removeprefix("backend ") if head.startswith("backend b.") else ""
