"""Rules of a policy -> entries of `prefixes`, `peers` and `classes`. Pure.

A *class* is a set of (protocol, low, high) with what rules say of each, numbered by its content:
what may pass to or from one remote. The longest prefix wins in the kernel, so its class holds the
rules of the shorter prefixes that cover it as well. A port range becomes the few prefixes that make
it up, each with the first word of all the rules that cover it (tiers.py).

In the tables a policy goes by its *version*, a number taken from its rules: changed rules are
written beside the old ones, and ports move to them in one write each, never half way.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from polpo.dataplane.tables import (
    ANY4,
    ANY6,
    CLASS_KEY,
    PEER_KEY,
    PREFIX_KEY,
    U64,
    VERDICT,
    Side,
    pack_port,
    pack_prefix,
)
from polpo.dataplane.tiers import PLAIN, SILENCE, Verdict, first, is_plain, verdict_of
from polpo.target.rows import GroupSet, Policy, Rule

Entry = tuple[str, bytes, bytes]
"""table, key, value"""
What = tuple[int, int, int]
"""protocol (-1 for any), lowest and highest port (ICMP: type << 8 | code)"""

Said = tuple[What, Verdict]
ByGroup = dict[str, list[tuple[Side, Said]]]

ICMP = (1, 58)
_NO_PORT = bytes(2)


def version_of(policy: Policy) -> int:
    """The policy's number in the tables: another when its rules are others. 64 bits, never 0."""
    digest = hashlib.blake2b(msgspec.json.encode(policy), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def policy_entries(policy: Policy, version: int) -> Iterator[Entry]:
    """What a policy allows by the remote's address."""
    for side, rules in _by_side(policy):
        own = [(rule, said) for rule, said in rules if rule.group is None]
        for (address, length), saids in _by_prefix(own, side).items():
            number, entries = class_of(saids)
            key = PREFIX_KEY.pack(96 + length, side, version, address)
            yield "prefixes", key, U64.pack(number)
            yield from entries


def by_group(policy: Policy) -> ByGroup:
    """Its rules about groups: asked for each set of groups that there is, so found at once."""
    found: ByGroup = defaultdict(list)
    for side, rules in _by_side(policy):
        for rule, said in rules:
            if rule.group is not None:
                found[rule.group].append((side, said))
    return dict(found)


def peer_entries(rules: ByGroup, version: int, groups: GroupSet) -> Iterator[Entry]:
    """What a policy allows by the remote's security groups."""
    known = [said for group in groups.groups if group in rules for said in rules[group]]
    for side in sorted({side for side, _ in known}):
        number, entries = class_of(frozenset(said for at, said in known if at == side))
        key = PEER_KEY.pack(version, groups.number, side)
        yield "peers", key, U64.pack(number)
        yield from entries


def _by_side(policy: Policy) -> Iterator[tuple[Side, list[tuple[Rule, Said]]]]:
    """Rules that all allow need no order: the first that is found decides."""
    for side in map(Side, range(4)):
        rules = [rule for rule in policy.rules if side_of(rule) == side]
        plain = all(map(is_plain, rules))
        yield side, [(r, (what_of(r), PLAIN if plain else verdict_of(r))) for r in rules]


def side_of(rule: Rule) -> Side:
    direction = Side.INGRESS if rule.ingress else Side.EGRESS
    return direction | (Side.IPV6 if rule.family == 6 else Side.INGRESS)


def what_of(rule: Rule) -> What:
    """The kind of traffic that a rule is about."""
    if rule.protocol is None:
        return -1, 0, 0xFFFF
    if rule.protocol in ICMP:
        return _icmp(rule.protocol, rule.low, rule.high)
    low = 0 if rule.low is None else rule.low
    return rule.protocol, low, 0xFFFF if rule.high is None else rule.high


def _icmp(protocol: int, kind: int | None, code: int | None) -> What:
    if kind is None:
        return protocol, 0, 0xFFFF
    if code is None:
        return protocol, kind << 8, kind << 8 | 0xFF
    return protocol, kind << 8 | code, kind << 8 | code


@lru_cache(maxsize=4096)
def class_of(saids: frozenset[Said]) -> tuple[int, tuple[Entry, ...]]:
    """Number and entries of a class."""
    digest = hashlib.blake2b(repr(sorted(saids)).encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return number, tuple(_class_entries(number, saids))


Span = tuple[int, int, int]
"""protocol (-1 for any), port, prefix length of 16 bits"""


def _class_entries(number: int, saids: frozenset[Said]) -> Iterator[Entry]:
    spans: dict[Span, Verdict] = {}
    for (protocol, low, high), verdict in saids:
        for port, length in port_prefixes(low, high):
            span = protocol, port, length
            spans[span] = first(verdict, spans.get(span, SILENCE))
    for span in sorted(spans):
        verdict = first(*(spans.get(around, SILENCE) for around in _spans_around(span)))
        yield "classes", _class_key(number, *span), VERDICT.pack(*verdict)


def _spans_around(span: Span) -> Iterator[Span]:
    """The span itself and all that contain it."""
    protocol, port, length = span
    yield -1, 0, 0
    for shorter in range(length + 1):
        yield protocol, port >> (16 - shorter) << (16 - shorter), shorter


def _class_key(number: int, protocol: int, port: int, length: int) -> bytes:
    if protocol < 0:
        return CLASS_KEY.pack(96, number, 0, _NO_PORT)
    return CLASS_KEY.pack(112 + length, number, protocol, pack_port(port))


def port_prefixes(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The fewest (port, prefix length of 16 bits) that make up low..high."""
    while low <= high:
        size = low & -low or 0x10000
        while low + size - 1 > high:
            size >>= 1
        yield low, 17 - size.bit_length()
        low += size


Prefix = tuple[bytes, int]


def _by_prefix(rules: Iterable[tuple[Rule, Said]], side: Side) -> dict[Prefix, frozenset[Said]]:
    own: dict[Prefix, set[Said]] = defaultdict(set)
    for rule, said in rules:
        own[_prefix_of(rule, side)].add(said)
    lengths = {length for _, length in own}
    return {
        prefix: frozenset().union(*(own.get(around, ()) for around in _covering(prefix, lengths)))
        for prefix in own
    }


def _prefix_of(rule: Rule, side: Side) -> Prefix:
    if rule.prefix is None:
        return (ANY6, 0) if side & Side.IPV6 else (ANY4, 96)
    return _masked(*pack_prefix(rule.prefix))


def _covering(prefix: Prefix, lengths: Iterable[int]) -> Iterator[Prefix]:
    """The prefix itself and all shorter ones that contain it."""
    address, length = prefix
    return (_masked(address, shorter) for shorter in lengths if shorter <= length)


def _masked(address: bytes, length: int) -> Prefix:
    bits = int.from_bytes(address, "big") >> (128 - length) << (128 - length)
    return bits.to_bytes(16, "big"), length
