"""What the application is asked for: another path, another host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from polpo.ingress.annotations import Annotations
from polpo.ingress.features.asking import Asking
from polpo.ingress.plan import Feature
from polpo.ingress.regex import groups
from polpo.ingress.wrong import Wrong
from polpo.kernel.haproxy.words import fmt, word

KEYS = ("rewrite-target", "use-regex", "x-forwarded-prefix", "upstream-vhost")
GUARDS = False
_REFERENCE = re.compile(r"\$(\d)")


class Rewrite(Feature, frozen=True):
    """`pattern` is of the path as it came; in `target` `$1` is what its first group took. Without
    a pattern the target is the path. A prefix is replaced by whole elements (Gateway API).
    """

    target: str = ""
    pattern: str = ""
    prefix: str = ""
    host: str = ""
    told_prefix: str = ""

    def lines(self, name: str) -> Iterator[str]:
        if self.told_prefix:
            yield f"http-request set-header X-Forwarded-Prefix {fmt(self.told_prefix)}"
        if self.prefix:
            yield from self._other_prefix()
        elif self.pattern:
            to = _REFERENCE.sub(r"\\\1", self.target.replace("\\", "\\\\").replace("%", "%%"))
            yield f"http-request replace-path {word(f'(?i)^(?:{self.pattern})')} {word(to)}"
        elif self.target:
            yield f"http-request set-path {fmt(self.target)}"
        if self.host:
            yield f"http-request set-header Host {fmt(self.host)}"

    def _other_prefix(self) -> Iterator[str]:
        """`/a` by `/` makes `/a/b` `/b`, and `/a` `/`."""
        old, new = re.escape(self.prefix.rstrip("/")), self.target.rstrip("/")
        to = new.replace("\\", "\\\\").replace("%", "%%")
        yield f"http-request replace-path {word(f'^{old}(/.*)$')} {word(f'{to}' + chr(92) + '1')}"
        bare = word(to or "/")
        yield f"http-request replace-path {word(f'^{old}$')} {bare}"


def read(given: Annotations, asking: Asking) -> Rewrite | None:
    target = given.text("rewrite-target")
    vhost = given.text("upstream-vhost")
    if vhost and not re.fullmatch(r"[A-Za-z0-9_.:\[\]-]{1,255}", vhost):
        raise Wrong(f"upstream-vhost: {vhost!r} is no host")
    prefix = given.text("x-forwarded-prefix")
    if prefix and not re.fullmatch(r"[!-~]{1,1024}", prefix):
        raise Wrong("x-forwarded-prefix: a path is needed")
    if target:
        _check(target, asking)
    if not (target or vhost or prefix):
        return None
    pattern = asking.path if target and asking.how == "regex" else ""
    return Rewrite(target, pattern, "", vhost, prefix)


def _check(target: str, asking: Asking) -> None:
    if not re.fullmatch(r"/[!-~]*", target):
        raise Wrong("rewrite-target: a path is needed")
    used = [int(number) for number in _REFERENCE.findall(target)]
    if "$" in _REFERENCE.sub("", target):
        raise Wrong(f"rewrite-target: {target!r} has a variable; only $1 to $9 are known")
    have = groups(asking.path) if asking.how == "regex" else 0
    if used and max(used) > have:
        raise Wrong(f"rewrite-target: the path {asking.path!r} has no group {max(used)}")
