"""Questions to the `kubernetes` plugin as text, and what it answers as text: no sockets.

Text is what dig shows: "web.default.svc.cluster.local. 5 A 10.0.0.1".
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.corefile.parse import parse
from polpo.dns.counts import Counts
from polpo.dns.handing import Through
from polpo.dns.plugins.kubernetes import handler, setup
from polpo.dns.plugins.kubernetes.batch import batches
from polpo.dns.plugins.kubernetes.index import Index
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.query import Answer, Facts, Query
from polpo.dns.turn import Turn
from polpo.dns.wire.name import from_text, to_text
from polpo.dns.wire.record import Rcode, Record, Reply, Type
from polpo.kube import objects
from polpo.testing.kubernetes.objects import Object

KINDS: dict[str, tuple[Any, Callable[[Index, str, Any], None]]] = {
    "Namespace": (objects.Namespace, Index.namespace),
    "Service": (objects.Service, Index.service),
    "EndpointSlice": (objects.EndpointSlice, Index.slice),
    "Pod": (objects.Pod, Index.pod),
    "ServiceImport": (objects.ServiceImport, Index.service_import),
}


class Shown(NamedTuple):
    """A reply in words."""

    rcode: str
    answer: list[str]
    authority: list[str]
    additional: list[str]


class Here:
    """A worker's place with nothing around. `elsewhere` is what other plugins would answer: for a
    name and type as text an rcode and records; the rest is refused."""

    def __init__(self, zones: tuple[bytes, ...] = (), elsewhere: Mapping[str, Any] = {}) -> None:
        self.zones, self.server, self.counts = zones, "dns://:53", Counts()
        self.receive: Callable[[bytes], Iterable[bytes]] = lambda message: ()
        self.services: dict[str, Any] = {}
        self._elsewhere = elsewhere
        self.turn = Turn(lambda call: call())
        self.view = ""
        self.facts = Facts()
        self.describe = self.facts.says.__setitem__
        self.describe_family = self.facts.families.__setitem__
        self.hands_on: Callable[[str, Through], None] = lambda plugin, through: None

    def now(self) -> float:
        return 0.0

    def later(self, delay_s: float, call: Callable[[], None]) -> Callable[[], None]:
        return lambda: None

    def at_end(self, call: Callable[[], None]) -> None:
        """It does not end."""

    def resolve(self, query: Query, answer: Answer) -> None:
        rcode, *lines = self._elsewhere.get(question(query), ["REFUSED"])
        records = tuple(map(record, lines))
        answer(Reply(Rcode[rcode], records, authoritative=False, plugin="forward"))

    def fed(self, plugin: str, receive: Callable[[bytes], Iterable[bytes]]) -> None:
        self.receive = receive

    def tell(self, plugin: str, message: bytes) -> bool:
        return False

    def provide(self, plugin: str, service: object) -> None:
        self.services[plugin] = service

    def provided(self, plugin: str) -> Any:
        return self.services.get(plugin)

    def say(self, words: str) -> None:
        pass


class Asked:
    """The plugin of a Corefile's first block, over objects that are all known (or not `synced`)."""

    def __init__(
        self,
        corefile: str,
        items: Iterable[Object] = (),
        *,
        addresses: Iterable[str] = (),
        elsewhere: Mapping[str, Any] = {},
        synced: bool = True,
    ) -> None:
        self.block: ServerBlock = parse(corefile)[0]
        self.options: Options = setup.parse(self.block.named("kubernetes"), self.block)
        with_labels = bool(self.block.named("metadata"))
        self.index = Index(self.options, addresses, with_labels=with_labels)
        self.place = Here(self.block.zones, elsewhere)
        self.handle = handler.make(self.options, self.place.resolve, self.place)
        put(self.index, items)
        self.tell(synced=synced)

    def tell(self, *, synced: bool = False, serial: int = 1) -> set[bytes]:
        """Have the handler know what has changed; answers with the names that it says changed."""
        changed: set[bytes] = set()
        changes = self.index.settle(serial)
        for message in batches(changes.items(), self.index.take_clients(), synced=synced):
            changed |= set(self.place.receive(message))
        return changed

    @property
    def store(self) -> Store:
        """What the handler knows."""
        store: Store = self.place.provided("kubernetes")
        return store

    @property
    def table(self) -> dict[bytes, tuple[Record, ...]]:
        """The same, as records."""
        return {name: self.store.records(name) for name in self.store.names}

    def gone(self, item: Object) -> None:
        """An object is there no more."""
        _, method = KINDS[item["kind"]]
        method(self.index, _key(item), None)

    def reply(self, text: str) -> Reply:
        """To a question such as "web.default.svc.cluster.local A"."""
        return self.replied(text)[1]

    def replied(self, text: str) -> tuple[Query, Reply]:
        name, type = text.split()
        query = Query(from_text(name), Type[type])
        replies: list[Reply] = []
        self.handle(query, replies.append)
        (reply,) = replies
        return query, reply

    def shown(self, text: str) -> Shown:
        return shown(self.reply(text))


def put(index: Index, items: Iterable[Object]) -> None:
    """Objects as their JSON."""
    for item in items:
        kind, method = KINDS[item["kind"]]
        method(index, _key(item), msgspec.convert(item, kind))


def _key(item: Object) -> str:
    meta = item["metadata"]
    return "/".join(filter(None, (meta.get("namespace"), meta["name"])))


def shown(reply: Reply) -> Shown:
    sections = (reply.answer, reply.authority, reply.additional)
    return Shown(Rcode(reply.rcode).name, *([line(r) for r in section] for section in sections))


def question(query: Query) -> str:
    """As it is asked; a type without a name as a number."""
    names = {int(type): type.name for type in Type}
    return f"{to_text(query.name)} {names.get(query.type, query.type)}"


def line(record: Record) -> str:
    """A record as a zone file has it, without its class."""
    return f"{to_text(record.owner)} {record.ttl_s} {Type(record.type).name} {_data(record)}"


def _data(record: Record) -> str:
    data = record.data
    if record.type in (Type.A, Type.AAAA):
        return str(ipaddress.ip_address(data))
    if record.type == Type.SRV:
        return " ".join(map(str, struct.unpack("!HHH", data[:6]))) + " " + to_text(data[6:])
    if record.type == Type.TXT:
        return f'"{data[1:].decode()}"'
    if record.type == Type.SOA:
        server, mailbox = _two_names(data[:-20])
        return " ".join([server, mailbox, *map(str, struct.unpack("!IIIII", data[-20:]))])
    return to_text(data)


def _two_names(data: bytes) -> tuple[str, str]:
    at = 0
    while data[at]:
        at += 1 + data[at]
    return to_text(data[: at + 1]), to_text(data[at + 1 :])


def record(text: str) -> Record:
    """The other way, for addresses and names."""
    owner, ttl_s, type, data = text.split()
    if type in ("A", "AAAA"):
        return Record(from_text(owner), Type[type], int(ttl_s), ipaddress.ip_address(data).packed)
    return Record(from_text(owner), Type[type], int(ttl_s), from_text(data))
