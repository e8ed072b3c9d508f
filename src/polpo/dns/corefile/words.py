"""What plugins read out of their directives: numbers, durations, zones, addresses, choices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

from polpo.dns.corefile.address import zones as zones_of
from polpo.dns.corefile.block import Directive

T = TypeVar("T")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")


def integer(directive: Directive, text: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """A whole number within bounds."""
    if text.isascii() and text.removeprefix("-").isdigit() and least <= int(text) <= most:
        return int(text)
    raise directive.wrong(f"{text} is no number from {least} to {most}")


def duration_s(directive: Directive, text: str, *, plain: bool = False) -> float:
    """Go's notation (1h30m, 0.5s), in seconds; `plain`: numbers alone are seconds."""
    if plain and text.isascii() and text.isdigit():
        return float(text)
    if text == "0":
        return 0.0
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise directive.wrong(f"{text} is no duration such as 500ms, 30s or 1h30m")
    return sum(float(part[1]) * _UNITS[part[2]] for part in parts)


def zones(
    directive: Directive, texts: Iterable[str], otherwise: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """The zones that words name, or those of the server block if there are no words."""
    out: dict[bytes, None] = {}
    for text in texts:
        try:
            out |= dict.fromkeys(zones_of(text))
        except ValueError as wrong:
            raise directive.wrong(f"{text}: {wrong}") from wrong
    return tuple(out) or otherwise


def one_of(directive: Directive, text: str, choices: Mapping[str, T]) -> T:
    """What a word stands for."""
    if text in choices:
        return choices[text]
    raise directive.wrong(f"{text}: allowed are {', '.join(choices)}")


def arguments(directive: Directive, least: int, most: int | None = None) -> tuple[str, ...]:
    """The directive's words, so many of them."""
    most = least if most is None else most
    count = len(directive.arguments)
    if least <= count <= most:
        return directive.arguments
    wanted = (
        str(least) if least == most else f"{least} to {most}" if most < 1000 else f"{least} or more"
    )
    raise directive.wrong(f"{count} arguments, and it takes {wanted}")


def unknown(directive: Directive, option: Directive, allowed: Iterable[str]) -> NoReturn:
    """Refuse an option that the plugin does not have."""
    words = f"{directive.name}: no option {option.name}; allowed are {', '.join(allowed)}"
    raise type(option.wrong(""))(option.file, option.line, words)


def once(directives: tuple[Directive, ...]) -> Directive:
    """The directive, which must not be given twice in a block."""
    if len(directives) > 1:
        raise directives[1].wrong("only once in a server block")
    return directives[0]


def no_block(directive: Directive) -> None:
    if directive.block:
        raise directive.wrong("it takes no options between braces")
