"""Maps: their files, and the commands that lead from one state to another at run time. Pure.

What is new is added before what is gone is removed: a request in between finds one or the other.
Shares have ranges as keys; they change at once (`prepare`, `commit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from polpo.ingress.table import GRAIN, Table

Maps = dict[str, dict[str, str]]
WHOLE = ("splits",)
HOSTS, DEEP = "hosts-", "deep-"
AT_ONCE = 100  # lines in one command: a thread of HAProxy has to read them


def maps(table: Table) -> Maps:
    """By the name of its file."""
    found: Maps = {
        "exact": table.exact,
        "prefix": table.prefix,
        "regex": table.regex,
        "bases": {},
        "splits": {},
    }
    for door, hosts in table.hosts.items():
        found[hosts_map(door)] = hosts
    for door, hosts in table.deep.items():
        found[deep_map(door)] = dict(sorted(hosts.items(), key=lambda x: (-len(x[0]), x[0])))
    for number, (name, shares) in enumerate(sorted(table.splits.items())):
        found["bases"][name] = str(number * GRAIN)
        at = number * GRAIN
        for backend, grains in shares:
            if grains:
                found["splits"][f"{at}:{at + grains - 1}"] = backend
            at += grains
    return found


def hosts_map(door: str) -> str:
    return f"{HOSTS}{door}"


def deep_map(door: str) -> str:
    """Whose keys are ends of names: the longest comes first."""
    return f"{DEEP}{door}"


def content(lines: Mapping[str, str]) -> str:
    return "".join(f"{key} {value}\n" for key, value in lines.items())


def commands(folder: Path, before: Maps, after: Maps) -> Iterator[str] | None:
    """None if only a reload can do it: where the order of lines counts."""
    changed = [name for name in after if before.get(name) != after[name]]
    ordered = [name for name in changed if name == "regex" or name.startswith(DEEP)]
    if ordered or before.keys() != after.keys() or before["bases"] != after["bases"]:
        return None
    return _all(folder, before, after, changed)


def _all(folder: Path, before: Maps, after: Maps, changed: list[str]) -> Iterator[str]:
    changed = sorted(changed, key=lambda name: name.startswith(HOSTS))  # paths before their hosts
    for name in changed:
        file = folder / f"{name}.map"
        if name in WHOLE:
            yield f"prepare map {file}"
            yield from _added(f"@{{version}} {file}", after[name])
            yield f"commit map @{{version}} {file}"
            continue
        old, new = before[name], after[name]
        yield from _added(str(file), {k: v for k, v in new.items() if k not in old})
        for key, value in new.items():
            if key in old and old[key] != value:
                yield f"set map {file} {_escaped(key)} {value}"
    for name in reversed(changed):
        if name not in WHOLE:
            for key in before[name].keys() - after[name].keys():
                yield f"del map {folder / f'{name}.map'} {_escaped(key)}"


def _added(what: str, lines: Mapping[str, str]) -> Iterator[str]:
    listed = list(lines.items())
    for first in range(0, len(listed), AT_ONCE):
        yield f"add map {what} <<\n{content(dict(listed[first : first + AT_ONCE]))}"


def _escaped(key: str) -> str:
    """Management Guide, 9.3: `;` ends a command, a backslash takes the next as it is."""
    return key.replace("\\", "\\\\").replace(";", "\\;").replace(" ", "\\ ")
