"""What a load balancer does with each protocol and option, seen by real clients and members."""

import json
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.api.loadbalancer_v2.l7rule import MOST
from polpo.kernel import netns
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    Member,
    Persistence,
    Pool,
)
from polpo.model.object import Object
from polpo.model.secret import Secret
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    LB,
    LISTENER,
    MEMBERS,
    POOL,
    PORT,
    SEAL,
    VIP,
    VIP6,
    VNI,
    BalancerCloud,
    member,
    serving,
    worker,
)
from polpo.testing.hosts import eventually, inside

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

OF: dict[str, Any] = {"load_balancer_id": LB}
URL = f"http://{VIP}"


@pytest_asyncio.fixture(loop_scope="module")
async def balancer(cloud: BalancerCloud) -> AsyncIterator["Balancer"]:
    found = Balancer(cloud)
    yield found
    await found.restore()


class Balancer:
    """Changed by `set`; as it was when the test is over."""

    def __init__(self, cloud: BalancerCloud) -> None:
        self.cloud, self._before = cloud, cloud.controller.snapshot

    async def set(self, *objects: Object) -> None:
        await self.cloud.reached(await self.cloud.change(*objects))

    async def restore(self) -> None:
        self.cloud.controller.snapshot = self._before
        await self.cloud.reached(await self.cloud.controller.write())

    def get(self, url: str = URL, *options: str) -> dict[str, Any]:
        """What a member says of the request that it got."""
        found: dict[str, Any] = json.loads(self.cloud.get(url, *options))
        return found

    def status(self, url: str = URL, *options: str) -> str:
        return self.cloud.get(url, "-o", "/dev/null", "-w", "%{http_code}", *options)

    def members(self, count: int, url: str = URL, *options: str) -> list[str]:
        return [self.get(url, *options)["member"] for _ in range(count)]


def certificate(folder: Path, name: str, issuer: str = "") -> bytes:
    """PEM with its key, self-signed or by an issuer in the folder."""
    by = f"-CA {issuer}.crt -CAkey {issuer}.key" if issuer else ""
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 "
        f"-keyout {name}.key -out {name}.crt -subj /CN={name} {by} "
        f"-addext subjectAltName=DNS:{name}"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return (folder / f"{name}.crt").read_bytes() + (folder / f"{name}.key").read_bytes()


def secret(id: str, payload: bytes) -> Secret:
    return Secret(id=id, sealed=SEAL.close(id, payload))


@pytest_asyncio.fixture(loop_scope="module")
async def tls(balancer: Balancer, tmp_path: Path) -> Path:
    """A listener on 443 with the certificates `web.test` and, by SNI, `shop.test`."""
    names = ("web.test", "shop.test")
    secrets = [secret(name, certificate(tmp_path, name)) for name in names]
    listener = Listener(
        id="secure",
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        default_pool_id="pool",
        default_tls_container_ref="web.test",
        sni_container_refs=("shop.test",),
        insert_headers={"X-Forwarded-Proto": "true", "X-SSL-Client-CN": "true"},
        hsts_max_age=300,
        **OF,
    )
    await balancer.set(*secrets, listener)
    return tmp_path


