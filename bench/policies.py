"""1,000 NetworkPolicies over 10,000 pods on 100 hosts: one more pod, from its event to the kernel.

The whole way but for the wire: what `polpo policy` says of a new pod, what the controller compiles
of it, and what the pod's host writes to a real switch. ADD returns after that: so long a pod waits
for its policies. At a hundred policies over 1,000 pods besides, to see what grows.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from msgspec.structs import replace

from bench.loop import figure
from polpo.compiler.changes import slice_changes
from polpo.compiler.slices import all_slices
from polpo.compiler.view import View
from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.tables import ORDER
from polpo.kernel import bpf
from polpo.kube.objects import Meta
from polpo.kube.reflection import Change as Event
from polpo.kube.selectors import LabelSelector
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.object import Object
from polpo.model.port import FixedIP, Port
from polpo.model.security_group import SecurityGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.policy import objects
from polpo.policy.index import Index
from polpo.policy.telling import Telling
from polpo.runtime import garbage

HOSTS, KINDS, TRIES, OWN = 100, 10, 50, "h0"
SIZES = (10, 100)  # namespaces, of 100 pods and 10 policies each
Row = dict[str, Any]


def run() -> list[Row]:
    """Nothing where we may not load programs."""
    if os.geteuid() != 0:
        return []
    garbage.unhurried()  # as the programs
    return [row for size in SIZES for row in _measured(size)]


def _measured(namespaces: int) -> Iterator[Row]:
    pods, what = 100 * namespaces, f"policies: {KINDS * namespaces} over {100 * namespaces} pods"
    index, telling = Index(), None
    begun = time.perf_counter()
    index.namespaces([Event(f"n{n}", _namespace(n)) for n in range(namespaces)])
    index.policies(
        [Event(f"n{n}/p{k}", _policy(n, k)) for n in range(namespaces) for k in range(KINDS)]
    )
    index.pods([Event(f"n{n % namespaces}/d{n}", _pod(n, namespaces)) for n in range(pods)])
    telling = Telling(index, (), ())
    told = _told(telling)
    yield figure(f"{what}: all that polpo policy says", time.perf_counter() - begun, "s")
    network = Network(id="N", vni=7, mtu=1400)
    hosts = [
        Host(id=f"H{n}", name=f"h{n}", address=f"192.0.2.{n}", token_hash=str(n))
        for n in range(HOSTS)
    ]
    groups = [made for group in told["groups"] for made in _group(group)]
    ports = [_port(n, told["pods"][f"n{n % namespaces}/d{n}"]) for n in range(pods)]
    waiting = [_port(pods + n * HOSTS, ()) for n in range(TRIES)]
    snapshot = Snapshot.of([network, *hosts, *groups, *ports, *waiting], 1)
    with _Switch(snapshot) as switch:
        yield figure(f"{what}: one host's kernel filled", switch.filled_s, "s")
        said, compiled, written = list[float](), list[float](), list[float]()
        rows: list[int] = []
        for port in waiting:
            name = f"n{(pods + len(rows)) % namespaces}/d{pods + len(rows)}"
            begun = time.perf_counter()
            index.pods([Event(name, _pod(pods + len(rows), namespaces))])
            batch = telling.next()
            telling.told(batch)
            said.append(time.perf_counter() - begun)
            (membership,) = batch.pods
            assert not batch.groups
            after = replace(port, security_groups=_ids(membership.groups), device_id="s", wiring=2)
            took_s, changed = switch.compile(port, after)
            compiled.append(took_s)
            rows.append(sum(map(len, changed.values())))
            written.append(switch.write(changed))
    for part, took in (("said", said), ("compiled", compiled), ("written by its host", written)):
        yield figure(f"{what}: one more pod, {part}", 1000 * statistics.median(took), "ms")
    yield figure(f"{what}: rows of one more pod, at most", max(rows), "rows")


def _told(telling: Telling) -> dict[str, Any]:
    found: dict[str, Any] = {"groups": [], "pods": {}}
    while not telling.is_done:
        batch = telling.next()
        telling.told(batch)
        found["groups"] += batch.groups
        found["pods"] |= {pod.name: pod.groups for pod in batch.pods}
    return found


class _Switch:
    """A host's, with all that the snapshot says of it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._view, self._folder = (
            View(snapshot),
            tempfile.TemporaryDirectory(prefix="polpo-bench-"),
        )
        self._entries = Entries(vtep="192.0.2.0", vxlan=1)

    def __enter__(self) -> "_Switch":
        directory = Path(self._folder.name)
        bpf.mount(directory)
        self._switch = bpf.load(directory)
        slices = all_slices(self._view.snapshot)
        own = self._view.snapshot.by(Port, "host", OWN)
        begun = time.perf_counter()
        self._entries.set_plugs({port.id: Plug(ifindex=100 + n) for n, port in enumerate(own)})
        for name in ("hosts", f"host/{OWN}", "network/7"):
            self._entries.apply(name, tuple(slices[name].values()), ())
        for name in ORDER:
            self._switch.tables[name].put(self._entries.full[name])
        self._entries.take_touched()
        self.filled_s = time.perf_counter() - begun
        return self

    def compile(self, before: Object, after: Object) -> tuple[float, Any]:
        """Seconds, and the rows that all hosts together get, a shared one counted once."""
        change = Change(revision=2, before=before, after=after)
        begun = time.perf_counter()
        view = self._view.after(self._view.snapshot.put(after), [change])
        found = slice_changes(self._view, view, [change])
        took_s = time.perf_counter() - begun
        self._view = view
        return took_s, found

    def write(self, changed: Any) -> float:
        """Seconds until the kernel has it."""
        begun = time.perf_counter()
        for name, rows in changed.items():
            gone = tuple(key for key, row in rows.items() if row is None)
            self._entries.apply(name, tuple(row for row in rows.values() if row), gone)
        touched = self._entries.take_touched()
        for name in ORDER:
            full = self._entries.full[name]
            put = {key: full[key] for key in touched.get(name, ()) if key in full}
            self._switch.tables[name].put(put)
        return time.perf_counter() - begun

    def __exit__(self, *_: object) -> None:
        self._switch.close()
        bpf.unmount(Path(self._folder.name))
        self._folder.cleanup()


