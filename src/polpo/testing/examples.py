"""Examples of READMEs: Corefiles, the files that they need, and what they answer.

A fenced block `corefile` is an example; `zone NAME` before it is a file; `answers` after it holds
questions, each with what is in the answer (=), authority (!) and additional (+) section, with the
rcode if it is not NOERROR, and with flags if they matter.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

_BLOCK = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Exchange(NamedTuple):
    """One question and its answer; `flags` "" means that they do not matter."""

    name: str
    type: str
    rcode: str = "NOERROR"
    flags: str = ""
    answer: tuple[str, ...] = ()
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()


class Example(NamedTuple):
    """One Corefile of a README."""

    corefile: str
    files: dict[str, str]
    exchanges: tuple[Exchange, ...]


def examples(readme: Path) -> list[Example]:
    found: list[Example] = []
    files: dict[str, str] = {}
    for kind, name, text in _BLOCK.findall(readme.read_text()):
        if kind == "zone":
            files[name] = text
        elif kind == "corefile":
            found.append(Example(text, dict(files), ()))
        elif kind == "answers":
            found[-1] = found[-1]._replace(exchanges=tuple(_exchanges(text)))
    return found


def _exchanges(text: str) -> list[Exchange]:
    out: list[Exchange] = []
    sections = {"=": "answer", "!": "authority", "+": "additional"}
    for line in text.splitlines():
        mark, _, rest = line.partition(" ")
        if mark in sections:
            field = sections[mark]
            changed: dict[str, Any] = {field: (*getattr(out[-1], field), rest)}
            out[-1] = out[-1]._replace(**changed)
        elif mark == "rcode":
            out[-1] = out[-1]._replace(rcode=rest)
        elif mark == "flags":
            out[-1] = out[-1]._replace(flags=rest)
        else:
            out.append(Exchange(mark, rest))
    return out
