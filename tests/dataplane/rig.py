"""One host's switch in the kernel, given frames by BPF_PROG_TEST_RUN, beside the model of it.

The devices are veths in a namespace of their own: a test run only decides, except for copies of
broadcasts, which are really sent.
"""

import ctypes
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from tests.dataplane.wire import PREFIX, run

from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.model import Model, Verdict
from polpo.dataplane.rings import ASKED, RING
from polpo.dataplane.tables import ORDER, Drop
from polpo.kernel import bpf
from polpo.kernel.ring import Ring
from polpo.target.rows import AnyRow

OWN, VXLAN, METADATA, UNKNOWN, SENT, DROPPED = "192.0.2.1", 99, 98, 50, 7, 2
TO_AGENT = THE_HOSTS = 0xFFFFFFFF
UPLINK = "02:00:00:00:50:01"
"""The MAC address of device 50, by which guests come."""
IFINDEXES = range(11, 19)
SIZES = dict.fromkeys(
    ("flows", "fdb", "neighbours", "moved", "moved_fdb", "fragments", "chosen", "stickies"), 512
)
LEARNED = (
    "flows",
    "moved",
    "moved_fdb",
    "fragments",
    "allowances",
    "counters",
    "buckets",
    "callers",
    "chosen",
    "stickies",
)
CONTEXT = struct.Struct(
    "=10I I I 5I 31I"
)  # struct __sk_buff: ifindex is the 11th, cb from the 13th

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def within(namespace: str) -> Iterator[None]:
    """This thread is in a network namespace."""
    with open("/proc/self/ns/net") as home, open(f"/run/netns/{namespace}") as away:
        try:
            assert _libc.setns(away.fileno(), 0) == 0
            yield
        finally:
            assert _libc.setns(home.fileno(), 0) == 0


