"""Reconciler of the keepalived processes: one for each instance, which outlives the agent.

In <runtime_dir>/gateways/ or balancers/<function's number>/:

    keepalived.conf    what it is to do, checked by `keepalived -t` before
    loaded             the same, as it was when the process was last told to read it
    keepalived.pid     written by keepalived, and vrrp.pid by its child; log: what they say
"""

import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Protocol

from polpo.agent.pairs import farewell
from polpo.agent.pairs.daemon import Everybody, Group, Places, Starts, Texts, last_line, numbers
from polpo.agent.reconciler import Failures, one_by_one
from polpo.kernel import netns, processes
from polpo.kernel.processes import Process
from polpo.runtime.clock import Clock
from polpo.runtime.files import replace_file
from polpo.target.changes import Changes

PROGRAM = "keepalived"
CHECK_S = 10.0
END_S = 5.0
STALE = ""  # runs with another configuration than it should, or than we know of


class Paired(Protocol):
    """An instance, as far as keepalived is concerned. `patient`: without its `preempt`.
    `number`: of the two that it is, and how often it says in seconds that it is there.
    """

    @property
    def netns(self) -> str: ...

    @property
    def vrrp(self) -> str: ...

    @property
    def patient(self) -> str: ...

    @property
    def preempt(self) -> bool: ...

    @property
    def number(self) -> int: ...

    @property
    def advertisement_s(self) -> float: ...


