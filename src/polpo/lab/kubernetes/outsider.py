"""A client outside the cluster: curl in the world, once; or one who comes again, all the while."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from polpo.lab import returning
from polpo.lab.command import attempt, inside, meanwhile

SECONDS = 3.0


class Returned(msgspec.Struct, frozen=True):
    """What a client saw who comes again when nobody answers (lab/returning.py)."""

    asked: int
    again: int
    unanswered: int
    slowest_s: float


def ask(netns: str, address: str, name: str, path: str) -> str:
    """What https://NAME/PATH says there; "" for anything but success."""
    words = ("curl", "--silent", "--insecure", "--fail", "--noproxy", "*", "--max-time", "2")
    where = ("--resolve", f"{name}:443:{address}", f"https://{name}{path}")
    code, said = attempt(*inside(netns, *words, *where))
    return said.strip() if code == 0 else ""


def ask_while(
    netns: str, addresses: list[str], name: str, path: str, harm: Callable[[], object]
) -> Returned:
    """At all addresses, from before the harm until after it."""
    asks = (str(Path(returning.__file__)), str(SECONDS), name, path, *addresses)
    words = inside(netns, sys.executable, *asks)
    return msgspec.json.decode(meanwhile(words, SECONDS, harm), type=Returned)
