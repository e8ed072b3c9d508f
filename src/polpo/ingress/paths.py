"""An Ingress' path, by its type."""

from __future__ import annotations

import re
from typing import NamedTuple

from polpo.ingress.regex import checked
from polpo.ingress.wrong import Wrong

LONGEST = 2048
_ODD = re.compile(r"[\s\x00-\x1f\x7f]")


class Path(NamedTuple):
    """`how` as of entries; `key` is the same for what is the same path."""

    how: str
    text: str
    key: str


def path_of(text: str, kind: str, regex: bool) -> Path:
    """`kind` is a pathType; `regex`: ImplementationSpecific and Prefix are regular expressions, as
    ingress-nginx has them with use-regex. Wrong if there can be no such path."""
    text = text or "/"
    if not text.startswith("/"):
        raise Wrong("a path begins with /")
    if len(text) > LONGEST:
        raise Wrong(f"a path of more than {LONGEST} characters")
    if _ODD.search(text):
        raise Wrong("a path without blanks and control characters is needed")
    if kind == "Exact":
        return Path("exact", text, text)
    if regex and kind != "Default":
        return Path("regex", checked(text), text)
    return Path("prefix", text, text.rstrip("/") or "/")