@contextmanager
def running(where: str, command: str) -> Iterator[None]:
    """A program in a namespace, with nothing to read."""
    enter = ["nsenter", f"--net=/run/netns/{where}", *command.split()]
    process = subprocess.Popen(
        enter, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def shaken_hands(version: str) -> "subprocess.CompletedProcess[str]":
    """OpenSSL's client, with that version of TLS only."""
    command = f"openssl s_client -connect {VIP}:443 -{version} -brief"
    enter = ["nsenter", f"--net=/run/netns/{CLIENT}", *command.split()]
    return subprocess.run(enter, input="", text=True, check=False, capture_output=True, timeout=30)


def told_of(status: dict[str, Any]) -> dict[str, Any]:
    """What an agent says of the load balancer: nothing before it has asked HAProxy."""
    found: dict[str, Any] = status.get("balancing", {}).get(str(VNI), {})
    return found


def to(name: str, *options: str) -> tuple[str, ...]:
    """curl's options for https://<name>/ at the VIP."""
    return ("--resolve", f"{name}:443:{VIP}", *options)


async def test_http_is_divided_and_members_hear_of_the_client(balancer: Balancer) -> None:
    assert set(balancer.members(4)) == {"10.7.0.21", "10.7.0.22"}
    said = balancer.get(URL, "-H", "X-Forwarded-For:9.9.9.9")
    assert said["from"] in ("10.7.0.3", "10.7.0.4"), "an instance's own address"
    forwarded = [h for h in said["headers"] if h.startswith("x-forwarded-for")]
    assert forwarded[-1] == "x-forwarded-for: 10.7.0.20", "what others say comes before"


async def test_ipv6_is_the_same_load_balancer(balancer: Balancer) -> None:
    assert balancer.get(f"http://[{VIP6}]")["headers"][-1] == "x-forwarded-for: fd07::14"
    await balancer.set(member(21, address="fd07::15"), member(22, address="fd07::16"))
    said = balancer.get(f"http://[{VIP6}]")
    assert said["member"] in ("fd07::15", "fd07::16")
    assert said["from"] in ("fd07::3", "fd07::4"), "not the load balancer's own"


async def test_tcp_passes_bytes_and_by_proxy_protocol_says_whose(balancer: Balancer) -> None:
    listener = replace(LISTENER, id="tcp", protocol="TCP", protocol_port=81, insert_headers={})
    await balancer.set(replace(listener, default_pool_id="tcp"))
    for version, port in (("PROXY", 8081), ("PROXYV2", 8082)):
        pool = Pool(id="tcp", protocol=version, lb_algorithm="ROUND_ROBIN", **OF)
        behind = Member(id="p", pool_id="tcp", address="10.7.0.21", protocol_port=port, **OF)
        with serving(MEMBERS[0], port, "proxy"):
            await balancer.set(pool, behind)
            said = balancer.get(f"{URL}:81")
            assert re.fullmatch(r"10\.7\.0\.20 \d+", said["proxied"])
            said = balancer.get(f"http://[{VIP6}]:81")
            assert re.fullmatch(r"fd07::14 \d+", said["proxied"])


async def test_a_proxy_header_that_a_client_sends_is_no_header(balancer: Balancer) -> None:
    """Nobody asked for one: it is a bad request, and no member hears of it."""
    assert "400" in balancer.cloud.get(f"{URL}/ --haproxy-protocol -w %{{http_code}}")


async def test_tls_ends_here_with_http_2_and_the_right_certificate(
    balancer: Balancer, tls: Path
) -> None:
    for name in ("web.test", "shop.test"):
        options = to(name, "--cacert", str(tls / f"{name}.crt"))
        said = balancer.get(f"https://{name}/", *options)
        assert "x-forwarded-proto: https" in said["headers"]
        version = balancer.status(f"https://{name}/", *options, "-w", "%{http_version}")
        assert version == "2"
    shown = balancer.cloud.get("https://web.test/ -k -D - -o /dev/null", *to("web.test"))
    assert "strict-transport-security: max-age=300" in shown
    load = inside(CLIENT, f"h2load -n 200 -c 4 https://{VIP}/")
    assert "200 succeeded, 0 failed" in load


async def test_old_versions_of_tls_are_not_spoken(balancer: Balancer, tls: Path) -> None:
    for version, spoken in (("tls1_1", False), ("tls1_2", True), ("tls1_3", True)):
        done = shaken_hands(version)
        assert (done.returncode == 0) == spoken, done.stderr


async def test_clients_show_certificates_where_they_must(balancer: Balancer, tls: Path) -> None:
    certificate(tls, "ca.test")
    certificate(tls, "mia", issuer="ca.test")
    authority = secret("ca", (tls / "ca.test.crt").read_bytes())
    listener = balancer.cloud.controller.snapshot.get(Listener, "secure")
    assert listener
    asks = replace(listener, client_authentication="MANDATORY", client_ca_tls_container_ref="ca")
    await balancer.set(authority, asks)
    options = to("web.test", "-k")
    with pytest.raises(AssertionError):
        balancer.get("https://web.test/", *options)
    own = ("--cert", str(tls / "mia.crt"), "--key", str(tls / "mia.key"))
    said = balancer.get("https://web.test/", *options, *own)
    assert any(re.match(r'x-ssl-client-cn: "?mia', header) for header in said["headers"])


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("nowhere", "nowhere leads to no certificate"),
        ("wrong", "the private key is not the certificate's"),
    ],
)
async def test_a_listener_without_its_certificate_is_told_of_and_the_others_go_on(
    balancer: Balancer, tls: Path, ref: str, why: str
) -> None:
    wrong = (tls / "web.test.crt").read_bytes() + (tls / "shop.test.key").read_bytes()
    bad = replace(LISTENER, id="bad", protocol="TERMINATED_HTTPS", protocol_port=444)
    without = replace(bad, default_tls_container_ref=ref)
    await balancer.cloud.change(
        secret("wrong", wrong), without, replace(LISTENER, protocol_port=82)
    )

    async def told() -> bool:
        status = await balancer.cloud.a.status()
        return why in str(told_of(status).get("error"))

    await eventually(told, "an error")

    async def listens() -> bool:
        try:
            return bool(balancer.status(f"{URL}:82"))
        except AssertionError:  # the active one may not have it yet
            return False

    await eventually(listens, "the other listener")
    assert balancer.status(f"{URL}:82") == "200"


