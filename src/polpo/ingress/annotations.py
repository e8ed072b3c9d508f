"""Annotations of an Ingress: texts that anybody may have written, read as what they are to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network

from polpo.ingress.wrong import Wrong

PREFIX = "nginx.ingress.kubernetes.io/"
OWN = "ingress.polpo.dev/"
"""The same annotations under our own name; it counts where both are."""
_SIZE = re.compile(r"([0-9]+)([kKmMgG]?)")
_TIME = re.compile(r"([0-9]+)(ms|s|m|h|d|)")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
MS = {"ms": 1, "s": 1000, "": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAME = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?\.?){1,40}")


class Annotations:
    """Without their prefix."""

    def __init__(self, given: Mapping[str, str] | None) -> None:
        self.all: dict[str, str] = {}
        for prefix in (PREFIX, OWN):
            for key, value in (given or {}).items():
                if key.startswith(prefix):
                    self.all[key.removeprefix(prefix)] = value

    def text(self, key: str, default: str = "") -> str:
        value = self.all.get(key, default).strip()
        if any(ord(c) < 32 or ord(c) == 127 for c in value):
            raise Wrong(f"{key}: there are control characters in it")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.text(key).lower()
        if not value:
            return default
        if value not in ("true", "false"):
            raise Wrong(f"{key}: {value!r} is neither true nor false")
        return value == "true"

    def number(self, key: str, least: int, most: int, default: int = 0) -> int:
        value = self.text(key)
        if not value:
            return default
        if not value.isascii() or not value.isdecimal() or not least <= int(value) <= most:
            raise Wrong(f"{key}: {value!r} is no number from {least} to {most}")
        return int(value)

    def milliseconds(self, key: str, default: int = 0) -> int:
        """Seconds, if no unit is said; 24 days at most (HAProxy counts in 31 bits)."""
        value = self.text(key)
        if not value:
            return default
        found = _TIME.fullmatch(value)
        if found is None or not 0 < int(found[1]) * MS[found[2]] < 1 << 31:
            raise Wrong(f"{key}: {value!r} is no time, such as 60 or 5m")
        return int(found[1]) * MS[found[2]]

    def size(self, key: str) -> int:
        """Bytes; 0 if nothing is said."""
        value = self.text(key)
        found = _SIZE.fullmatch(value)
        if value and found is None:
            raise Wrong(f"{key}: {value!r} is no size, such as 8m")
        return int(found[1]) * UNITS[found[2].lower()] if found else 0

    def listed(self, key: str) -> tuple[str, ...]:
        """At commas."""
        return tuple(filter(None, (part.strip() for part in self.text(key).split(","))))

    def networks(self, key: str) -> tuple[str, ...]:
        return tuple(network(key, text) for text in self.listed(key))

    def choice(self, key: str, *allowed: str, default: str = "") -> str:
        value = self.text(key)
        if value and value.lower() not in (x.lower() for x in allowed):
            raise Wrong(f"{key}: {value!r} is none of {', '.join(allowed)}")
        return value or default


def network(key: str, text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise Wrong(f"{key}: {text!r} is no network") from None


def host(text: str) -> str:
    """A DNS name in small letters, also with a wildcard in front. Wrong if it is none."""
    name = text.lower()
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise Wrong(f"{text!r} is no host name")
    return name
