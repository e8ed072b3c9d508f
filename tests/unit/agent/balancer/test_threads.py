"""How many threads HAProxy has, by what it has to do."""

import pytest
from msgspec.structs import replace

from polpo.agent.balancer.proxy.threads import MOST_THREADS, threads
from polpo.target.balancer import Balancer, Link
from polpo.testing.balancers import BALANCER, LISTENER, POOL

READING = Balancer(
    vni=30,
    balancer=BALANCER,
    name="web",
    project="P",
    port="T",
    instance=3,
    priority=200,
    vips=("10.0.0.9/24",),
    front=Link("E", "N"),
    listeners=(LISTENER,),
    pools=(POOL,),
)
PASSING = replace(READING, listeners=(replace(LISTENER, protocol="TCP"),))


@pytest.mark.parametrize("protocol", ["HTTP", "TERMINATED_HTTPS"])
def test_who_reads_requests_has_one_for_each_processor_up_to_four(protocol: str) -> None:
    row = replace(READING, listeners=(*PASSING.listeners, replace(LISTENER, protocol=protocol)))
    assert [threads(row, processors) for processors in (1, 2, 64)] == [1, 2, MOST_THREADS]


@pytest.mark.parametrize("protocol", ["TCP", "HTTPS", "UDP"])
def test_who_hands_on_what_it_gets_has_half_as_many(protocol: str) -> None:
    row = replace(READING, listeners=(replace(LISTENER, protocol=protocol),))
    assert [threads(row, processors) for processors in (1, 2, 4, 64)] == [1, 1, 2, MOST_THREADS]


def test_tls_to_members_counts_as_reading() -> None:
    assert threads(replace(PASSING, pools=(replace(POOL, tls_enabled=True),)), 2) == 2