async def test_members_are_spoken_to_in_tls_where_the_pool_says_so(
    balancer: Balancer, tls: Path
) -> None:
    behind = f"openssl s_server -accept 9443 -cert {tls}/web.test.crt -key {tls}/web.test.key -www"
    with running(MEMBERS[0], behind):
        own = secret("own", (tls / "web.test.crt").read_bytes())
        pool = replace(POOL, tls_enabled=True)
        await balancer.set(own, pool, member(21, protocol_port=9443))
        await balancer.cloud.remove(member(22))

        async def answered() -> bool:
            return balancer.status() == "200"

        await eventually(answered, "an answer by TLS")
        other = secret("other", (tls / "shop.test.crt").read_bytes())
        await balancer.set(other, replace(pool, ca_tls_container_ref="other"))
        assert balancer.status() == "503", "not who it should be"


async def test_weights_backups_and_members_that_are_off(balancer: Balancer) -> None:
    await balancer.set(member(21, weight=0))
    assert set(balancer.members(4)) == {"10.7.0.22"}
    await balancer.set(member(21), member(22, admin_state_up=False))
    assert set(balancer.members(4)) == {"10.7.0.21"}
    await balancer.set(member(21), member(22, backup=True))
    assert set(balancer.members(4)) == {"10.7.0.21"}
    await balancer.set(member(21, admin_state_up=False), member(22, backup=True))
    assert set(balancer.members(4)) == {"10.7.0.22"}


@pytest.mark.parametrize(
    ("persistence", "name"),
    [
        (Persistence("SOURCE_IP"), ""),
        (Persistence("HTTP_COOKIE"), "SRV"),
    ],
)
async def test_who_came_before_goes_where_it_was(
    balancer: Balancer, persistence: Persistence, name: str, tmp_path: Path
) -> None:
    await balancer.set(replace(POOL, session_persistence=persistence))
    jar = tmp_path / "jar"
    options = ("-b", str(jar), "-c", str(jar))
    assert len(set(balancer.members(6, URL, *options))) == 1
    if name:
        assert name in jar.read_text()
        assert len(set(balancer.members(6))) == 2, "without the cookie"


async def test_source_decides_where_the_algorithm_says_so(balancer: Balancer) -> None:
    await balancer.set(replace(POOL, lb_algorithm="SOURCE_IP"))
    assert len(set(balancer.members(6))) == 1
    await balancer.set(replace(POOL, lb_algorithm="LEAST_CONNECTIONS"))
    assert len(set(balancer.members(6))) == 2


