"""What the API takes, HAProxy takes: from a request to `haproxy -c`, with nothing between left out.

A user's request must not be found wrong only on the host: there it is an ERROR, with no words.
"""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from polpo.agent.balancer.proxy.configuration import configuration
from polpo.agent.balancer.proxy.matching import conditions
from polpo.agent.balancer.proxy.settings import Settings
from polpo.api.loadbalancer_v2 import l7rule, regex
from polpo.compiler.balancers import tree
from polpo.model.load_balancer import L7Rule, LoadBalancer
from polpo.target.balancer import Balancer, Link
from polpo.testing.load_balancers import LoadBalancerCloud
from polpo.testing.network import NetworkCloud

ODD = "a b'c\"d\\e$HOME%[src]{#}é,;&|(!)"
"""One line of everything that means something to a shell, a log-format, or a configuration."""

OF: dict[str, Any] = {"l7policy_id": "p", "load_balancer_id": "b"}
FRONTEND = """defaults
  mode http
  timeout client 1s
frontend f
  bind :80
"""


@pytest_asyncio.fixture
async def balancers(tmp_path: Path) -> AsyncIterator[LoadBalancerCloud]:
    cloud = await NetworkCloud.open(f"sqlite:///{tmp_path}/polpo.db")
    yield LoadBalancerCloud(cloud)
    await cloud.close()


def written(balancers: LoadBalancerCloud, id: str) -> str:
    snapshot = balancers.cloud.store.snapshot
    found = snapshot.get(LoadBalancer, id)
    assert found is not None
    row = Balancer(
        **tree(snapshot, found)._asdict(),
        vni=found.vni,
        name=found.name,
        project=found.project_id,
        port="transit",
        instance=3,
        priority=200,
        front=Link("front", "n"),
    )
    return configuration(row, Settings(Path("/run/polpo/balancers/30")))


def check(balancers: LoadBalancerCloud, balancer: Any) -> None:
    text = written(balancers, balancer["id"])
    command = ["haproxy", "-c", "-f", "/dev/stdin"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.splitlines() if "[ALERT]" in line]
    assert done.returncode in (0, 2), done.stderr
    assert not wrong, done.stderr


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"protocol": "TCP"},
        {"protocol": "HTTPS"},
        {"protocol": "PROMETHEUS", "allowed_cidrs": ["10.0.0.0/8"]},
        {"connection_limit": 0},
        {"connection_limit": (1 << 31) - 1},
        {"connection_limit": -1},
        {"timeout_client_data": 0, "timeout_member_data": 0, "timeout_member_connect": 0},
        {"timeout_client_data": (1 << 31) - 1, "timeout_tcp_inspect": 10_000},
        {"protocol": "TCP", "timeout_tcp_inspect": 5},
        {"insert_headers": {"X-Forwarded-For": True, "X-Forwarded-Port": "true"}},
        {"insert_headers": {"X-Forwarded-Proto": "TRUE", "X-Forwarded-For": "false"}},
        {"allowed_cidrs": ["0.0.0.0/0"]},
        {"name": ODD, "tags": [ODD]},
        {"admin_state_up": False},
    ],
)
async def test_listeners(balancers: LoadBalancerCloud, more: Any) -> None:
    balancer = await balancers.balancer(name=ODD)
    protocol = more.get("protocol", "HTTP")
    asked = {"protocol_port": 8080, **more, "protocol": protocol}
    if protocol != "PROMETHEUS":
        pool = await balancers.pool(balancer, "HTTP" if protocol == "HTTP" else "TCP")
        await balancers.member(pool)
        asked["default_pool_id"] = pool["id"]
    await balancers.make("listener", loadbalancer_id=balancer["id"], **asked)
    check(balancers, balancer)


PERSISTENCE: tuple[dict[str, str] | None, ...] = (
    None,
    {"type": "SOURCE_IP"},
    {"type": "HTTP_COOKIE"},
    {"type": "APP_COOKIE", "cookie_name": "!$%&*+.^_`|~-aA0"},
)


@pytest.mark.parametrize("algorithm", ["ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP"])
@pytest.mark.parametrize("listener", ["HTTP", "TCP", "HTTPS"])
async def test_pools(balancers: LoadBalancerCloud, listener: str, algorithm: str) -> None:
    protocols = {"HTTP": ("HTTP", "PROXY", "PROXYV2"), "TCP": ("TCP", "HTTP"), "HTTPS": ("HTTPS",)}
    balancer = await balancers.balancer()
    port = 1000
    for protocol in protocols[listener]:
        for kept in PERSISTENCE if listener == "HTTP" else PERSISTENCE[:2]:
            more: dict[str, Any] = {"lb_algorithm": algorithm, "session_persistence": kept}
            pool = await balancers.pool(balancer, protocol, **more)
            more = {"weight": 0, "backup": True, "monitor_port": 9, "monitor_address": "10.0.0.8"}
            await balancers.member(pool, "10.0.0.1", **more)
            await balancers.member(pool, "fd00::1", weight=256, admin_state_up=False)
            port += 1
            await balancers.listener(balancer, listener, port, default_pool_id=pool["id"])
    check(balancers, balancer)