def _namespace(n: int) -> objects.Namespace:
    return objects.Namespace(Meta(name=f"n{n}", labels={"name": f"n{n}"}))


def _policy(n: int, k: int) -> objects.NetworkPolicy:
    """Lets one kind of pods be reached by the next kind of the same namespace, and by another's."""
    there = objects.Peer(pod_selector=_kind(k + 1))
    elsewhere = objects.Peer(
        pod_selector=_kind(k), namespace_selector=LabelSelector(match_labels={"name": f"n{n + 1}"})
    )
    rule = objects.Ingress(ports=(objects.Port(port=8000 + k),), peers=(there, elsewhere))
    spec = objects.PolicySpec(pod_selector=_kind(k), ingress=(rule,))
    return objects.NetworkPolicy(Meta(name=f"p{k}", namespace=f"n{n}"), spec)


def _kind(k: int) -> LabelSelector:
    return LabelSelector(match_labels={"app": f"a{k % KINDS}"})


def _pod(n: int, namespaces: int) -> objects.Pod:
    """Pods of one namespace are of all kinds, and on all hosts."""
    labels = {"app": f"a{n // namespaces % KINDS}"}
    meta = Meta(name=f"d{n}", namespace=f"n{n % namespaces}", labels=labels, uid=f"u{n}")
    return objects.Pod(meta)


def _ids(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(str(uuid5(NAMESPACE_OID, key)) for key in keys))


def _group(group: Any) -> Iterator[Object]:
    (id,) = _ids((group.key,))
    yield SecurityGroup(id=id, name=group.key)
    for n, rule in enumerate(group.rules):
        yield SecurityGroupRule(
            id=f"{id} {n}",
            security_group_id=id,
            direction=rule.direction,
            ethertype=rule.ethertype,
            protocol=rule.protocol or None,
            port_range_min=rule.port_range_min or None,
            port_range_max=rule.port_range_max or None,
            remote_group_id=_ids((rule.remote_group,))[0] if rule.remote_group else None,
        )


def _port(n: int, keys: tuple[str, ...]) -> Port:
    return Port(
        id=f"{n:08x}-1111-4000-8000-000000000000",
        network_id="N",
        mac_address=f"fa:16:3f:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
        fixed_ips=(FixedIP("S", f"10.{100 + (n >> 16)}.{n >> 8 & 255}.{n & 255}"),),
        host=f"h{n % HOSTS}",
        security_groups=_ids(keys),
    )