MONITOR = HealthMonitor(
    id="monitor",
    pool_id="pool",
    type="HTTP",
    delay=1,
    timeout=1,
    max_retries=1,
    max_retries_down=1,
    **OF,
)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "TCP"},
        {"url_path": "/health", "domain_name": "x", "expected_codes": "200,202-204"},
        {"http_method": "HEAD", "http_version": "1.1", "domain_name": "x"},
    ],
)
async def test_members_that_do_not_work_get_nothing(
    balancer: Balancer, changes: dict[str, Any]
) -> None:
    await balancer.set(replace(MONITOR, **changes), member(22, protocol_port=PORT + 9))

    async def seen() -> bool:
        said = told_of(await (await balancer.cloud.settled())[0].status())
        return bool(said.get("members") == {"member-21": "UP", "member-22": "DOWN"})

    await eventually(seen, "one up, one down")
    assert set(balancer.members(4)) == {"10.7.0.21"}


async def members_are(balancer: Balancer, wanted: dict[str, str]) -> None:
    async def seen() -> bool:
        said = [await host.status() for host in balancer.cloud.homes]
        return all(told_of(status).get("members") == wanted for status in said)

    await eventually(seen, f"both instances say {wanted}")


@pytest.mark.parametrize("address", ["10.7.0.99", "fd07::99"])
async def test_members_that_answer_no_ping_get_nothing_until_they_do(
    balancer: Balancer, address: str
) -> None:
    """HAProxy can't ask. A worker that begins anew is told as well."""
    both = {"member-21": "UP", "member-22": "UP"}
    await balancer.set(replace(MONITOR, type="PING"))
    await members_are(balancer, both)
    silent = member(22, monitor_address=address)
    await balancer.set(silent)
    one = both | {"member-22": "DOWN"}
    await members_are(balancer, one)
    assert set(balancer.members(4)) == {"10.7.0.21"}
    await balancer.set(replace(LISTENER, timeout_client_data=49_000))
    await members_are(balancer, one)
    await balancer.set(replace(silent, admin_state_up=False))
    await balancer.set(silent)
    await members_are(balancer, one)
    await balancer.set(member(22))
    await members_are(balancer, both)


async def test_of_udp_ports_those_that_are_refused_are_down(balancer: Balancer) -> None:
    """Silence is none: who is asked does not have to understand."""
    pool = Pool(id="udp", protocol="UDP", lb_algorithm="ROUND_ROBIN", **OF)
    listener = Listener(id="dns", protocol="UDP", protocol_port=53, default_pool_id="udp", **OF)
    ends = [member(n, id=f"udp-{n}", pool_id="udp", protocol_port=5300) for n in (21, 22)]
    monitor = replace(MONITOR, id="knocks", pool_id="udp", type="UDP-CONNECT")
    well = {"member-21": "NO_CHECK", "member-22": "NO_CHECK", "udp-21": "UP", "udp-22": "UP"}

    def listen() -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("0.0.0.0", 5300))
        return bound

    with netns.inside(MEMBERS[0], listen):
        await balancer.set(pool, listener, *ends, monitor)
        await members_are(balancer, well | {"udp-22": "DOWN"})
        with netns.inside(MEMBERS[1], listen):
            await members_are(balancer, well)
        await members_are(balancer, well | {"udp-22": "DOWN"})


async def test_a_wrong_answer_is_none(balancer: Balancer) -> None:
    await balancer.set(replace(MONITOR, url_path="/broken"))

    async def down() -> bool:
        return balancer.status() == "503"

    await eventually(down, "all members down")
    await balancer.set(replace(MONITOR, url_path="/broken", expected_codes="500"))

    async def up() -> bool:
        return balancer.status() == "200"

    await eventually(up, "all members up")


POLICY = L7Policy(id="policy", listener_id="listener", action="REJECT", position=1, **OF)
RULE = L7Rule(
    id="rule", l7policy_id="policy", type="PATH", compare_type="STARTS_WITH", value="/a", **OF
)


