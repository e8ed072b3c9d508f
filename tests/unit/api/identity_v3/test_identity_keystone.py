"""An existing Keystone in the place of polpo's identity. Here polpo's own plays Keystone."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from polpo.api.context import Unauthorized
from polpo.api.identity_v3.keystone import (
    CACHE_S,
    KeystoneAccess,
    KeystoneIdentity,
    KeystoneUnavailable,
)
from polpo.testing.identity import PASSWORD, IdentityCloud


class Elapsed:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Line(httpx2.AsyncBaseTransport):
    """To the cloud; counts the questions, and can be cut."""

    def __init__(self, cloud: IdentityCloud) -> None:
        self._transport = httpx2.ASGITransport(app=cloud.app)
        self.asked: list[str] = []
        self.cut = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.cut:
            raise httpx2.ConnectError("cut", request=request)
        self.asked.append(request.method)
        return await self._transport.handle_async_request(request)


@pytest_asyncio.fixture
async def cloud(tmp_path: object) -> AsyncIterator[IdentityCloud]:
    """With the real clock: a Keystone elsewhere has one of its own."""
    cloud = await IdentityCloud.open(f"sqlite:///{tmp_path}/polpo.db")
    await cloud.add("mia", "member", "shop")
    yield cloud
    await cloud.close()


@pytest.fixture
def line(cloud: IdentityCloud) -> Line:
    return Line(cloud)


Making = Callable[..., KeystoneIdentity]


@pytest_asyncio.fixture
async def make(line: Line) -> AsyncIterator[Making]:
    made = []

    def make(password: str = PASSWORD, clock: Elapsed | None = None) -> KeystoneIdentity:
        access = KeystoneAccess("http://cloud/identity", "admin", password, "admin")
        client = httpx2.AsyncClient(transport=line)
        made.append(KeystoneIdentity(access, client, clock or Elapsed()))
        return made[-1]

    yield make
    for identity in made:
        await identity.close()


async def test_it_says_the_same_as_the_keystone(cloud: IdentityCloud, make: Making) -> None:
    for token in (
        await cloud.token("mia"),
        await cloud.token("mia", scope="unscoped"),
        await cloud.token("admin", scope={"system": {"all": True}}),
    ):
        assert await make().authenticate(token) == await cloud.identity.authenticate(token)


async def test_an_answer_is_believed_for_a_while(
    cloud: IdentityCloud, make: Making, line: Line
) -> None:
    clock = Elapsed()
    keystone, token = make(clock=clock), await cloud.token("mia")
    for _ in range(3):
        await keystone.authenticate(token)
    assert line.asked == ["POST", "GET"]
    await cloud.ask("DELETE", "/auth/tokens", token, X_Subject_Token=token)
    clock.now = CACHE_S
    with pytest.raises(Unauthorized):
        await keystone.authenticate(token)
    with pytest.raises(Unauthorized):
        await keystone.authenticate(token)
    assert line.asked == ["POST", "GET", "GET"]


async def test_many_at_once_ask_once(cloud: IdentityCloud, make: Making, line: Line) -> None:
    keystone, token = make(), await cloud.token("mia")
    await asyncio.gather(*(keystone.authenticate(token) for _ in range(20)))
    assert line.asked == ["POST", "GET"]


@pytest.mark.parametrize("token", ["", "nonsense", "ü", "a\nb", "\ud800"])
async def test_nonsense_is_no_token(make: Making, token: str) -> None:
    with pytest.raises(Unauthorized):
        await make().authenticate(token)


async def test_its_own_token_is_renewed_when_refused(
    cloud: IdentityCloud, make: Making, line: Line
) -> None:
    keystone = make()
    await keystone.authenticate(await cloud.token("mia"))
    own = keystone._own_token
    await cloud.ask("DELETE", "/auth/tokens", own, X_Subject_Token=own)
    await keystone.authenticate(await cloud.token("mia"))
    assert line.asked == ["POST", "GET", "GET", "POST", "GET"]


async def test_without_keystone_nobody_is_judged(
    cloud: IdentityCloud, make: Making, line: Line
) -> None:
    token = await cloud.token("mia")
    with pytest.raises(KeystoneUnavailable):
        await make(password="wrong").authenticate(token)
    keystone = make()
    line.cut = True
    with pytest.raises(KeystoneUnavailable) as refusal:
        await keystone.authenticate(token)
    assert refusal.value.status_code == 503
    line.cut = False
    await keystone.authenticate(token)


@pytest.mark.parametrize("url", ["http://there/identity", "http://there/identity/v3/"])
def test_the_address_may_name_the_version(url: str) -> None:
    access = KeystoneAccess(url, "polpo", "secret")
    assert access.tokens_url == "http://there/identity/v3/auth/tokens"
