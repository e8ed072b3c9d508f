"""Certificates: their files, who is shown which, and how they change at run time.

A certificate that is renewed, one more and one less need no reload (Management Guide, 9.3: `set`,
`commit`, `new ssl cert`, `add ssl crt-list`); another choice of names does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from polpo.ingress.plan import EVERY_HOST, Certificate, Door, Plan
from polpo.ingress.proxy.settings import Settings

FIRST = "default"
"""The name of the one that is shown to who asks for none of the names."""
LARGEST = 12_000  # characters that fit into a command


def crt_list(settings: Settings, door: Door) -> Path:
    return settings.place / f"{'doors' if door.shared else door.name}.crt-list"


def path(settings: Settings, certificate: Certificate) -> Path:
    return settings.certificates / f"{certificate.name}.pem"


def ca_path(settings: Settings, certificate: Certificate) -> Path:
    return settings.certificates / f"{certificate.name}.ca.pem"


def lists(plan: Plan, settings: Settings) -> dict[Path, list[str]]:
    """Lines of each list. The first certificate is the default one."""
    found: dict[Path, list[str]] = {}
    for door in plan.doors:
        if door.tls:
            tag = "" if door.shared else door.name
            own = [c for c in plan.certificates if c.door == tag or c.name == FIRST]
            own.sort(key=lambda c: (EVERY_HOST not in c.hosts, c.name != FIRST, c.name))
            found[crt_list(settings, door)] = [_line(c, settings) for c in own]
    return found


def _line(certificate: Certificate, settings: Settings) -> str:
    words = [str(path(settings, certificate))]
    if certificate.ca:
        ca = ca_path(settings, certificate)
        words.append(f"[alpn h2,http/1.1 ca-file {ca} verify {certificate.verify}]")
    return " ".join([*words, *(host for host in certificate.hosts if host != EVERY_HOST)])


def commands(before: Plan, after: Plan, settings: Settings) -> Iterator[str] | None:
    """None if only a reload can do it: as where a list begins with another one."""
    old = {c.name: c for c in before.certificates}
    new = {c.name: c for c in after.certificates}
    for name in old.keys() & new.keys():
        a, b = old[name], new[name]
        if (a.hosts, a.door, a.ca, a.verify) != (b.hosts, b.door, b.ca, b.verify):
            return None
    if any(len(c.pem) > LARGEST for c in after.certificates if old.get(c.name) != c):
        return None
    if before.doors != after.doors:
        return None
    if any(
        EVERY_HOST in c.hosts
        for c in [*old.values(), *new.values()]
        if c.name not in old or c.name not in new
    ):
        return None
    return _all(old, new, after, settings)


def _all(
    old: dict[str, Certificate], new: dict[str, Certificate], after: Plan, settings: Settings
) -> Iterator[str]:
    for name, certificate in sorted(new.items()):
        if old.get(name) == certificate:
            continue
        file = path(settings, certificate)
        if name not in old:
            yield f"new ssl cert {file}"
        yield f"set ssl cert {file} <<\n{text(certificate.pem)}"
        yield f"commit ssl cert {file}"
        if name not in old:
            for door in _lists_of(certificate, after, settings):
                yield f"add ssl crt-list {door} <<\n{_line(certificate, settings)}\n"
    for name in sorted(old.keys() - new.keys()):
        gone = old[name]
        for door in _lists_of(gone, after, settings):
            yield f"del ssl crt-list {door} {path(settings, gone)}"
        yield f"del ssl cert {path(settings, gone)}"


def _lists_of(certificate: Certificate, plan: Plan, settings: Settings) -> Iterable[Path]:
    tls = [door for door in plan.doors if door.tls]
    return {crt_list(settings, d) for d in tls if certificate.door == ("" if d.shared else d.name)}


def text(pem: str) -> str:
    """Without empty lines: one would end the command."""
    return "".join(f"{line}\n" for line in pem.splitlines() if line.strip())
