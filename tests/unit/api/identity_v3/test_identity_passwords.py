"""Checking passwords: guesses sent all at once gain nothing, and nobody can queue for ever."""

import asyncio
import time
from collections import Counter

import pytest
from argon2 import extract_parameters

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


async def test_an_unknown_user_is_as_much_work_as_a_wrong_password(
    cloud: IdentityCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    matches = passwords._matches

    def noted(stored: str, secret: str) -> bool:
        verified.append(stored)
        return matches(stored, secret)

    monkeypatch.setattr(passwords, "_matches", noted)
    for name in ("mia", "nobody"):
        assert (await cloud.log_in(name, "wrong")).status_code == 401
    known, unknown = map(extract_parameters, verified)
    assert known == unknown


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
