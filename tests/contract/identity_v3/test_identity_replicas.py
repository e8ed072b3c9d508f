"""Two controllers on one database are one identity."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.api.context import Unauthorized
from polpo.api.identity_v3.keys import signing_keys
from polpo.testing.identity import IdentityCloud


@pytest_asyncio.fixture
async def replicas(database_url: str) -> AsyncIterator[tuple[IdentityCloud, IdentityCloud]]:
    first = await IdentityCloud.open(database_url)
    second = await IdentityCloud.open(database_url)
    await first.store.refresh()
    yield first, second
    await second.close()
    await first.close()


async def test_bootstrap_happens_once(replicas: tuple[IdentityCloud, IdentityCloud]) -> None:
    first, second = replicas
    assert signing_keys(first.store.snapshot) == signing_keys(second.store.snapshot)
    assert len(signing_keys(first.store.snapshot)) == 1
    assert first.user_id("admin") == second.user_id("admin")


async def test_a_token_holds_at_the_other_and_is_revoked_there(
    replicas: tuple[IdentityCloud, IdentityCloud],
) -> None:
    first, second = replicas
    token = await first.token("admin")
    assert await second.identity.authenticate(token) == await first.identity.authenticate(token)
    gone = await second.ask("DELETE", "/auth/tokens", token, X_Subject_Token=token)
    assert gone.status_code == 204
    await first.store.refresh()
    with pytest.raises(Unauthorized):
        await first.identity.authenticate(token)