@pytest.mark.parametrize(
    ("rule", "hit", "miss"),
    [
        ({}, ("/admin",), ("/b",)),
        ({"compare_type": "ENDS_WITH"}, ("/x/a",), ("/ab",)),
        ({"compare_type": "EQUAL_TO"}, ("/a",), ("/ab",)),
        ({"compare_type": "CONTAINS", "value": "b"}, ("/abc",), ("/ac",)),
        ({"compare_type": "REGEX", "value": "^/(a|b)+$"}, ("/abab",), ("/abc",)),
        ({"invert": True}, ("/b",), ("/admin",)),
        ({"type": "FILE_TYPE", "compare_type": "EQUAL_TO", "value": "jpg"}, ("/x.jpg",), ("/jpg",)),
        (
            {"type": "HOST_NAME", "compare_type": "EQUAL_TO", "value": "Shop.test"},
            ("/", "-H", "Host:shop.test:80"),
            ("/", "-H", "Host:web.test"),
        ),
        (
            {"type": "HEADER", "compare_type": "EQUAL_TO", "key": "X-Color", "value": "red"},
            ("/", "-H", "X-Color:red"),
            ("/", "-H", "X-Color:blue"),
        ),
        (
            {"type": "COOKIE", "compare_type": "CONTAINS", "key": "taste", "value": "swe"},
            ("/", "-b", "taste=sweet"),
            ("/", "-b", "taste=sour"),
        ),
    ],
)
async def test_rules_choose_requests(
    balancer: Balancer, rule: dict[str, Any], hit: tuple[str, ...], miss: tuple[str, ...]
) -> None:
    await balancer.set(POLICY, replace(RULE, **rule))
    assert balancer.status(URL + hit[0], *hit[1:]) == "403"
    assert balancer.status(URL + miss[0], *miss[1:]) == "200"


async def test_policies_redirect_and_lead_to_other_pools_in_order(balancer: Balancer) -> None:
    other = Pool(id="other", protocol="HTTP", lb_algorithm="ROUND_ROBIN", **OF)
    alone = Member(id="o", pool_id="other", address="10.7.0.22", protocol_port=PORT, **OF)
    policies = [
        replace(POLICY, id="p", action="REDIRECT_TO_POOL", redirect_pool_id="other"),
        replace(
            POLICY,
            id="u",
            action="REDIRECT_TO_URL",
            position=2,
            redirect_url="http://x.test/50%",
            redirect_http_code=301,
        ),
        replace(
            POLICY, id="f", action="REDIRECT_PREFIX", position=3, redirect_prefix="https://y.test"
        ),
    ]
    rules = [replace(RULE, id=name, l7policy_id=name, value=f"/{name}") for name in ("p", "u", "f")]
    await balancer.set(other, alone, *policies, *rules)
    assert set(balancer.members(3, f"{URL}/p")) == {"10.7.0.22"}
    told = ("-o", "/dev/null", "-w", "%{http_code}:%{redirect_url}")
    assert balancer.cloud.get(f"{URL}/u", *told) == "301:http://x.test/50%"
    assert balancer.cloud.get(f"{URL}/f?q", *told) == "302:https://y.test/f?q"


async def test_a_regular_expression_that_explodes_stops_nobody(balancer: Balancer) -> None:
    """As many as a policy may have: HAProxy ends itself when a request keeps it for so long as
    these would, were each tried to its end, or to PCRE's own.
    """
    bomb = replace(RULE, compare_type="REGEX", value="^/(a+)+$", invert=True)
    await balancer.set(POLICY, *(replace(bomb, id=f"rule-{n}") for n in range(MOST)))
    host, _ = await balancer.cloud.settled()
    before = worker(balancer.cloud, host)
    assert balancer.status(f"{URL}/{'a' * 4000}!") == "403"
    assert balancer.status(f"{URL}/{'a' * 4000}") == "200"
    assert worker(balancer.cloud, host) == before


