"""Reconciler of the HAProxy processes: one for each load balancer here, which outlives the agent.

In <runtime_dir>/balancers/<its number>/ (settings.py):

    haproxy.cfg    what it is to do, checked by `haproxy -c` before
    haproxy.loaded   the same, as it was when the process was last told of it
    haproxy.pid    of its master, written by it; haproxy.log: what it says
    health         what keepalived tracks: a shell waits for HAProxy and says at the very moment
                   that it ends that nobody listens, whether or not there is an agent
"""

import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from polpo.agent.balancer.proxy import socket
from polpo.agent.balancer.proxy.changes import commands
from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.states import kept
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, processes
from polpo.kernel.processes import Process
from polpo.runtime.clock import Clock
from polpo.runtime.files import replace_file
from polpo.target.balancer import Balancer
from polpo.target.changes import Changes

PROGRAM = "haproxy"
CHECK_S, BEGIN_S, END_S = 10.0, 5.0, 5.0
HASTY_S = 1.0  # one that ends sooner after its start than this is not started again at once
LOG_BYTES = 1 << 20
WELL, ILL = b"0\n", b"-254\n"
NO_STATES = "1\n"  # the version of the format
STALE = ""  # runs with another configuration than it should, or than we know of
GUARD = '"$@"; printf -- "-254\\n" > health'


class _Reload(NamedTuple):
    """Under way: the workers that were there before it, and until when it may take."""

    workers: frozenset[int]
    until: float


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
    def settings(self) -> Settings: ...


