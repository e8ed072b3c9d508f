"""Several stand for election: one leads, and another when that one cannot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.kube.lease import DURATION_S, Election, Lease, LeaseSpec, Observed
from polpo.kube.objects import Meta
from polpo.runtime.clock import Clock, monotonic
from polpo.testing.kubernetes.api_server import ApiServer, until


class Candidate:
    """Stands for election; `now_s` is its clock, which the test turns."""

    def __init__(
        self, api: ApiServer, name: str, renew_s: float = 10.0, clock: Clock | None = None
    ) -> None:
        self.client = Client(Cluster(server=api.address), patience_s=5)
        self.now_s, self.led = 0.0, 0
        self.election = Election(
            Api(self.client),
            "polpo",
            "controller",
            name,
            retry_s=0.02,
            renew_s=renew_s,
            clock=clock or (lambda: self.now_s),
        )
        self.task = asyncio.ensure_future(self.election.run(self._lead))

    @property
    def leads(self) -> bool:
        return self.election.is_leader

    async def _lead(self) -> None:
        self.led += 1
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        await self.client.close()


@pytest.fixture
async def first(api: ApiServer) -> AsyncIterator[Candidate]:
    made = Candidate(api, "first")
    await until(lambda: made.leads)
    yield made
    await made.stop()


@pytest.fixture
async def second(api: ApiServer, first: Candidate) -> AsyncIterator[Candidate]:
    made = Candidate(api, "second")
    yield made
    await made.stop()


def holder(api: ApiServer) -> str:
    found: str = api.stored.one("leases", "polpo", "controller")["spec"]["holderIdentity"]
    return found


async def test_one_leads_and_the_other_waits(
    api: ApiServer, first: Candidate, second: Candidate
) -> None:
    await asyncio.sleep(0.2)
    assert first.leads
    assert not second.leads
    assert holder(api) == "first"


async def test_a_leader_that_ends_gives_the_lease_back(
    api: ApiServer, first: Candidate, second: Candidate
) -> None:
    await first.stop()
    await until(lambda: second.leads)
    assert holder(api) == "second"


async def test_a_leader_that_is_silent_is_replaced_when_its_lease_is_over(
    api: ApiServer, first: Candidate, second: Candidate
) -> None:
    await asyncio.sleep(0.1)
    first.task.cancel()
    lease = api.stored.one("leases", "polpo", "controller")
    with contextlib.suppress(asyncio.CancelledError):
        await first.task
    api.put(lease)  # as if it had died without a word
    await asyncio.sleep(0.2)
    assert not second.leads
    second.now_s += DURATION_S + 1
    await until(lambda: second.leads)


async def test_a_leader_that_cannot_renew_stops_leading_before_others_may_begin(
    api: ApiServer, first: Candidate
) -> None:
    await api.stop()
    first.now_s += 9
    await asyncio.sleep(0.2)
    assert first.leads
    first.now_s += 2
    await until(lambda: not first.leads)
    await api.start()
    await until(lambda: first.leads)
    assert first.led == 2


async def test_a_leader_whose_lease_somebody_has_taken_stops_at_once(
    api: ApiServer, first: Candidate
) -> None:
    lease = api.stored.one("leases", "polpo", "controller")
    api.put(lease | {"spec": lease["spec"] | {"holderIdentity": "other"}})
    await until(lambda: not first.leads)
    assert holder(api) == "other"


async def test_an_api_that_hangs_keeps_no_leader(api: ApiServer) -> None:
    made = Candidate(api, "first", renew_s=0.5, clock=monotonic)
    await until(lambda: made.leads)
    api.hang = True
    await until(lambda: not made.leads)
    await made.stop()


def test_a_holder_is_believed_by_our_own_clock() -> None:
    observed = Observed("me")
    lease = Lease(Meta(name="x"), LeaseSpec("other", 15, renew_time="1999-01-01T00:00:00Z"))
    assert not observed.may_take(lease, 100.0)
    assert not observed.may_take(lease, 115.0)
    assert observed.may_take(lease, 115.1)
    renewed = Lease(Meta(name="x"), LeaseSpec("other", 15, renew_time="1999-01-01T00:00:01Z"))
    assert not observed.may_take(renewed, 116.0)
    assert observed.may_take(Lease(Meta(name="x"), LeaseSpec("")), 116.0)
    assert observed.may_take(Lease(Meta(name="x"), LeaseSpec("me", 15)), 116.0)
