"""HAProxy's figures for Prometheus, of what HAProxy 2.6 says."""

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from polpo.agent.balancer.exposition import metrics
from polpo.model.load_balancer import LoadBalancer
from polpo.target.balancer import Balancer, Link

HEAD = (
    "# pxname,svname,qcur,scur,slim,stot,bin,bout,dreq,ereq,econ,eresp,wretr,wredis,status,weight,"
    "act,bck,chkfail,downtime,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,"
    "hrsp_other,req_tot,qtime,ctime,rtime,conn_tot,\n"
)
SAID = (
    f"{HEAD}"
    "l,FRONTEND,,1,4000,9,70,80,0,2,,,,,OPEN,,,,,,,0,6,0,1,0,0,7,,,,5,\n"
    "p:l,m1,0,1,,4,50,60,,,0,0,0,0,UP,3,1,0,1,12,250,0,4,0,0,0,0,,0,1,2,,\n"
    "p:l,m2,0,0,,0,0,0,,,0,0,0,0,DOWN,1,1,0,4,33,,0,0,0,0,0,0,,0,0,0,,\n"
    "p:l,BACKEND,2,1,400,4,50,60,0,,0,0,0,0,UP,3,1,0,,5,,0,4,0,0,0,0,,0,1,2,,\n"
)
ROW = Balancer(
    vni=30,
    balancer=LoadBalancer(id="B", vni=30, vip_address="", vip_network_id="N", vip_port_id=""),
    name="web",
    project="P",
    port="T",
    instance=3,
    priority=200,
    vips=("10.0.0.9/24",),
    front=Link("E", "N"),
    names={"l": "main", "p": "workers", "m1": 'fir"st'},
)
LISTENER = 'listener="main",listener_id="l",load_balancer="web",load_balancer_id="B"'


class Found(Collector):
    def __init__(self, *said: tuple[Balancer, str]) -> None:
        self._said = said

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> list[Metric]:
        return list(metrics(self._said))


def page(*said: tuple[Balancer, str]) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(Found(*said))
    lines = generate_latest(registry).decode().splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {_sorted(name): float(value) for name, _, value in samples}


def _sorted(sample: str) -> str:
    name, _, labels = sample.partition("{")
    return f"{name}{{{','.join(sorted(labels.removesuffix('}').split(',')))}}}"


def test_listeners_pools_and_members_have_their_names() -> None:
    found = page((ROW, SAID))
    assert found[f'polpo_listener_requests_total{{{LISTENER},project="P"}}'] == 7
    assert found[f'polpo_listener_responses_total{{code="4xx",{LISTENER},project="P"}}'] == 1
    pool = f'{LISTENER},pool="workers",pool_id="p",project="P"'
    assert found[f"polpo_pool_queue{{{pool}}}"] == 2
    first = f'{LISTENER},member="fir\\"st",member_id="m1",pool="workers",pool_id="p",project="P"'
    assert found[f"polpo_member_check_seconds{{{first}}}"] == 0.25
    assert found[f"polpo_member_up{{{first}}}"] == 1
    other = f'{LISTENER},member="",member_id="m2",pool="workers",pool_id="p",project="P"'
    assert found[f"polpo_member_up{{{other}}}"] == 0
    assert f"polpo_member_check_seconds{{{other}}}" not in found, "nothing is said of it"


def test_one_that_said_nothing_has_no_figures_and_the_others_have() -> None:
    other = replace(ROW, vni=31, project="Q")
    found = page((ROW, ""), (other, SAID))
    assert any('project="Q"' in sample for sample in found)
    assert not any('project="P"' in sample for sample in found)
