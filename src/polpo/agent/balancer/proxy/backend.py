"""A pool's backend, for one listener that leads to it."""

from collections.abc import Iterator

from polpo.agent.balancer.proxy.monitoring import check_words, checking
from polpo.agent.balancer.proxy.settings import Settings
from polpo.agent.balancer.proxy.tls import server_words
from polpo.agent.balancer.proxy.tree import HTTP, Tree, backend_name
from polpo.kernel.haproxy.words import endpoint, name, token
from polpo.model.load_balancer import Listener, Member, Persistence, Pool

BALANCE = {
    "ROUND_ROBIN": ("balance roundrobin",),
    "LEAST_CONNECTIONS": ("balance leastconn",),
    "SOURCE_IP": ("balance source", "hash-type consistent"),
    "SOURCE_IP_PORT": (
        "tcp-request content set-var(txn.port) src_port",
        "balance hash src,concat(-,txn.port)",
        "hash-type consistent",
    ),
}
PROXY = {"PROXY": "send-proxy", "PROXYV2": "send-proxy-v2"}
STICK_SIZE = {"SOURCE_IP": "100k", "APP_COOKIE": "50k"}


def backend(tree: Tree, pool: Pool, listener: Listener, settings: Settings) -> Iterator[str]:
    reads = listener.protocol in HTTP
    yield f"backend {backend_name(pool, listener)}"
    yield f"  mode {'http' if reads else 'tcp'}"
    yield "  log global"  # how its members are
    if pool.lb_algorithm not in BALANCE:
        raise ValueError(f"pool {pool.id}: algorithm {pool.lb_algorithm!r}")
    yield from (f"  {line}" for line in BALANCE[pool.lb_algorithm])
    yield f"  timeout connect {listener.timeout_member_connect}ms"
    yield f"  timeout server {listener.timeout_member_data}ms"
    yield "  option allbackups"
    yield "  option redispatch"
    if reads:
        yield "  http-reuse safe"
    else:
        yield "  option splice-auto"
    monitor = tree.monitor(pool)
    if monitor is not None:
        yield from (f"  {line}" for line in checking(monitor))
    if pool.session_persistence is not None:
        yield from (f"  {line}" for line in _persistence(pool.session_persistence, reads))
    for member in tree.members(pool):
        yield f"  server {' '.join(_server(tree, pool, listener, member, settings))}"


def _persistence(persistence: Persistence, reads: bool) -> Iterator[str]:
    expires = f"{persistence.timeout_s or 3600}s"
    match persistence.type:
        case "SOURCE_IP":
            size = STICK_SIZE["SOURCE_IP"]
            yield f"stick-table type ipv6 size {size} expire {expires} peers pair"
            yield "stick on src"
        case "HTTP_COOKIE" if reads:
            cookie = persistence.cookie_name or "SRV"
            yield f"cookie {token(cookie)} insert indirect nocache httponly"
        case "APP_COOKIE" if reads:
            cookie = token(persistence.cookie_name)
            size = STICK_SIZE["APP_COOKIE"]
            yield f"stick-table type string len 128 size {size} expire {expires} peers pair"
            yield f"stick store-response res.cook({cookie})"
            yield f"stick match req.cook({cookie})"
        case other:
            raise ValueError(f"session persistence {other!r}")


def _server(
    tree: Tree, pool: Pool, listener: Listener, member: Member, settings: Settings
) -> Iterator[str]:
    yield name(member.id)
    yield endpoint(member.address, member.protocol_port)
    yield f"weight {member.weight}"
    monitor = tree.monitor(pool)
    if monitor is not None:
        yield from check_words(monitor, member)
    if member.backup:
        yield "backup"
    if pool.session_persistence and pool.session_persistence.type == "HTTP_COOKIE":
        yield f"cookie {name(member.id)}"
    if pool.protocol in PROXY:
        yield PROXY[pool.protocol]
    if pool.tls_enabled:
        yield from server_words(pool, listener, settings)
    if not member.admin_state_up:
        yield "disabled"