MONITORS: list[dict[str, Any]] = [
    {"type": "TCP"},
    {"type": "HTTPS"},
    {"type": "TLS-HELLO"},
    {"type": "HTTP", "http_version": 1.0, "expected_codes": "200-299"},
    {"type": "HTTP", "http_version": 1.1, "domain_name": "www.example.com"},
    {"type": "HTTP", "expected_codes": "200, 301,404"},
    {"type": "HTTP", "url_path": "/a?b=%20&c={d}[e]$HOME%[src]#~é"},
    {"type": "HTTPS", "http_method": "HEAD", "url_path": "/x"},
    {"type": "HTTP", "delay": 1_000_000, "timeout": 1_000_000},
    {"type": "HTTP", "max_retries": 10, "max_retries_down": 10},
    *({"type": "HTTP", "http_method": method} for method in ("POST", "CONNECT", "TRACE")),
]


@pytest.mark.parametrize("more", MONITORS)
async def test_monitors(balancers: LoadBalancerCloud, more: dict[str, Any]) -> None:
    balancer = await balancers.balancer()
    pool = await balancers.pool(balancer)
    await balancers.member(pool)
    await balancers.listener(balancer, default_pool_id=pool["id"])
    asked = {"delay": 5, "timeout": 3, "max_retries": 2, **more}
    await balancers.make("healthmonitor", pool_id=pool["id"], **asked)
    check(balancers, balancer)


KEYS = {"HEADER": "X-!$%&*+.^_`|~0", "COOKIE": "a.b", "SSL_DN_FIELD": "CN"}
VALUES = {"SSL_CONN_HAS_CERT": ("True",), "SSL_VERIFY_RESULT": ("0", "99999")}
REGEX = (
    "^/a(?:b|c)+$",
    "(?i)x",
    "a(?=b)(?!c)(?<=d)(?<!e)",
    "[^/]{2,5}\\.png\\b",
    "\\x41\\t\\d\\D\\s",
)


@pytest.mark.parametrize("type", l7rule.TYPES)
async def test_rules(balancers: LoadBalancerCloud, type: str) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    policy = await balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    key = {"key": KEYS[type]} if type in KEYS else {}
    for compared in l7rule.TYPES[type]:
        for value in VALUES.get(type, (ODD, "/x", *REGEX)):
            if compared == "REGEX" and value == ODD:
                continue
            asked = {"type": type, "compare_type": compared, "value": value, **key}
            for invert in (False, True):
                at = f"l7policies/{policy['id']}/rules"
                made = await balancers.make("rule", at=at, invert=invert, **asked)
                check(balancers, balancer)
                await balancers.remove(f"{at}/{made['id']}")


ATOMS = ("a", r"\xe9", ".", r"\d", r"\.", r"\\", "[^/]", "[a-f0-9_]", "[]x]", "^", "$", r"\b")
TIMES = ("*", "+", "?", "*?", "++", "{3}", "{0}", "{2,}", "{0,40}", "{1,1000}")
GROUPS = ("({})", "(?:{})", "(?={})", "(?!{})")


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(inner, st.sampled_from(TIMES)).map("".join),
        st.tuples(st.sampled_from(GROUPS), inner).map(lambda pair: pair[0].format(pair[1])),
    )


def _is_taken(text: str) -> bool:
    try:
        regex.check(text)
    except ValueError:
        return False
    return len(text) <= 255


@settings(max_examples=20, deadline=None)
@given(st.lists(st.recursive(st.sampled_from(ATOMS), _grown, max_leaves=25), min_size=30))
def test_regular_expressions(found: list[str]) -> None:
    """All that are taken, in one configuration."""
    rules = [
        L7Rule(id=str(n), type="PATH", compare_type="REGEX", value=text, **OF)
        for n, text in enumerate(filter(_is_taken, found))
    ]
    text = FRONTEND + "".join(f"  {line}\n" for line in conditions(0, rules))
    done = subprocess.run(
        ["haproxy", "-c", "-f", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in done.stderr.splitlines() if "is invalid" in line]
    assert not wrong, wrong


@pytest.mark.parametrize("action", ["REJECT", "REDIRECT_TO_URL", "REDIRECT_TO_POOL"])
async def test_as_many_rules_as_there_may_be(balancers: LoadBalancerCloud, action: str) -> None:
    """All of the longest kind, in each of two policies."""
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    pool = await balancers.pool(balancer)
    more = {"REDIRECT_TO_URL": {"redirect_url": f"http://a/{'x' * 200}", "redirect_http_code": 303}}
    more["REDIRECT_TO_POOL"] = {"redirect_pool_id": pool["id"]}
    rule = {"type": "HEADER", "key": "X" * 200, "compare_type": "REGEX", "value": "x" * 200}
    for _ in range(2):
        asked = {"listener_id": listener["id"], "action": action, **more.get(action, {})}
        policy = await balancers.make("l7policy", **asked)
        for _ in range(l7rule.MOST):
            at = f"l7policies/{policy['id']}/rules"
            await balancers.make("rule", at=at, invert=True, **rule)
    check(balancers, balancer)


@pytest.mark.parametrize(
    "more",
    [
        {"action": "REJECT"},
        {"action": "REDIRECT_TO_URL", "redirect_url": "https://a.example/%[src]?x={y}&z=$HOME,#é"},
        {"action": "REDIRECT_PREFIX", "redirect_prefix": "http://[fd00::1]:8080/a%20b"},
        *(
            {
                "action": "REDIRECT_TO_URL",
                "redirect_url": "http://a/",
                "redirect_http_code": code,
            }
            for code in (301, 302, 303, 307, 308)
        ),
    ],
)
async def test_policies(balancers: LoadBalancerCloud, more: dict[str, Any]) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    policy = await balancers.make("l7policy", listener_id=listener["id"], **more)
    rule = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/"}
    await balancers.make("rule", at=f"l7policies/{policy['id']}/rules", **rule)
    check(balancers, balancer)
