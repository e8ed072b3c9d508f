"""Reconciler of the HAProxy processes: one for each load balancer here, which outlives the agent.

In <runtime_dir>/balancers/<its number>/ (settings.py):

    haproxy.cfg    what it is to do, checked by `haproxy -c` before
    haproxy.loaded   the same, as it was when the process was last told of it
    haproxy.pid    of its master, written by it; haproxy.log: what it says
    haproxy.sock   of its worker, master.sock: of its master
    health         what keepalived tracks: a shell waits for HAProxy and says at the very moment
                   that it ends that nobody listens, whether or not there is an agent
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from polpo.agent.balancer.proxy import master
from polpo.agent.balancer.proxy.changes import commands
from polpo.agent.balancer.proxy.master import ILL, PROGRAM, WELL
from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.states import kept
from polpo.agent.balancer.proxy.tls import CertificateList
from polpo.agent.pairs.daemon import LOG_BYTES, Group, Places, Starts, Texts, numbers
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, nftables, processes
from polpo.kernel.haproxy import socket
from polpo.kernel.haproxy.workers import Proc, proc
from polpo.kernel.processes import Process
from polpo.runtime.clock import Clock
from polpo.runtime.files import replace_file
from polpo.target.balancer import Balancer
from polpo.target.changes import Changes

CHECK_S = 10.0
BEGIN_S = 20.0  # a busy host is slow; who is killed for that has to begin anew
AGAIN_S = 30.0  # a configuration that no worker could begin with is tried again
BEGINS = "polpo: is to begin\n"
NO_STATES = "1\n"  # the version of the format
STALE = ""  # runs with another configuration than it should, or than we know of


class _Reload(NamedTuple):
    """Under way: what the master said before it, and until when it may take."""

    before: Proc
    until: float


class _Failed(NamedTuple):
    """A configuration that no worker has begun with."""

    configuration: str
    at: float
    why: str


class Proxied(Protocol):
    """A load balancer's instance, as far as HAProxy is concerned.

    `configuration` is made of the row `proxied`.
    """

    @property
    def proxied(self) -> Balancer: ...

    @property
    def netns(self) -> str: ...

    @property
    def configuration(self) -> str: ...

    @property
    def certificate_lists(self) -> tuple[CertificateList, ...]: ...

    @property
    def settings(self) -> Settings: ...


class Haproxy:
    """`watch` is told of each process's handle, readable when it has ended, and `unwatch` after.
    `soon` has us look again, when one that has been started may have begun. `group`: of
    all processes of an instance.
    """

    noun = "haproxy"

    def __init__(
        self,
        directory: Path,
        instances: Mapping[int, Proxied],
        watch: Callable[[int], None],
        unwatch: Callable[[int], None],
        soon: Callable[[], None],
        clock: Clock,
        group: Group,
    ) -> None:
        self._directory, self._instances = directory, instances
        self._watch, self._unwatch, self._soon, self._clock = watch, unwatch, soon, clock
        self._running: dict[int, Process] = {}
        self._begun: set[int] = set()  # those that have listened, at some time
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._starts, self._group, self._texts = Starts(clock), group, Texts()
        self._places = Places(directory)
        self._told: dict[int, Balancer] = {}  # the row that each was last told of, by us
        self._reloads: dict[int, _Reload] = {}
        self._failed: dict[int, _Failed] = {}

    def wanted(self) -> dict[int, str]:
        return {vni: instance.configuration for vni, instance in self._instances.items()}

    def read_actual(self) -> dict[int, str]:
        for vni in self._known():
            self._look(vni)
        there = self._running.keys() | {v for v in self._children if self._begins(v)}
        return {vni: self._loaded(vni) for vni in there}

    def listens(self, vni: int) -> bool:
        """As last looked at."""
        running = vni in self._running
        return running and self._texts.read(self._place(vni), "health") == WELL.decode()

    def pids(self, vni: int) -> list[int]:
        """As last looked at."""
        return [self._running[vni].pid] if vni in self._running else []

    def apply(self, changes: Changes[int, str]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _known(self) -> list[int]:
        """All that have a directory, also of load balancers that the target has no more."""
        return numbers(self._directory)

    def _look(self, vni: int) -> None:
        place, running = self._place(vni), self._running.get(vni)
        if running is not None and running.ended():
            self._forget(vni)
        if vni not in self._running:
            self._find(vni)
        if vni in self._running:
            self._note_health(vni)
        elif vni not in self._instances:
            shutil.rmtree(place, ignore_errors=True)
            self._texts.forget(place)
        elif (place / "health").exists():
            replace_file(place / "health", ILL)

    def _find(self, vni: int) -> None:
        """Also one that an agent before us has started."""
        process = master.find(self._place(vni))
        if process is not None:
            self._running[vni] = process
            self._watch(process.handle)

    def _begins(self, vni: int) -> bool:
        """Started by us, and has not written its pid yet."""
        child = self._children.get(vni)
        if child is None or vni in self._running or child.poll() is not None:
            return False
        self._soon()
        return True

    def _note_health(self, vni: int) -> None:
        """Well, from when it answers: before, nobody listens. The guard says when it is over."""
        if not self.listens(vni):
            if vni not in self._instances:
                return
            try:
                socket.ask(self._place(vni) / "haproxy.sock", "show info")
                netns.inside(self._instances[vni].netns, lambda: nftables.apply(master.AGAIN))
            except OSError:
                self._soon()
                return
            replace_file(self._place(vni) / "health", WELL)
        self._begun.add(vni)

    def _forget(self, vni: int) -> None:
        self._begun.discard(vni)
        self._reloads.pop(vni, None)
        self._failed.pop(vni, None)
        process = self._running.pop(vni)
        self._unwatch(process.handle)
        process.close()
        self._told.pop(vni, None)
        if child := self._children.pop(vni, None):
            child.poll()

    def _loaded(self, vni: int) -> str:
        """The configuration it has been told, as far as that is still there and is its own."""
        instance, place = self._instances.get(vni), self._place(vni)
        running = self._running.get(vni)
        here = netns.identity(instance.netns) if instance is not None else None
        if here is None or running is None or running.network() != here:
            return STALE
        if not self.listens(vni) or self._is_reloading(vni) or not self._has_its_files(vni):
            return STALE
        texts = {self._texts.read(place, name) for name in ("haproxy.cfg", "haproxy.loaded")}
        return (texts.pop() or STALE) if len(texts) == 1 else STALE

    def _has_its_files(self, vni: int) -> bool:
        """Those by which we speak to it, and by which an agent after us finds it."""
        place = self._place(vni)
        known = (self._texts.read(place, "haproxy.pid") or "").strip() == str(
            self._running[vni].pid
        )
        names = ("haproxy.sock", "master.sock")
        return known and all(os.path.exists(f"{place}/{name}") for name in names)

    def _is_reloading(self, vni: int) -> bool:
        """Until another worker is there than before, or none has begun."""
        reload, place = self._reloads.get(vni), self._place(vni)
        if reload is None:
            return False
        now = proc(place / "master.sock")
        if now.workers - reload.before.workers:
            del self._reloads[vni]
            return False
        if now.failed > reload.before.failed or self._clock() > reload.until:
            del self._reloads[vni]
            self._note_failure(vni)
            return False
        self._soon()
        return True

    def _note_failure(self, vni: int) -> None:
        """The former worker goes on. Said until there is another configuration, or for a while."""
        place = self._place(vni)
        configuration = self._texts.read(place, "haproxy.cfg") or ""
        self._failed[vni] = _Failed(configuration, self._clock(), self._words(vni))
        (place / "haproxy.loaded").unlink(missing_ok=True)

    def _words(self, vni: int) -> str:
        """What was wrong when it was last to begin anew."""
        log = self._texts.read(self._place(vni), "haproxy.log") or ""
        return _first_alert(log.rpartition(BEGINS)[2])

    def _mark_log(self, vni: int) -> None:
        with (self._place(vni) / "haproxy.log").open("a") as log:
            if log.tell() > LOG_BYTES:
                log.truncate(0)
            log.write(BEGINS)

    def _wait_for(self, vni: int, running: Process | None) -> None:
        """What is under way comes to its end first; one that has listened has begun."""
        if self._begins(vni) or vni in self._reloads:
            raise BlockingIOError(11, "its worker has to begin first")
        if running is None or vni in self._begun:
            return
        if self._clock() - self._starts.at.get(vni, 0.0) > BEGIN_S:
            running.signal(signal.SIGKILL)
        raise BlockingIOError(11, "it has to listen first")

    def _put(self, vni: int, configuration: str) -> None:
        instance, place = self._instances[vni], self._place(vni)
        _prepare(place)
        running = self._running.get(vni)
        self._wait_for(vni, running)
        if running is not None:
            self._mend(vni, running)
            if self._loaded(vni) == configuration:
                return
        told = running is not None and self._tell(vni, instance.proxied)
        if not told:
            self._spare(vni, configuration)
        for path, text in instance.certificate_lists:
            replace_file(path, text.encode())
        if not told and running is not None:
            self._check(vni, configuration)
        before = self._texts.read(place, "haproxy.cfg") or ""
        if not told and running is not None:
            configuration = self._rebinding(vni, before, configuration)
        replace_file(place / "haproxy.cfg", configuration.encode())
        if running is None:
            self._start(vni)
        elif not told:
            self._reload(vni, running, before, configuration)
        replace_file(place / "haproxy.loaded", configuration.encode())
        self._told[vni] = instance.proxied
        _keep_only(place, instance.certificate_lists)
        if not told:
            self._soon()
            raise BlockingIOError(11, "its worker has to begin")

    def _mend(self, vni: int, running: Process) -> None:
        """What a reload would not."""
        place = self._place(vni)
        if running.network() != netns.identity(self._instances[vni].netns):
            self._remove(vni)
            raise BlockingIOError(11, "the one in a former namespace has to end first")
        if not (place / "master.sock").exists():
            self._remove(vni)
            raise BlockingIOError(11, "the one whose master nobody can speak to has to end first")
        if (self._texts.read(place, "haproxy.pid") or "").strip() != str(running.pid):
            replace_file(place / "haproxy.pid", f"{running.pid}\n".encode())

    def _rebinding(self, vni: int, before: str, configuration: str) -> str:
        """A worker takes over the sockets that the former one had, also one whose name was taken
        away; it binds anew what has another name, and then what had another name.
        """
        path = self._instances[vni].settings.socket
        other = f"{path}.2'"
        if path.exists() or other in before:
            return configuration
        return configuration.replace(f"{path}'", other)

    def _tell(self, vni: int, row: Balancer) -> bool:
        """At run time, if that is enough. What it does not take so it is reloaded with."""
        before = self._told.get(vni)
        lines = commands(before, row) if before is not None else None
        if lines is None or self._loaded(vni) == STALE:
            return False
        try:
            socket.tell(self._place(vni) / "haproxy.sock", lines)
        except (OSError, ValueError):
            return False
        return True

    def _spare(self, vni: int, configuration: str) -> None:
        """What has failed does not have to be tried again at once."""
        failed = self._failed.get(vni)
        if failed and failed.configuration == configuration:
            if self._clock() - failed.at < AGAIN_S:
                raise ChildProcessError(10, f"its new worker has not begun: {failed.why}")
            del self._failed[vni]

    def _check(self, vni: int, configuration: str) -> None:
        """Before a reload. Where none runs, one that can't begin says why."""
        instance = self._instances[vni]
        if configuration == self._texts.read(instance.settings.place, "haproxy.loaded"):
            return
        candidate = instance.settings.place / "candidate.cfg"
        replace_file(candidate, configuration.encode())
        command = [PROGRAM, "-c", "-f", str(candidate)]  # -q would hide what is wrong
        wrong = processes.check(instance.netns, command, CHECK_S)
        candidate.unlink()
        if wrong:
            raise ValueError(_first_alert(wrong))

    def _reload(self, vni: int, running: Process, before: str, after: str) -> None:
        """Its master starts a new worker, which takes over the sockets; connections stay."""
        place, states = self._place(vni), NO_STATES
        with contextlib.suppress(OSError):
            said = socket.ask(place / "haproxy.sock", "show servers state")
            states = kept(said, before, after)
        replace_file(place / "states", states.encode())
        (place / "haproxy.sock.2").unlink(missing_ok=True)
        self._reloads[vni] = _Reload(proc(place / "master.sock"), self._clock() + BEGIN_S)
        self._mark_log(vni)
        running.signal(signal.SIGUSR2)

    def _start(self, vni: int) -> None:
        place, row = self._place(vni), self._instances[vni].proxied
        settings = self._instances[vni].settings
        self._starts.check(vni, lambda: self._words(vni))
        if lost := master.search(place, self._group.members(vni)):
            replace_file(place / "haproxy.pid", f"{lost.pid}\n".encode())
            lost.close()
            self._soon()
            raise BlockingIOError(11, "one without its pid file is found again")
        (place / "haproxy.pid").unlink(missing_ok=True)
        replace_file(place / "states", NO_STATES.encode())
        replace_file(place / "health", ILL)
        self._mark_log(vni)
        self._children[vni] = self._starts.start(
            self._instances[vni].netns,
            master.command(place, row.instance, row.alone, settings.access_log),
            place / "haproxy.log",
            self._group.entrance(vni),
        )

    def _remove(self, vni: int) -> None:
        """Nobody is to come any more; then it ends, with what it has."""
        if vni not in self._running:
            raise BlockingIOError(11, "the one that has been started has to begin first")
        replace_file(self._place(vni) / "health", ILL)
        self._running[vni].signal(signal.SIGTERM)

    def _place(self, vni: int) -> Path:
        return self._places[vni]


def _prepare(place: Path) -> None:
    """Its own, but for the jail, which HAProxy has to see when it is nobody any more."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "jail").mkdir(mode=0o755, exist_ok=True)


def _keep_only(place: Path, lists: Iterable[CertificateList]) -> None:
    for path in set(place.glob("*.certificates")) - {one.path for one in lists}:
        path.unlink(missing_ok=True)


def _first_alert(said: str) -> str:
    """Of what `haproxy -c` says, the first thing that is wrong."""
    lines = said.splitlines()
    return next((line for line in lines if "[ALERT]" in line), lines[0] if lines else said)