class Keepalived:
    """`watch` is told of each process's handle, readable when it has ended, and `unwatch` after.
    `soon` has us look again, when one that has been started may have begun.

    Only where the rules are in place (`guarded`) may anything begin; and only where it
    `may_take_over` does one that is to become active on purpose (`preempt`) try to, when `warm` has
    done what can be done before. None is started before it `may_begin`. `group`: of all processes
    of an instance.
    """

    def __init__(
        self,
        noun: str,
        directory: Path,
        instances: Mapping[int, Paired],
        guarded: Callable[[], Set[int]],
        may_take_over: Callable[[int], bool],
        may_begin: Callable[[], bool],
        warm: Callable[[int], None],
        watch: Callable[[int], None],
        unwatch: Callable[[int], None],
        soon: Callable[[], None],
        clock: Clock,
        group: Group | None = None,
    ) -> None:
        self.noun, self._directory = noun, directory
        self._instances, self._guarded = instances, guarded
        self._may_take_over, self._may_begin = may_take_over, may_begin
        self._warm = warm
        self._watch, self._unwatch, self._soon = watch, unwatch, soon
        self._starts, self._group, self._texts = Starts(clock), group or Everybody(), Texts()
        self._places = Places(directory)
        self._running: dict[int, Process] = {}
        self._begun: set[int] = set()  # whose pid files said so, at some time
        self._ending: set[int] = set()
        self._children: dict[int, subprocess.Popen[bytes]] = {}  # to be waited for when they end

    def wanted(self) -> dict[int, str]:
        guarded = self._guarded()
        return {v: self._wish(v, x) for v, x in self._instances.items() if v in guarded}

    def _wish(self, vni: int, instance: Paired) -> str:
        waits = instance.preempt and not self._may_take_over(vni)
        return instance.patient if waits else instance.vrrp

    def read_actual(self) -> dict[int, str]:
        for vni in self._known():
            self._look(vni)
        return {vni: self._loaded(vni) for vni in self._running if vni not in self._ending}

    def pids(self, vni: int) -> list[int]:
        """As last looked at, of one that has begun."""
        return [self._running[vni].pid] if vni in self._begun else []

    def runs(self, vni: int) -> bool:
        """As last looked at; one that has been started since is seen in the next pass."""
        return vni in self._running and vni not in self._ending and self._has_begun(vni)

    def inhabitant(self, vni: int) -> Process | None:
        """For Namespaces; also one that an agent before us has started."""
        return find(self._place(vni), "keepalived.pid")

    def apply(self, changes: Changes[int, str]) -> Failures[int]:
        return one_by_one(changes, self._put, self._remove)

    def _known(self) -> list[int]:
        """All that run or have a directory, also of instances that the target has no more."""
        return sorted({*numbers(self._directory), *self._running})

    def _look(self, vni: int) -> None:
        running = self._running.get(vni)
        if running is not None and running.ended():
            self._tell_peer(vni)
            self._forget(vni)
        if vni not in self._running:
            self._find(vni)
        if vni in self._running and not self._has_begun(vni):
            self._soon()
        if vni not in self._running and vni not in self._instances:
            shutil.rmtree(self._place(vni), ignore_errors=True)
            self._texts.forget(self._place(vni))

    def _tell_peer(self, vni: int) -> None:
        """In place of one that was killed, before the next one takes its addresses away."""
        instance = self._instances.get(vni)
        if instance is not None and vni not in self._ending:
            farewell.say(instance.netns, instance.number, instance.advertisement_s)

    def _find(self, vni: int) -> None:
        """Also one that an agent before us has started."""
        process = find(self._place(vni), "keepalived.pid") or self._child(vni)
        if process is not None:
            self._running[vni] = process
            self._watch(process.handle)

    def _child(self, vni: int) -> Process | None:
        """Our own, before it has written its pid file."""
        child = self._children.get(vni)
        return processes.of_child(child) if child is not None else None

    def _has_begun(self, vni: int) -> bool:
        """Before that it does not hear: its own pid file is written first, then it listens to
        signals, then its child writes its.
        """
        if vni in self._begun:
            return True
        if self._can_be_found(vni) and (self._place(vni) / "vrrp.pid").exists():
            self._begun.add(vni)
        return vni in self._begun

    def _can_be_found(self, vni: int) -> bool:
        """By an agent after us."""
        said = self._texts.read(self._place(vni), "keepalived.pid") or ""
        return said.strip() == str(self._running[vni].pid)

    def _forget(self, vni: int) -> None:
        process = self._running.pop(vni)
        self._unwatch(process.handle)
        process.close()
        self._ending.discard(vni)
        self._begun.discard(vni)
        if child := self._children.pop(vni, None):
            child.poll()

    def _loaded(self, vni: int) -> str:
        """The configuration it has read, as far as it is still there and is its own."""
        instance, place = self._instances.get(vni), self._place(vni)
        if instance is None or self._running[vni].network() != netns.identity(instance.netns):
            return STALE
        if self._has_begun(vni) and not self._can_be_found(vni):
            return STALE
        texts = {self._texts.read(place, name) for name in ("keepalived.conf", "loaded")}
        return (texts.pop() or STALE) if len(texts) == 1 else STALE

    def _put(self, vni: int, configuration: str) -> None:
        place, name = self._place(vni), self._instances[vni].netns
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        running = self._running.get(vni)
        if running is not None:  # without one there is nothing to lose, and it would take its time
            self._check(vni, configuration)
        replace_file(place / "keepalived.conf", configuration.encode())
        if running is None:
            self._start(vni)
        elif not self._has_begun(vni):
            raise BlockingIOError(11, "the one that has been started has to begin first")
        elif running.network() == netns.identity(name) and self._can_be_found(vni):
            instance = self._instances[vni]
            if instance.preempt and configuration == instance.vrrp:
                self._warm(vni)
            running.signal(signal.SIGHUP)
        else:
            self._remove(vni)
            raise BlockingIOError(
                11, "the one in a former namespace, or without its files, has to end first"
            )
        replace_file(place / "loaded", configuration.encode())

    def _check(self, vni: int, configuration: str) -> None:
        place = self._place(vni)
        if configuration == self._texts.read(place, "loaded"):
            return
        candidate = place / "candidate.conf"
        replace_file(candidate, configuration.encode())
        command = [PROGRAM, "--config-test", f"--use-file={candidate}"]
        wrong = processes.check(self._instances[vni].netns, command, CHECK_S)
        candidate.unlink()
        if wrong:
            raise ValueError(wrong)

    def _start(self, vni: int) -> None:
        place = self._place(vni)
        if not self._may_begin():
            raise BlockingIOError(11, "the controller is to say first whether it is still wanted")
        if processes.tell_all(
            _word(place), signal.SIGTERM, self._group.members(vni)
        ):  # a child, or without its pid file
            raise BlockingIOError(11, "the former one has to end first")
        self._starts.check(vni, lambda: last_line(place / "log"))
        for pid_file in ("keepalived.pid", "vrrp.pid"):  # of the dead: a zombie's would stop it
            (place / pid_file).unlink(missing_ok=True)
        self._children[vni] = self._starts.start(
            self._instances[vni].netns, command(place), place / "log", self._group.entrance(vni)
        )
        processes.go_first(self._children[vni].pid)  # as it asks for itself: vrrp_priority
        self._soon()

    def _remove(self, vni: int) -> None:
        """It tells its peer, takes its addresses away, and ends."""
        self._ending.add(vni)
        self._running[vni].signal(signal.SIGTERM)

    def _place(self, vni: int) -> Path:
        return self._places[vni]


def command(place: Path) -> list[str]:
    """In the foreground: so it is our child, while we live. It ends with its own child: one that
    starts it anew says no farewell, and if told to reload meanwhile, never does again (2.2.7).
    """
    files = {"use-file": "keepalived.conf", "pid": "keepalived.pid", "vrrp_pid": "vrrp.pid"}
    options = [f"--{option}={place / name}" for option, name in files.items()]
    return [PROGRAM, "--dont-fork", "--dont-respawn", "--vrrp", "--log-console", *options]


def find(place: Path, pid_file: str) -> Process | None:
    """keepalived, or its child, that runs by the configuration in `place`."""
    return processes.find(place / pid_file, _word(place))


def _word(place: Path) -> str:
    return f"--use-file={place / 'keepalived.conf'}"


def end_all(directory: Path) -> None:
    """End all that run here, and wait for it."""
    files = ("keepalived.pid", "vrrp.pid")
    found = (find(place, name) for place in directory.glob("*") for name in files)
    processes.end(filter(None, found), END_S)