class Rig:
    """Make one for many tests (`load` takes a while), `set` for each."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.namespace = directory / "rig", f"{PREFIX}-rig"

    def start(self) -> None:
        bpf.mount(self.directory)
        run("ip", "netns", "add", self.namespace)
        for index in (*IFINDEXES, VXLAN, METADATA, UNKNOWN):
            ip = ("ip", "-n", self.namespace, "link")
            peer = ("peer", "name", f"p{index}")
            run(*ip, "add", f"d{index}", "index", str(index), "type", "veth", *peer)
            run(*ip, "set", f"d{index}", "addrgenmode", "none", "up")
        run("ip", "-n", self.namespace, "link", "set", f"d{UNKNOWN}", "address", UPLINK)
        self.switch = bpf.load(self.directory, sizes=SIZES, programs=bpf.TEST_PROGRAMS)
        self.ring, self.listens = Ring(self.switch.tables[RING]), True

    def set(
        self, rows: Mapping[str, Iterable[AnyRow]], plugs: Mapping[str, Plug], own: str = OWN
    ) -> None:
        """The tables hold these rows and nothing else; the model as well. `own` is the VTEP."""
        entries = Entries(own, VXLAN)
        entries.set_metadata(METADATA)
        entries.set_plugs(plugs)
        for name, given in rows.items():
            entries.apply(name, given)
        for name in ORDER:
            table = self.switch.tables[name]
            table.put(entries.full[name])
            table.remove(table.read().keys() - entries.full[name].keys())
        for name in LEARNED:
            table = self.switch.tables[name]
            table.remove(table.read().keys())
        said = self.switch.tables["said"]
        said.put({key: bytes(len(value)) for key, value in said.read().items()})
        self.model = Model(own, {name: list(given) for name, given in rows.items()}, plugs)

    def from_port(self, ifindex: int, frame: bytes) -> Verdict:
        """The kernel's verdict; compare with the same of `model`."""
        return self._run("from_port", frame, ifindex, [])

    def from_overlay(self, vni: int, vtep: str, frame: bytes) -> Verdict:
        remote = int.from_bytes(socket.inet_aton(vtep), "little")
        return self._run("overlay_test", frame, VXLAN, [vni, remote])

    def from_outside(self, frame: bytes) -> Verdict:
        return self._run("from_outside", frame, UNKNOWN, [])

    def to_outside(self, frame: bytes) -> Verdict:
        return self._run("to_outside", frame, UNKNOWN, [])

    def from_metadata(self, frame: bytes) -> Verdict:
        return self._run("from_metadata", frame, METADATA, [])

    def _run(self, program: str, frame: bytes, ifindex: int, cb: list[int]) -> Verdict:
        before = self.drops()
        cb = cb + [0] * (5 - len(cb))
        context = CONTEXT.pack(*[0] * 10, ifindex, 0, *cb, *[0] * 31)
        with within(self.namespace):
            done = self.switch.programs[program].run(frame, context)
        seen = CONTEXT.unpack(done.context[: CONTEXT.size])[12:17]
        reason, port, copies, _, _ = seen
        counted = {r: n - before[r] for r, n in self.drops().items() if n != before[r]}
        counted.pop(Drop.FILTERED_COPY, None)
        assert counted == ({Drop(reason): 1} if reason else {}), counted
        if done.result == THE_HOSTS:
            return Verdict()
        if done.result == SENT:
            return self._sent(done.data, frame, ifindex, *seen)
        assert done.result == DROPPED
        if reason:
            return Verdict(drop=Drop(reason))
        if port == TO_AGENT:
            return self._asked(ifindex)
        return Verdict(copies=copies, frame=_changed(frame, done.data))

    def _sent(
        self,
        data: bytes,
        frame: bytes,
        ifindex: int,
        reason: int,
        port: int,
        _: int,
        host: int,
        vni: int,
    ) -> Verdict:
        """An answer, an error, or the frame itself, changed if it leaves a router, in `vni`."""
        if port == ifindex:
            return Verdict(answer=data, drop=Drop(reason) if reason else None)
        assert not reason
        if port == METADATA:
            return Verdict(call=data)
        vtep = socket.inet_ntoa(host.to_bytes(4, "little"))
        verdict = Verdict(host=vtep) if port == VXLAN else Verdict(port=port)
        left = data if vni else _changed(frame, data)
        return msgspec.structs.replace(verdict, frame=left, vni=vni or None)

    def _asked(self, ifindex: int) -> Verdict:
        """The agent has been handed just this; nobody looks while none `listens`."""
        if not self.listens:
            return Verdict(asked=b"")
        (record,) = map(ASKED.unpack, self.ring.read())
        assert record["ifindex"] == ifindex
        return Verdict(asked=record["frame"][: record["length"]])

    def drops(self) -> dict[Drop, int]:
        counted = self.switch.tables["drops"].sum()
        numbers = {int.from_bytes(key, "little"): value for key, (value,) in counted.items()}
        return {reason: numbers[reason] for reason in Drop}

    def close(self) -> None:
        self.ring.close()
        run("ip", "netns", "del", self.namespace, check=False)
        if os.path.ismount(self.directory):
            bpf.unmount(self.directory)


def _changed(frame: bytes, data: bytes) -> bytes | None:
    """The frame as it leaves, if that is not as it came: marked, say."""
    return data if data != frame else None


def both(rig: Rig, ifindex: int, frame: bytes) -> Verdict:
    """The verdict of both, which must be one."""
    kernel, model = rig.from_port(ifindex, frame), rig.model.from_port(ifindex, frame)
    assert kernel == model, frame.hex()
    return kernel


def both_outside(rig: Rig, frame: bytes) -> Verdict:
    """What comes to the host from outside the cloud."""
    kernel, model = rig.from_outside(frame), rig.model.from_outside(UNKNOWN, frame)
    assert kernel == model, frame.hex()
    return kernel


def both_own(rig: Rig, frame: bytes) -> Verdict:
    """What the host itself sends by its own devices."""
    kernel, model = rig.to_outside(frame), rig.model.to_outside(frame)
    assert kernel == model, frame.hex()
    return kernel


def both_overlay(rig: Rig, vni: int, vtep: str, frame: bytes) -> Verdict:
    kernel = rig.from_overlay(vni, vtep, frame)
    model = rig.model.from_overlay(vni, vtep, frame)
    assert kernel == model, frame.hex()
    return kernel
