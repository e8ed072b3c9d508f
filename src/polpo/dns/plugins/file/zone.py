"""A zone as RFC 1034 4.3.2 looks into it: names, delegations, wildcards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from polpo.dns.wire.name import parent, prepend
from polpo.dns.wire.record import Record, Type

Records = tuple[Record, ...]
_MOST_ALIASES = 8


class Found(NamedTuple):
    """What is there: `exists` False means NXDOMAIN; `target` is an alias's that is not in the zone;
    `referral` are the NS records of a zone below."""

    exists: bool
    answer: Records = ()
    target: bytes = b""
    referral: Records = ()


class Zone:
    """Records by name and type. Names between the apex and others exist, though they are empty."""

    def __init__(self, origin: bytes, records: Iterable[Record]) -> None:
        self.origin = origin
        self.names: dict[bytes, dict[int, Records]] = {}
        for record in records:
            types = self.names.setdefault(record.owner, {})
            types[record.type] = (*types.get(record.type, ()), record)
        for name in list(self.names):
            above = parent(name)
            while len(above) > len(origin) and above not in self.names:
                self.names[above] = {}
                above = parent(above)
        self._has_cuts = any(
            Type.NS in types for name, types in self.names.items() if name != origin
        )
        self._has_wildcards = any(name.startswith(b"\1*") for name in self.names)
        apex = self.names.get(origin, {})
        self.soa = apex.get(Type.SOA, ())
        self.servers = apex.get(Type.NS, ())

    def all_records(self) -> Records:
        """The SOA first, as a transfer has them."""
        rest = [
            record
            for types in self.names.values()
            for records in types.values()
            for record in records
            if record.type != Type.SOA
        ]
        return (*self.soa, *rest)

    def find(self, name: bytes, type: int) -> Found:
        """Follow aliases as far as they are within the zone."""
        answer: Records = ()
        for _ in range(_MOST_ALIASES):
            found = self._find_one(name, type)
            answer += found.answer
            if not found.target:
                return found._replace(answer=answer, exists=found.exists or bool(answer))
            if not self._holds(found.target):
                return found._replace(answer=answer)
            name = found.target
        return Found(True, answer)

    def _find_one(self, name: bytes, type: int) -> Found:
        referral = self._delegation(name, type)
        if referral:
            return Found(True, referral=referral)
        types = self.names.get(name)
        if types is None:
            types = self._wildcard(name)
            if types is None:
                return Found(False)
            types = {t: tuple(r._replace(owner=name) for r in rs) for t, rs in types.items()}
        if type == Type.ANY:
            return Found(True, tuple(r for records in types.values() for r in records))
        if type in types:
            return Found(True, types[type])
        alias = types.get(Type.CNAME, ())
        if alias:
            return Found(True, alias, target=alias[0].data.lower())
        return Found(True)

    def _delegation(self, name: bytes, type: int) -> Records:
        """The NS records of the highest zone cut at or above the name."""
        cut: Records = ()
        while self._has_cuts and len(name) > len(self.origin):
            types = self.names.get(name)
            if types and Type.NS in types:
                cut = types[Type.NS]
            name = parent(name)
        return cut

    def _wildcard(self, name: bytes) -> dict[int, Records] | None:
        """`*` under the closest name that exists (RFC 4592 3.3)."""
        above = parent(name)
        while self._has_wildcards and len(above) >= len(self.origin):
            found = self.names.get(prepend(b"*", above)) if len(above) < 250 else None
            if found is not None:
                return found
            if above in self.names:
                return None
            above = parent(above)
        return None

    def _holds(self, name: bytes) -> bool:
        return name.endswith(self.origin) and (
            name in self.names or self._wildcard(name) is not None or name == self.origin
        )

    def glue(self, records: Iterable[Record]) -> Records:
        """Addresses of the hosts that NS, SRV and MX records name."""
        before = {Type.NS: 0, Type.SRV: 6, Type.MX: 2}
        hosts = {r.data[before[Type(r.type)] :].lower(): 0 for r in records if r.type in before}
        found: Records = ()
        for host in hosts:
            types = self.names.get(host, {})
            found += types.get(Type.A, ()) + types.get(Type.AAAA, ())
        return found