class Haproxy:
    """`watch` is told of each process's handle, readable when it has ended, and `unwatch` after.
    `soon` has us look again, when one that has been started may have begun.
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
    ) -> None:
        self._directory, self._instances = directory, instances
        self._watch, self._unwatch, self._soon, self._clock = watch, unwatch, soon, clock
        self._running: dict[int, Process] = {}
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._started_at: dict[int, float] = {}
        self._told: dict[int, Balancer] = {}  # the row that each was last told of, by us
        self._reloads: dict[int, _Reload] = {}

    def wanted(self) -> dict[int, str]:
        return {vni: instance.configuration for vni, instance in self._instances.items()}

    def read_actual(self) -> dict[int, str]:
        for vni in self._known():
            self._look(vni)
        there = self._running.keys() | {v for v in self._children if self._begins(v)}
        return {vni: self._loaded(vni) for vni in there}

    def listens(self, vni: int) -> bool:
        """As last looked at."""
        health = self._directory / str(vni) / "health"
        return vni in self._running and _text(health) == WELL.decode()

    def apply(self, changes: Changes[int, str]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _known(self) -> list[int]:
        """All that have a directory, also of load balancers that the target has no more."""
        found = self._directory.glob("*") if self._directory.is_dir() else ()
        return [int(path.name) for path in found if path.name.isdecimal()]

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
        elif (place / "health").exists():
            replace_file(place / "health", ILL)

    def _find(self, vni: int) -> None:
        """Also one that an agent before us has started."""
        process = find(self._place(vni))
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
        health = self._place(vni) / "health"
        if _text(health) == WELL.decode():
            return
        try:
            socket.ask(self._place(vni) / "haproxy.sock", "show info")
        except OSError:
            self._soon()
        else:
            replace_file(health, WELL)

    def _forget(self, vni: int) -> None:
        self._reloads.pop(vni, None)
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
        if not self.listens(vni) or self._is_reloading(vni):
            return STALE
        texts = {_text(place / name) for name in ("haproxy.cfg", "haproxy.loaded")}
        return (texts.pop() or STALE) if len(texts) == 1 else STALE

    def _is_reloading(self, vni: int) -> bool:
        """Until another worker is there than before."""
        reload = self._reloads.get(vni)
        if reload is None:
            return False
        if workers(self._place(vni)) - reload.workers or self._clock() > reload.until:
            del self._reloads[vni]
            return False
        self._soon()
        return True

    def _wait_for(self, vni: int, running: Process | None) -> None:
        """What is under way comes to its end first."""
        if self._begins(vni) or vni in self._reloads:
            raise BlockingIOError(11, "its worker has to begin first")
        if running is None or self.listens(vni):
            return
        if self._clock() - self._started_at.get(vni, 0.0) > BEGIN_S:
            running.signal(signal.SIGKILL)
        raise BlockingIOError(11, "it has to listen first")

    def _put(self, vni: int, configuration: str) -> None:
        instance, place = self._instances[vni], self._place(vni)
        _prepare(place)
        running = self._running.get(vni)
        self._wait_for(vni, running)
        if running is not None and running.network() != netns.identity(instance.netns):
            self._remove(vni)
            raise BlockingIOError(11, "the one in a former namespace has to end first")
        told = running is not None and self._tell(vni, instance.proxied)
        if not told:
            self._check(instance, configuration)
        before = _text(place / "haproxy.cfg") or ""
        replace_file(place / "haproxy.cfg", configuration.encode())
        if running is None:
            self._start(vni)
        elif not told:
            self._reload(vni, running, before, configuration)
        replace_file(place / "haproxy.loaded", configuration.encode())
        self._told[vni] = instance.proxied
        if not told:
            self._soon()
            raise BlockingIOError(11, "its worker has to begin")

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

    def _check(self, instance: Proxied, configuration: str) -> None:
        candidate = instance.settings.place / "candidate.cfg"
        replace_file(candidate, configuration.encode())
        wrong = processes.check(
            instance.netns, [PROGRAM, "-c", "-q", "-f", str(candidate)], CHECK_S
        )
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
        self._reloads[vni] = _Reload(workers(place), self._clock() + BEGIN_S)
        running.signal(signal.SIGUSR2)

    def _start(self, vni: int) -> None:
        place, now = self._place(vni), self._clock()
        if now - self._started_at.get(vni, now - HASTY_S) < HASTY_S:
            raise ChildProcessError(10, f"ended right after its start: {_last_line(place / 'log')}")
        self._started_at[vni] = now
        (place / "haproxy.pid").unlink(missing_ok=True)
        replace_file(place / "states", NO_STATES.encode())
        replace_file(place / "health", ILL)
        if (place / "haproxy.log").exists() and (place / "haproxy.log").stat().st_size > LOG_BYTES:
            (place / "haproxy.log").unlink()
        self._children[vni] = processes.start(
            self._instances[vni].netns, command(place), place / "haproxy.log", place
        )

    def _remove(self, vni: int) -> None:
        """Nobody is to come any more; then it ends, with what it has."""
        if vni not in self._running:
            raise BlockingIOError(11, "the one that has been started has to begin first")
        replace_file(self._place(vni) / "health", ILL)
        self._running[vni].signal(signal.SIGTERM)

    def _place(self, vni: int) -> Path:
        return self._directory / str(vni)


def workers(place: Path) -> frozenset[int]:
    """Pids of the present workers, as the master says; none if it does not answer now."""
    try:
        said = socket.ask(place / "master.sock", "show proc")
    except OSError:
        return frozenset()
    present = said.partition("# workers")[2].partition("# old workers")[0]
    lines = (line.split() for line in present.splitlines())
    return frozenset(int(words[0]) for words in lines if words and words[0].isdecimal())


def command(place: Path) -> list[str]:
    """A shell that waits for it, in its directory."""
    haproxy = [PROGRAM, "-W", "-db", "-f", str(place / "haproxy.cfg")]
    files = ["-p", str(place / "haproxy.pid"), "-S", f"{place / 'master.sock'},mode,600"]
    return ["/bin/sh", "-c", GUARD, "polpo-balancer", *haproxy, *files]


def find(place: Path) -> Process | None:
    """The master that runs by the configuration in `place`."""
    return processes.find(place / "haproxy.pid", str(place / "haproxy.cfg"))


def end_all(directory: Path) -> None:
    """End all that run here, and wait for it."""
    processes.end(filter(None, map(find, directory.glob("*"))), END_S)


def _prepare(place: Path) -> None:
    """Its own, but for the jail, which HAProxy has to see when it is nobody any more."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "jail").mkdir(mode=0o755, exist_ok=True)


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _first_alert(said: str) -> str:
    """Of what `haproxy -c` says, the first thing that is wrong."""
    lines = said.splitlines()
    return next((line for line in lines if "[ALERT]" in line), lines[0] if lines else said)


def _last_line(path: Path) -> str:
    lines = (_text(path) or "").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
