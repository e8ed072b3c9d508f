"""Passwords and application credentials' secrets: Argon2id, off the event loop, a few at a time.

The parameters are OWASP's first recommendation (19 MiB, two passes, one lane; Password Storage
Cheat Sheet, 2024): about 20 ms of one core. One core is left to the event loop.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from polpo.api.identity_v3.attempts import Attempts
from polpo.api.identity_v3.errors import Busy

R = TypeVar("R")

AT_ONCE = max(1, (os.cpu_count() or 1) - 1)
QUEUED = 512
"""Most that wait; more are refused rather than kept waiting longer than clients do."""

_argon2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _argon2.hash("nobody has this password")
"""Verified where there is no such account, so that it takes as long as where there is."""


class Passwords:
    """Hashes and verifies. For one event loop."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, secret: str) -> str:
        """Argon2's own text, with salt and parameters. Raises Busy."""
        return await self._take_turn(lambda: _argon2.hash(secret.encode()))

    async def verify(self, account: str, source: str, stored: str | None, secret: str) -> bool:
        """Whether `secret` is the one stored; None or "" stored: no, and as late.

        `account` and `source` are what failures are counted by. Raises TooManyAttempts, Busy.
        """

        def check() -> None:
            self._attempts.check(account, source)

        check()
        right = await self._take_turn(lambda: _matches(stored or _NOBODY, secret), check)
        right = right and bool(stored)
        (self._attempts.succeeded if right else self._attempts.failed)(account, source)
        return right

    async def _take_turn(self, work: Callable[[], R], check: Callable[[], None] | None = None) -> R:
        """`check` runs again when the turn has come: guesses sent all at once gain nothing."""
        if self._waiting >= QUEUED:
            raise Busy
        self._waiting += 1
        try:
            async with self._turns:
                if check is not None:
                    check()
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False)


def _matches(stored: str, secret: str) -> bool:
    try:
        return _argon2.verify(stored, secret.encode())
    except (VerificationError, InvalidHashError):
        return False