async def test_figures_are_there_for_prometheus_and_for_the_api(balancer: Balancer) -> None:
    metrics = replace(LISTENER, id="metrics", protocol="PROMETHEUS", protocol_port=9090)
    await balancer.set(replace(metrics, default_pool_id=""))
    assert "haproxy_frontend_http_requests_total" in balancer.cloud.get(f"{URL}:9090/metrics")
    assert balancer.status(f"{URL}:9090/") == "404"
    balancer.members(3)

    async def counted() -> bool:
        said = told_of(await (await balancer.cloud.settled())[0].status())
        return bool(said.get("flows", {}).get("listener", [0] * 4)[3] >= 3)

    await eventually(counted, "connections counted")


async def test_the_agents_page_has_figures_by_the_names_that_users_gave(
    balancer: Balancer,
) -> None:
    host, _ = await balancer.cloud.settled()
    pid = balancer.cloud.pid(host)
    await balancer.set(
        replace(LISTENER, name="main"), replace(POOL, name="workers"), member(21, name="first")
    )
    balancer.members(4)

    async def counted() -> bool:
        page = (await host.ask(do="metrics"))["text"]
        wanted = ('load_balancer="web"', 'listener="main"', 'pool="workers"', 'member="first"')
        lines = [x for x in page.splitlines() if x.startswith("polpo_member_responses_total{")]
        found = [x for x in lines if all(label in x for label in (*wanted, 'code="2xx"'))]
        return any(float(line.rpartition(" ")[2]) >= 1 for line in found)

    await eventually(counted, "answers of one member")
    assert balancer.cloud.pid(host) == pid


async def test_what_is_asked_is_written_down_where_the_flavor_says_so_but_nothing_secret(
    balancer: Balancer,
) -> None:
    """The one that goes on has had its place to write to since it began."""
    host, _ = await balancer.cloud.settled()
    path, pid = host.state / "access" / f"{LB}.log", balancer.cloud.pid(host)
    balancer.status(f"{URL}/before")
    stream = replace(LISTENER, id="stream", protocol="TCP", protocol_port=81)
    of_stream = replace(POOL, id="stream-pool", protocol="TCP")
    await balancer.set(
        replace(BALANCER, access_log=True),
        of_stream,
        replace(member(22), id="streamed", pool_id="stream-pool"),
        replace(stream, default_pool_id="stream-pool", insert_headers={}),
    )
    secret = ("-H", "Authorization:s3cret", "-b", "c=s3cret")
    assert balancer.status(f"{URL}/a/b?token=s3cret", *secret) == "200"
    assert balancer.status(f"{URL}:81/") == "200"

    async def written() -> bool:
        return path.read_text().count("\n") >= 2

    await eventually(written, "two lines")
    asked, streamed = sorted(path.read_text().splitlines(), key=lambda line: " stream " in line)
    assert re.search(r" 10\.7\.0\.20:\d+ listener pool:listener/member-2[12] ", asked)
    assert re.search(r" 200 \d+/\d+ -- GET /a/b HTTP/1\.1$", asked)
    assert re.search(r" 10\.7\.0\.20:\d+ stream stream-pool:stream/streamed .* --$", streamed)
    assert "s3cret" not in path.read_text()
    assert balancer.cloud.pid(host) == pid


async def test_what_listens_listens_at_the_vip_only(balancer: Balancer) -> None:
    await balancer.cloud.settled()
    for address in ("10.7.0.3", "10.7.0.4"):
        for port in (80, 1025):
            with pytest.raises(AssertionError):
                balancer.cloud.get(f"http://{address}:{port}", "--connect-timeout", "0.5")


async def test_a_full_listener_makes_the_next_one_wait(balancer: Balancer) -> None:
    await balancer.set(replace(LISTENER, connection_limit=1))
    with running(CLIENT, f"curl -s telnet://{VIP}:80"):

        async def full() -> bool:
            try:
                balancer.cloud.get(URL, "--max-time", "0.5")
            except AssertionError:
                return True
            return False

        await eventually(full, "a full listener")
    assert balancer.status() == "200"
