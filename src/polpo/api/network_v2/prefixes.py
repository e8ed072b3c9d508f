"""Sets of prefixes: what is inside, what overlaps, what is free. Pure."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

Prefix = IPv4Network | IPv6Network


def compact(given: Iterable[str]) -> tuple[str, ...]:
    """The same addresses in as few prefixes as can be, sorted; all of one family."""
    return tuple(str(p) for p in collapse_addresses(ip_network(g) for g in given))  # type: ignore[type-var]


def contained(pool: Iterable[str], cidr: str) -> bool:
    """Whether the prefix is inside one of the pool's (which are compact)."""
    inner = ip_network(cidr)
    return any(_inside(inner, ip_network(outer)) for outer in compact(pool))


def overlapping(some: Iterable[str], others: Iterable[str]) -> bool:
    ours = [ip_network(s) for s in some]
    theirs = [ip_network(o) for o in others]
    return any(a.version == b.version and a.overlaps(b) for a in ours for b in theirs)


def without(pool: Iterable[str], taken: Iterable[str]) -> tuple[str, ...]:
    """What is left of the pool, compact."""
    free: list[Prefix] = [ip_network(p) for p in compact(pool)]
    for used in (ip_network(t) for t in taken):
        free = [rest for block in free for rest in _cut_out(block, used)]
    return compact(str(f) for f in free)


def first_free(pool: Iterable[str], taken: Iterable[str], length: int) -> str | None:
    """A prefix of the length, from the smallest free block that holds one."""
    blocks = [ip_network(f) for f in without(pool, taken)]
    fitting = [b for b in blocks if b.prefixlen <= length]
    if not fitting:
        return None
    block = max(fitting, key=lambda b: b.prefixlen)
    return f"{block.network_address}/{length}"


def _cut_out(block: Prefix, used: Prefix) -> Iterable[Prefix]:
    if block.version != used.version or not block.overlaps(used):
        return [block]
    if _inside(block, used):
        return []
    return list(block.address_exclude(used))  # type: ignore[arg-type]


def _inside(inner: Prefix, outer: Prefix) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
