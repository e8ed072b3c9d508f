"""Limits of floating IPs: one limit of nftables for each direction and address. Pure.

They have a table of their own, because they remember how much has passed: it is changed by what
has changed, where the rules (`ruleset.py`) are written whole. Maps by address lead to them, so that
a thousand cost a packet no more than one. What is over a limit is dropped: in what comes, before
anything has been made of it; in what goes, after translation. The bucket that nftables makes of
`rate R burst B` holds R·1 s + B.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from polpo.target.rows import FloatingLimits, Gateway, Limit

TABLE = "inet polpo-limits"
BYTES = 125  # in a kilobit
LEAST_BUCKET = 1 << 16  # bytes: a packet that stands for several (GRO) must fit in
MOST_RATE = 1 << 33  # bytes a second; the kernel can't count many more, nor see so many here
MOST_BURST = (1 << 32) - 1
MAPS = {"in": "received", "out": "sent"}
CHAINS = (
    "chain receiving { type filter hook prerouting priority raw - 10; policy accept;",
    f"limit name ip daddr map @{MAPS['in']} drop",
    "}",
    "chain sending { type filter hook postrouting priority srcnat + 20; policy accept;",
    f"limit name ip saddr map @{MAPS['out']} drop",
    "}",
)
Key = tuple[str, IPv4Address]  # direction, address
Rates = dict[Key, tuple[int, int]]  # bytes a second, more of them at once


def written(gateway: Gateway) -> str:
    """The table anew. ValueError if the row makes no sense."""
    rates = _rates(gateway.limits)
    lines = [f"table {TABLE}", f"delete table {TABLE}"]
    if rates:
        maps = (f"map {name} {{ type ipv4_addr : limit; }}" for name in MAPS.values())
        lines += [f"table {TABLE} {{", *maps, *CHAINS, "}"]
    return _text([*lines, *_put(rates)])


def changed(before: Gateway, now: Gateway) -> str:
    """From one to the other; the limits that are in both do not notice."""
    old, new = _rates(before.limits), _rates(now.limits)
    if not old or not new:
        return written(now) if old or new else ""
    gone = {key: rate for key, rate in old.items() if new.get(key) != rate}
    come = {key: rate for key, rate in new.items() if old.get(key) != rate}
    return _text([*_elements("delete", gone), *_put(come), *_objects("delete", gone)])


def _put(rates: Rates) -> Iterator[str]:
    yield from _objects("add", rates)
    yield from _elements("add", rates)


def _objects(verb: str, rates: Rates) -> Iterator[str]:
    for key, (rate, burst) in rates.items():
        name = f"{verb} limit {TABLE} {_name(key, (rate, burst))}"
        says = f" {{ rate over {rate} bytes/second burst {burst} bytes; }}"
        yield name if verb == "delete" else name + says


def _elements(verb: str, rates: Rates) -> Iterator[str]:
    for direction, name in MAPS.items():
        elements = [
            str(key[1]) + (f' : "{_name(key, rate)}"' if verb == "add" else "")
            for key, rate in rates.items()
            if key[0] == direction
        ]
        if elements:
            yield f"{verb} element {TABLE} {name} {{ {', '.join(elements)} }}"


def _name(key: Key, rate: tuple[int, int]) -> str:
    """With the rate: one that is changed is another limit, as nftables can't change one."""
    direction, address = key
    return f"{direction}-{address}-{rate[0]}-{rate[1]}"


def _rates(limits: Iterable[FloatingLimits]) -> Rates:
    found: Rates = {}
    for of in limits:
        for direction, limit in (("in", of.ingress), ("out", of.egress)):
            if limit is not None and (rate := _rate(limit)):
                found[direction, IPv4Address(of.address)] = rate
    return found


def _rate(limit: Limit) -> tuple[int, int] | None:
    """None for more than can be counted."""
    rate = limit.kbps * BYTES
    if rate <= 0:
        raise ValueError(f"a limit of {limit.kbps} kbit/s")
    bucket = max(limit.burst_kbit * BYTES, LEAST_BUCKET)
    return (rate, min(max(0, bucket - rate), MOST_BURST)) if rate <= MOST_RATE else None


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
