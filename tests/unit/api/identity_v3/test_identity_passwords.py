"""Checking passwords: guesses sent all at once gain nothing, and nobody can queue for ever."""

import asyncio
import time
from collections import Counter

import pytest

from polpo.api.identity_v3 import passwords
from polpo.api.identity_v3.attempts import LIMIT, Attempts
from polpo.api.identity_v3.call import LARGEST_BODY_BYTES
from polpo.api.identity_v3.errors import Busy
from polpo.testing.identity import IdentityCloud


async def test_guesses_sent_at_once_are_counted_like_any_others(cloud: IdentityCloud) -> None:
    guesses = [cloud.log_in("mia", f"guess {n}") for n in range(LIMIT * 3)]
    counted = Counter(r.status_code for r in await asyncio.gather(*guesses))
    assert set(counted) == {401, 429}
    assert LIMIT <= counted[401] < LIMIT + passwords.AT_ONCE


async def test_those_who_would_wait_too_long_are_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passwords, "QUEUED", 3)
    busy = passwords.Passwords(Attempts(time.monotonic))
    hashes = [busy.hash("x") for _ in range(5)]
    results = await asyncio.gather(*hashes, return_exceptions=True)
    assert [isinstance(r, Busy) for r in results] == [False, False, False, True, True]
    assert isinstance(await busy.hash("x"), str)
    busy.close()


async def test_an_unknown_user_takes_as_long_as_a_wrong_password(cloud: IdentityCloud) -> None:
    async def fastest(name: str) -> float:
        took = []
        for _ in range(5):
            start = time.perf_counter()
            assert (await cloud.log_in(name, "wrong")).status_code == 401
            took.append(time.perf_counter() - start)
        return min(took)

    known, unknown = await fastest("mia"), await fastest("nobody")
    assert 0.5 < known / unknown < 2


async def test_the_loop_goes_on_while_passwords_are_checked(cloud: IdentityCloud) -> None:
    logins = asyncio.gather(*(cloud.log_in("mia") for _ in range(20)))
    turns = 0
    while not logins.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert {r.status_code for r in await logins} == {201}
    assert turns > 40, "hashing on the loop would leave about one turn for each login"


async def test_a_huge_body_is_refused(cloud: IdentityCloud) -> None:
    response = await cloud.log_in("mia", "x" * LARGEST_BODY_BYTES)
    assert response.status_code == 413
    assert response.json()["error"]["title"] == "Request Entity Too Large"


async def test_the_same_password_is_never_kept_the_same(cloud: IdentityCloud) -> None:
    one, two = [await cloud.identity.passwords.hash("same") for _ in range(2)]
    assert one != two
    assert one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
