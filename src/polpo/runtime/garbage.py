"""Keeps Python's cycle collector off data that is large, lives long and has no cycles.

Its full passes look at every object there is: with a hundred thousand ports in memory each takes
a second in which nothing is answered, and while so many are being made they follow one another.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """While much is made that will stay: no passes meanwhile, and none over it later."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()


def unhurried() -> None:
    """Looks often at what is young, hardly ever at everything: for a program of large state."""
    gc.set_threshold(5_000, 10, 10_000)
